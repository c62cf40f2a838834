"""The letter of a mark."""


def grade(mark, passed):
    if mark < 0 or mark > 100:  # bug: if mark < 0 and mark > 100:
        return "?"
    if not passed:
        return "F"
    return "A" if mark >= 90 else "B"


EXAMPLES = [
    (grade, (101, True), "?"),
    (grade, (95, True), "A"),
    (grade, (95, False), "F"),
]
