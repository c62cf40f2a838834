"""Sorting by insertion, in place."""


def insertion_sort(values):
    for end in range(1, len(values)):
        value = values[end]
        place = end
        while place > 0 and values[place - 1] > value:  # bug: while place > 1 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
    return values


EXAMPLES = [
    (insertion_sort, ([3, 1, 2],), [1, 2, 3]),
    (insertion_sort, ([2, 1],), [1, 2]),
]
