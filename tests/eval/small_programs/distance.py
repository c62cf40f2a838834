"""Edit distance of two texts."""


def distance(one, other):
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return distance(one[1:], other[1:])
    nearest = min(distance(one[1:], other), distance(one, other[1:]), distance(one[1:], other[1:]))
    return nearest + 1  # bug: return nearest


EXAMPLES = [
    (distance, ("cat", "cut"), 1),
    (distance, ("", "ab"), 2),
]
