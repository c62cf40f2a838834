"""Where a value stands in a sorted list."""


def find(values, wanted):
    low, high = 0, len(values) - 1
    while low <= high:  # bug: while low < high:
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return -1


EXAMPLES = [
    (find, ([1, 3, 5], 5), 2),
    (find, ([1, 3, 5], 4), -1),
    (find, ([7], 7), 0),
]
