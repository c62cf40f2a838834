"""Whole lines of a text: their spans, and the fewest edits of lines that turn one text into another.

Start at `diff_lines` and `expand_to_lines`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.tasks.proposals import measure_unchanged
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_DIFF = 4000  # lines of both texts; longer differences become one edit


def expand_to_lines(text: str, span: Span) -> Span:
    """Return the span of the whole lines of `span`, without the last line's end."""
    last = max(span.start, span.end - (span.end > span.start and text[span.end - 1 : span.end] == "\n"))
    end = text.find("\n", last)
    end = len(text) if end < 0 else end
    start = text.rfind("\n", 0, span.start) + 1
    return Span(start, max(start, end - text.endswith("\r", start, end)))


def diff_lines(old: str, new: str) -> tuple[Edit, ...]:
    """Return edits of whole lines that turn `old` into `new`; equal lines are in no edit.

    If more than `LONGEST_DIFF` lines may differ, one edit replaces them all.
    """
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


def sort_edits(edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits sorted by place, without edits that begin inside of an earlier one."""
    made: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        if not made or edit.start >= made[-1].end:
            made.append(edit)
    return made


def restore_trailing_space(lines: Sequence[str], held: Sequence[str]) -> list[str]:
    """Return `lines` with the trailing white space that equal lines of `held` have."""
    known = {line.rstrip(): line for line in held}
    return [known.get(line.rstrip(), line) for line in lines]


def find_next_line(text: str, at: int, *, blank: bool = False) -> int:
    """Return the offset of the next line after `at`, or the end of `text`; with `blank`, skips blank lines."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end + 1
    while blank and end < len(text) and not text[end : find_next_line(text, end)].strip():
        end = find_next_line(text, end)
    return end
