"""The longest common beginning of two texts."""


def common_prefix(one, other):
    length = 0
    for first, second in zip(one, other, strict=False):
        if first != second:  # bug: if first == second:
            break
        length += 1
    return one[:length]


EXAMPLES = [
    (common_prefix, ("flow", "flood"), "flo"),
]
