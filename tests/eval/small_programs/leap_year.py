"""Whether a year has a 29th of February."""


def is_leap(year):
    if year % 400 == 0:
        return True
    if year % 100 == 0:
        return False  # bug: return True
    return year % 4 == 0


EXAMPLES = [
    (is_leap, (2000,), True),
    (is_leap, (1900,), False),
    (is_leap, (2024,), True),
    (is_leap, (2023,), False),
]
