"""Means of neighbouring values."""


def means(values, width):
    found = []
    for start in range(len(values) - width + 1):  # bug: for start in range(len(values) - width):
        window = values[start : start + width]
        found.append(sum(window) / width)
    return found


EXAMPLES = [
    (means, ([1, 2, 3], 2), [1.5, 2.5]),
]
