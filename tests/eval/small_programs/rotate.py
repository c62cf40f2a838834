"""A list turned to the left."""


def rotate(values, count):
    if not values:
        return values
    count %= len(values)
    return values[count:] + values[:count]  # bug: return values[:count] + values[count:]


EXAMPLES = [
    (rotate, ([1, 2, 3], 1), [2, 3, 1]),
]
