"""Edits from the text they were made for to the text as it stands now, back again, and out of two texts.

An edit moves only together with the lines around it: they have to stand exactly once in both texts. Knows no files.
Start at `rebased`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from agents.edits import Edit
from indexing.syntax import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTEXT_LINES = (3, 8, 20, 60)  # around an edit, the fewest that make the place unique
_FINE = 2000  # lines; beyond, two texts differ in one piece


def rebased(before: str, edits: Sequence[Edit], now: str) -> tuple[Edit, ...] | None:
    """`edits` to `before` as edits to `now`; None where a place is gone, changed, or there more than once."""
    starts = texts.line_starts(before)
    moved: list[Edit] = []
    for edit in edits:
        shift = _shift(before, starts, edit, now)
        if shift is None:
            return None
        one = Edit(edit.start + shift, edit.end + shift, edit.text)
        if moved and one.start < moved[-1].end:
            return None
        moved.append(one)
    return tuple(moved)


def inverted(before: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits that lead back: to the text that `edits` made of `before`."""
    back: list[Edit] = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        back.append(Edit(start, start + len(edit.text), before[edit.start : edit.end]))
        shift += len(edit.text) - (edit.end - edit.start)
    return tuple(back)


def edits_between(old: str, new: str) -> tuple[Edit, ...]:
    """Edits of whole lines that make `new` of `old`, as few and small as a line diff gives."""
    one, other = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if max(len(one), len(other)) > _FINE:
        return () if old == new else (_trimmed(old, new),)
    offsets = [0]
    for line in one:
        offsets.append(offsets[-1] + len(line))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return tuple(
        Edit(offsets[low], offsets[high], "".join(other[first:last]))
        for tag, low, high, first, last in matcher.get_opcodes()
        if tag != "equal"
    )


def made(before: str, edits: Sequence[Edit], now: str) -> tuple[bool, ...] | None:
    """Which of `edits` stand in `now`, that is `before` with some of them made; None if it is neither."""
    ways: dict[int, tuple[bool, ...]] = {0: ()}  # how far `now` is explained -> which edits explain it
    reached = 0
    for edit in edits:
        kept, old = before[reached : edit.start], before[edit.start : edit.end]
        further: dict[int, tuple[bool, ...]] = {}
        for at, done in ways.items():
            if now.startswith(kept, at):
                place = at + len(kept)
                for text, was_made in ((edit.text, True), (old, False)):
                    if now.startswith(text, place):
                        further.setdefault(place + len(text), (*done, was_made))
        ways, reached = further, edit.end
    rest = before[reached:]
    return next((done for at, done in ways.items() if now[at:] == rest), None)


def _shift(before: str, starts: Sequence[int], edit: Edit, now: str) -> int | None:
    """How far the place of an edit has moved from `before` to `now`, code points."""
    first, last = texts.line_of(list(starts), edit.start), texts.line_of(list(starts), edit.end)
    for lines in CONTEXT_LINES:
        low = starts[max(0, first - lines)]
        above = last + lines + 1
        high = starts[above] if above < len(starts) else len(before)
        around = before[low:high]
        if around.strip() and _only(before, around) is not None:
            found = _only(now, around)
            return None if found is None else found - low
    return None


def _only(text: str, piece: str) -> int | None:
    """Where `piece` stands in `text`, if it does so exactly once and at the begin of a line."""
    found = -1
    at = text.find(piece)
    while at >= 0:
        if at == 0 or text[at - 1] in "\r\n":
            if found >= 0:
                return None
            found = at
        at = text.find(piece, at + 1)
    return found if found >= 0 else None


def _trimmed(old: str, new: str) -> Edit:
    """The one edit between what both texts begin and end with."""
    start = 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return Edit(start, len(old) - end, new[start : len(new) - end])
