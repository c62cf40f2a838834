"""Edits between versions of a text: moves edits to a changed text, inverts them, and computes them from two texts.

An edit moves with the lines around it, which have to occur exactly once in both texts. Reads no files. Start at
`rebase`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agents.edits import Edit
from indexing.syntax import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT_LINES = (3, 8, 20, 60)  # around an edit; the first number that makes the place unique is used
_MOST_LINES = 2000  # of a text for a line diff; longer texts get one edit


def rebase(before: str, edits: Sequence[Edit], current: str) -> tuple[Edit, ...] | None:
    """Return `edits` to `before` as edits to `current`.

    Returns None if the lines around an edit are changed or gone in `current` or occur more than once, or if the moved
    edits would overlap.
    """
    starts = texts.find_line_starts(before)
    moved: list[Edit] = []
    for edit in edits:
        shift = _find_shift(before, starts, edit, current)
        if shift is None:
            return None
        one = Edit(edit.start + shift, edit.end + shift, edit.text)
        if moved and one.start < moved[-1].end:
            return None
        moved.append(one)
    return tuple(moved)


def invert_edits(before: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return the edits that turn the result of applying `edits` to `before` back into `before`."""
    back: list[Edit] = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        back.append(Edit(start, start + len(edit.text), before[edit.start : edit.end]))
        shift += len(edit.text) - (edit.end - edit.start)
    return tuple(back)


def compute_edits(old: str, new: str) -> tuple[Edit, ...]:
    """Return edits of whole lines that turn `old` into `new`; () for equal texts.

    For texts of more than `_MOST_LINES` lines, returns a single edit from the first to the last difference.
    """
    one, other = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if max(len(one), len(other)) > _MOST_LINES:
        return () if old == new else (_find_single_edit(old, new),)
    offsets = [0]
    for line in one:
        offsets.append(offsets[-1] + len(line))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return tuple(
        Edit(offsets[low], offsets[high], "".join(other[first:last]))
        for tag, low, high, first, last in matcher.get_opcodes()
        if tag != "equal"
    )


def match_edits(before: str, edits: Sequence[Edit], current: str) -> tuple[bool, ...] | None:
    """Return for each of `edits` to `before` whether it was applied in `current`.

    Returns None if `current` is not `before` with some of the edits applied.
    """
    ways: dict[int, tuple[bool, ...]] = {0: ()}  # end of the matched part of `current` -> edits applied in it
    reached = 0
    for edit in edits:
        kept, old = before[reached : edit.start], before[edit.start : edit.end]
        further: dict[int, tuple[bool, ...]] = {}
        for at, done in ways.items():
            if current.startswith(kept, at):
                place = at + len(kept)
                for text, was_made in ((edit.text, True), (old, False)):
                    if current.startswith(text, place):
                        further.setdefault(place + len(text), (*done, was_made))
        ways, reached = further, edit.end
    rest = before[reached:]
    return next((done for at, done in ways.items() if current[at:] == rest), None)


def _find_shift(before: str, starts: Sequence[int], edit: Edit, current: str) -> int | None:
    """Return by how many code points the lines around `edit` moved from `before` to `current`.

    Returns None if those lines are not in `current`, or not unique. `starts` are the offsets of the lines of `before`.
    """
    first, last = texts.find_line(list(starts), edit.start), texts.find_line(list(starts), edit.end)
    for lines in CONTEXT_LINES:
        low = starts[max(0, first - lines)]
        above = last + lines + 1
        high = starts[above] if above < len(starts) else len(before)
        around = before[low:high]
        if around.strip() and _find_unique(before, around) is not None:
            found = _find_unique(current, around)
            return None if found is None else found - low
    return None


def _find_unique(text: str, piece: str) -> int | None:
    """Return the offset in `text` at which `piece` begins a line; None if there is no such offset or more than one."""
    found = -1
    at = text.find(piece)
    while at >= 0:
        if at == 0 or text[at - 1] in "\r\n":
            if found >= 0:
                return None
            found = at
        at = text.find(piece, at + 1)
    return found if found >= 0 else None


def _find_single_edit(old: str, new: str) -> Edit:
    """Return the single edit that turns `old` into `new`; it leaves out their common prefix and suffix."""
    start = 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return Edit(start, len(old) - end, new[start : len(new) - end])
