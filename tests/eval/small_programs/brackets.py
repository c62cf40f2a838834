"""Whether every bracket is closed by its own kind."""

PAIRS = {")": "(", "]": "[", "}": "{"}


def is_balanced(text):
    waiting = []
    for mark in text:
        if mark in PAIRS.values():
            waiting.append(mark)
        elif mark in PAIRS and (not waiting or waiting.pop() != PAIRS[mark]):
            return False
    return not waiting  # bug: return True


EXAMPLES = [
    (is_balanced, ("([])",), True),
    (is_balanced, ("(",), False),
    (is_balanced, ("(]",), False),
]
