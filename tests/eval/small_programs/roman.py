"""A number in Roman numerals."""

NUMERALS = [(10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def roman(number):
    text = ""
    for value, numeral in NUMERALS:
        while number >= value:  # bug: while number > value:
            text += numeral
            number -= value
    return text


EXAMPLES = [
    (roman, (14,), "XIV"),
    (roman, (5,), "V"),
]
