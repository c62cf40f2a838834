"""Intervals that touch, joined."""


def join(intervals):
    joined = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            before, reached = joined.pop()
            joined.append((before, max(end, reached)))  # bug: joined.append((before, min(end, reached)))
        else:
            joined.append((start, end))
    return joined


EXAMPLES = [
    (join, ([(1, 3), (2, 5), (7, 8)],), [(1, 5), (7, 8)]),
]
