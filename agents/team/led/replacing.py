"""Changes of a text as replacements of whole lines, as the tool `edit_file` takes them."""

from __future__ import annotations

import difflib

MOST_REPLACEMENTS = 50
"""Replacements that the tool takes at once."""


def make_replacement(before: str, after: str) -> dict[str, str]:
    """Return the replacement that turns `before` into `after`: `old` and `new`, in whole lines.

    Unchanged lines around the change are included until `old` occurs only once in `before`, or is the whole text.
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


def make_replacements(before: str, after: str) -> list[dict[str, str]]:
    """Return replacements that turn `before` into `after`, one for each group of changed lines.

    Groups whose surroundings overlap are joined; one replacement holds all where there would be too many.
    """
    lines, others = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    groups: list[tuple[int, int, int, int]] = []
    # equal lines around a group stand at the same distance in both texts
    for tag, *place in matcher.get_opcodes():
        if tag == "equal":
            continue
        group = _widen(before, lines, len(others), (place[0], place[1], place[2], place[3]))
        while groups and group[0] < groups[-1][1]:
            first, _, start, _ = groups.pop()
            group = _widen(before, lines, len(others), (first, group[1], start, group[3]))
        groups.append(group)
    if len(groups) > MOST_REPLACEMENTS:
        return [make_replacement(before, after)]
    return [{"old": "".join(lines[a:b]), "new": "".join(others[c:d])} for a, b, c, d in groups]


def _widen(before: str, lines: list[str], most: int, group: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return `group` with lines around it added until its old lines occur only once in `before`, or are all lines.

    A group is the first line and the line after the last: of `lines`, the old ones, and of the new ones, whose number
    is `most`.
    """
    first, last, start, end = group
    while True:
        old = "".join(lines[first:last])
        if (old.strip() and before.count(old) == 1) or (not first and last == len(lines)):
            return first, last, start, end
        if first:
            first, start = first - 1, start - 1
        if last < len(lines) and end < most:
            last, end = last + 1, end + 1
