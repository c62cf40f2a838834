"""All subsets of a list."""


def subsets(items):
    if not items:
        return [[]]
    first, rest = items[0], items[1:]
    without = subsets(rest)
    return without + [[first, *subset] for subset in without]  # bug: return [[first, *subset] for subset in without]


EXAMPLES = [
    (subsets, ([1, 2],), [[], [2], [1], [1, 2]]),
]
