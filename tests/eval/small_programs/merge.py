"""Two sorted lists made one."""


def merge(left, right):
    merged = []
    at, other = 0, 0
    while at < len(left) and other < len(right):
        if left[at] <= right[other]:
            merged.append(left[at])
            at += 1
        else:
            merged.append(right[other])  # bug: merged.append(left[at])
            other += 1
    return merged + left[at:] + right[other:]


EXAMPLES = [
    (merge, ([1, 4], [2, 3]), [1, 2, 3, 4]),
]
