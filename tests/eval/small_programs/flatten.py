"""All leaves of nested lists."""


def flatten(tree):
    leaves = []
    for child in tree:
        if isinstance(child, list):
            leaves.extend(flatten(child))  # bug: leaves.append(flatten(child))
        else:
            leaves.append(child)
    return leaves


EXAMPLES = [
    (flatten, ([1, [2, [3]]],), [1, 2, 3]),
    (flatten, ([],), []),
]
