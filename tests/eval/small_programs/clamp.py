"""A value kept between two bounds."""


def clamp(value, low, high):
    if low > high:
        low, high = high, low
    return max(low, min(value, high))  # bug: return max(low, min(high, high))


EXAMPLES = [
    (clamp, (5, 0, 3), 3),
    (clamp, (2, 0, 3), 2),
]
