"""The greatest common divisor, by Euclid."""


def greatest_divisor(first, second):
    if second == 0:
        return first
    return greatest_divisor(second, first % second)  # bug: return greatest_divisor(first % second, second)


EXAMPLES = [
    (greatest_divisor, (12, 18), 6),
    (greatest_divisor, (7, 0), 7),
    (greatest_divisor, (35, 14), 7),
]
