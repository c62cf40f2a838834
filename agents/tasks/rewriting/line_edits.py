"""Edits of whole lines, in order and as few as there can be; what is equal in two texts is not touched.

Start at `line_edits`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.tasks.proposals import measure_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_DIFF = 4000  # lines that are compared one by one


def line_edits(old: str, new: str) -> tuple[Edit, ...]:
    """Return the edits of whole lines that make `new` of `old`, equal lines left out."""
    same, tail = measure_unchanged(old, new)
    start = old.rfind("\n", 0, same) + 1
    tail = min(tail, len(old) - start, len(new) - start)
    end = len(old) - tail
    if tail and end and old[end - 1] != "\n":
        newline = old.find("\n", end)
        end = len(old) if newline < 0 else newline + 1
    tail = len(old) - end
    before, after = old[start:end].splitlines(keepends=True), new[start : len(new) - tail].splitlines(keepends=True)
    if len(before) + len(after) > LONGEST_DIFF:
        return (Edit(start, end, "".join(after)),) if before != after else ()
    places = [start]
    for line in before:
        places.append(places[-1] + len(line))
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return tuple(Edit(places[a], places[b], "".join(after[c:d])) for kind, a, b, c, d in blocks if kind != "equal")


def in_order(edits: Iterable[Edit]) -> list[Edit]:
    """Sort edits by place, without those that lie within an earlier one."""
    made: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if not made or edit.start >= made[-1].end:
            made.append(edit)
    return made


def as_held(lines: Sequence[str], held: Sequence[str]) -> list[str]:
    """Return lines with the trailing white space that equal lines have in the document."""
    known = {line.rstrip(): line for line in held}
    return [known.get(line.rstrip(), line) for line in lines]


def next_line(text: str, at: int, *, blank: bool) -> int:
    """Return where the next line begins, behind blank ones if asked."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end + 1
    while blank and end < len(text) and not text[end : next_line(text, end, blank=False)].strip():
        end = next_line(text, end, blank=False)
    return end
