"""A change of a text as one replacement of whole lines, as the tool `edit_file` takes it."""

from __future__ import annotations


def make_replacement(before: str, after: str) -> dict[str, str]:
    """Return the replacement that turns `before` into `after`: `old` and `new`, in whole lines.

    As many unchanged lines come along as make `old` occur only once.
    """
    lines, others = before.splitlines(keepends=True), after.splitlines(keepends=True)
    shortest = min(len(lines), len(others))
    first = next((at for at in range(shortest) if lines[at] != others[at]), shortest)
    most = shortest - first
    tail = next((at for at in range(most) if lines[-1 - at] != others[-1 - at]), most)
    last = len(lines) - tail
    while True:
        old = "".join(lines[first:last])
        if (old.strip() and before.count(old) == 1) or (not first and last == len(lines)):
            return {"old": old, "new": "".join(others[first : len(others) - (len(lines) - last)])}
        first, last = max(0, first - 1), min(len(lines), last + 1)
