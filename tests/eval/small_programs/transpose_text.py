"""Lines of text padded to one width."""


def padded(lines, fill):
    width = max(len(line) for line in lines)
    return [line.ljust(width, fill) for line in lines]  # bug: return [line.ljust(fill, width) for line in lines]


EXAMPLES = [
    (padded, (["a", "bcd"], "."), ["a..", "bcd"]),
]
