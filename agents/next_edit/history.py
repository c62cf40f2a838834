"""The last edits of a person in the open documents, each made of adjacent changes.

Changes that touch each other are one edit, and so is the last edit with a change on its line. An undone edit is
dropped. Bounded in number and in size. Reads no syntax and imports nothing slow: each key passes through it. Start at
`EditHistory.note_change`.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EDITS = 32  # most edits that are remembered
TOTAL = 4 * 1024 * 1024  # most characters of the texts before these edits
UNDONE = 32  # most undone edits that are remembered
CHARACTERS = 512 * 1024  # longest text whose changes are recorded


@dataclass(frozen=True, slots=True)
class PastEdit:
    """One edit of a person.

    Attributes:
        uri: the document.
        before: its whole text before the edit.
        old_start: start of the replaced part in `before`.
        old_end: end of the replaced part in `before`.
        start: start of the new part in the document's current text.
        end: end of the new part in the document's current text.
        at: time of the last change, seconds of a monotonic clock.
    """

    uri: str
    before: str
    old_start: int
    old_end: int
    start: int
    end: int
    at: float


@dataclass(frozen=True, slots=True)
class LineChange:
    """Whole lines of a document before and after an edit."""

    uri: str
    before: str
    after: str


class EditHistory:
    """The last edits in all open documents. Not thread-safe; `list_recent` returns a copy that threads may read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._edits: list[PastEdit] = []  # the newest one is last
        self._undone: deque[LineChange] = deque(maxlen=UNDONE)

    def note_change(self, uri: str, before: str, after: str) -> None:
        """Record that the text `before` of the document `uri` has become `after`.

        Joins the change with the edit that it touches, or with the last edit if that is on the same line; of several
        such edits, only the change itself is kept. Forgets the document's edits if a text is longer than `CHARACTERS`.
        """
        if before == after:
            return
        if max(len(before), len(after)) > CHARACTERS:
            self.forget(uri)
            return
        start = measure_common_prefix(before, after)
        same_end = measure_common_suffix(before, after, start)
        old_end, end = len(before) - same_end, len(after) - same_end
        touched: list[PastEdit] = []
        kept: list[PastEdit] = []
        newest = self._edits[-1] if self._edits else None
        for edit in self._edits:
            if edit.uri != uri:
                kept.append(edit)
            elif _touches(edit, start, old_end) or (edit is newest and _shares_line(edit, before, start, old_end)):
                touched.append(edit)
            else:
                kept.append(_shift(edit, old_end, end))
        joined = touched[0] if len(touched) == 1 else None  # several have no common text before them
        if joined is None:
            made = PastEdit(uri, before, start, old_end, start, end, self._clock())
        else:
            made = _join(joined, start, old_end, end, self._clock())
        if made.before[made.old_start : made.old_end] != after[made.start : made.end]:
            kept.append(made)
        elif joined is not None:
            self._note_undone(joined, before)
        self._edits = _drop_oldest(kept)

    def list_recent(self, within_s: float) -> tuple[PastEdit, ...]:
        """Return the edits of the last `within_s` seconds, newest first."""
        oldest = self._clock() - within_s
        return tuple(edit for edit in reversed(self._edits) if edit.at >= oldest)

    def list_undone(self) -> frozenset[LineChange]:
        """Return the edits that the person has undone."""
        return frozenset(self._undone)

    def forget(self, uri: str) -> None:
        """Forget the edits of the document `uri`."""
        self._edits = [edit for edit in self._edits if edit.uri != uri]

    def _note_undone(self, edit: PastEdit, text: str) -> None:
        """Remember the lines of `edit`, which a change of the document's text `text` has undone."""
        self._undone.append(describe_edit(edit, text))


def measure_common_prefix(one: str, other: str) -> int:
    """Return the length of the common start of two texts; bisects, as comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def measure_common_suffix(one: str, other: str, start: int) -> int:
    """Return the length of the common end of two texts; it begins at `start` or later in both."""
    low, high = 0, min(len(one), len(other)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def find_line_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the offsets of the whole lines that contain [start, end), without the last line's end."""
    after = text.find("\n", end)
    return text.rfind("\n", 0, start) + 1, len(text) if after < 0 else after


def expand_to_lines(text: str, start: int, end: int) -> str:
    """Return the whole lines of `text` that contain [start, end), without the last line's end."""
    first, last = find_line_span(text, start, end)
    return text[first:last]


def describe_edit(edit: PastEdit, text: str) -> LineChange:
    """Return the lines of `edit` before it and in the document's current `text`."""
    before = expand_to_lines(edit.before, edit.old_start, edit.old_end)
    return LineChange(edit.uri, before, expand_to_lines(text, edit.start, edit.end))


def _drop_oldest(edits: list[PastEdit]) -> list[PastEdit]:
    """Return the newest of `edits`, within the bounds of number and size."""
    kept = edits[-EDITS:]
    total = sum(len(edit.before) for edit in kept)
    while total > TOTAL:
        total -= len(kept.pop(0).before)
    return kept


def _touches(edit: PastEdit, start: int, old_end: int) -> bool:
    """Return whether a change of [start, old_end) touches the new part of `edit`."""
    return start <= edit.end and edit.start <= old_end


def _shares_line(edit: PastEdit, text: str, start: int, old_end: int) -> bool:
    """Return whether there is no line end between the change of [start, old_end) in `text` and the part of `edit`."""
    gap = text[edit.end : start] if edit.end <= start else text[old_end : edit.start]
    return "\n" not in gap and "\r" not in gap


def _shift(edit: PastEdit, old_end: int, end: int) -> PastEdit:
    """Return `edit` moved by a change before `old_end`, which is now `end`; unmoved by a change after it."""
    by = end - old_end if old_end <= edit.start else 0
    return replace(edit, start=edit.start + by, end=edit.end + by) if by else edit


def _join(edit: PastEdit, start: int, old_end: int, end: int, at: float) -> PastEdit:
    """Return `edit` widened by the change of [start, old_end), which now ends at `end`."""
    left, right = max(edit.start - start, 0), max(old_end - edit.end, 0)
    return replace(
        edit,
        old_start=edit.old_start - left,
        old_end=edit.old_end + right,
        start=edit.start - left,
        end=max(edit.end, old_end) + end - old_end,
        at=at,
    )
