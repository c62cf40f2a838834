"""Rule 3, the last edit repeated: where the same tokens stand between the same neighbours, the same change is offered.

A change within a line counts, however it came about. How many words around it have to agree depends on the kind of the
change; the numbers were chosen on the histories of published packages (`tests/eval/next_edits.py`). Once a change was
made at two places, fewer have to. Start at `list_repetitions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from agents.next_edit.next_edits import Candidate, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.next_edit.changed_tokens import TokenChange

_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]|\n")
_WINDOW = 240  # characters on each side in which the neighbours are compared
_NEIGHBOURS = 8  # most tokens that are compared on each side
_PLACES = 200  # most places of the old text that are looked at
_LONGEST = 200  # characters of the old and the new text


class Need(NamedTuple):
    """The least agreement of a place with the place of the edit.

    Attributes:
        words: words among the equal neighbours.
        side: words among the equal neighbours of the side with fewer.
    """

    words: int
    side: int


# by the kind of the change: what the first repetition needs, and what further ones need
_NEEDS = {
    "insertion": (Need(6, 1), Need(3, 1)),
    "deletion": (Need(3, 1), Need(1, 0)),
    "name": (Need(5, 1), Need(2, 0)),
    "words": (Need(3, 1), Need(1, 0)),
    "marks": (Need(4, 1), Need(3, 1)),
}


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A change within a line, with its neighbours.

    Attributes:
        uri: the document.
        start: start of `new_text` in the current text.
        old_text: text between the nearest equal tokens before the edit.
        new_text: the same after the edit.
        left: tokens before it, nearest first; a line end counts as one.
        right: tokens after it, likewise.
        kind: the kind of the change, a key of `_NEEDS`.
        places: number of places where the change was made.
    """

    uri: str
    start: int
    old_text: str
    new_text: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    kind: str
    places: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """The change without its place."""
        return self.old_text, self.new_text


def find_repeatable(changes: Iterable[TokenChange], uri: str, text: str) -> Iterator[Repeatable]:
    """Yield those of `changes` that can be repeated, with their neighbours in the current `text`."""
    for change in changes:
        old, new = change.old_text, change.new_text
        if "\n" in old + new or max(len(old), len(new)) > _LONGEST or not (change.left or change.new):
            continue
        if change.left:
            start = change.left[-1].end
        else:  # at the start of a line, the indentation does not matter
            start = change.new[0].start
            old, new = old.lstrip(), new.lstrip()
        left, right = _list_left(text, start), _list_right(text, start + len(new))
        if left and right:
            yield Repeatable(uri, start, old, new, left, right, _name_kind(change))


def join_repeatable(found: Iterable[Repeatable]) -> list[Repeatable]:
    """Return `found` with those of the same change joined: they keep the neighbours that they have in common."""
    joined: dict[tuple[str, str], Repeatable] = {}
    for one in found:
        known = joined.get(one.key)
        if known is not None:
            left, right = _take_common(known.left, one.left), _take_common(known.right, one.right)
            joined[one.key] = replace(known, left=left, right=right, places=known.places + 1)
        else:
            joined[one.key] = one
    return list(joined.values())


def list_repetitions(one: Repeatable, uri: str, text: str) -> list[Candidate]:
    """Return the places in `text` where `one` can be repeated, in the order of the text."""
    first, later = _NEEDS[one.kind]
    need = first if one.places == 1 else later
    found = []
    for start in _find_all(text, one):
        end = start + len(one.old_text)
        left = _take_common(one.left, _list_left(text, start))
        right = _take_common(one.right, _list_right(text, end))
        words, others = _count_words(left), _count_words(right)
        if words + others >= need.words and min(words, others) >= need.side:
            found.append(Candidate(uri, start, end, one.new_text, Kind.REPEAT, _explain(one), one.key))
    return found


def _find_all(text: str, one: Repeatable) -> Iterator[int]:
    """Yield where the old text stands in `text` between the nearest neighbours of `one`."""
    if not one.left or not one.right:
        return
    before = "" if one.left[0] == "\n" else one.left[0]
    needle = before + one.old_text + one.right[0]
    at = text.find(needle)
    for _ in range(_PLACES):
        if at < 0:
            return
        start = at + len(before)
        if before or not text[text.rfind("\n", 0, start) + 1 : start].strip():
            yield start
        at = text.find(needle, at + 1)


def _explain(one: Repeatable) -> str:
    """Return the reason to show."""
    old, new = one.old_text.strip(), one.new_text.strip()
    if not new:
        return f"`{old}` was removed at a similar place."
    return f"`{new}` was inserted at a similar place." if not old else f"`{old}` became `{new}` at a similar place."


def _name_kind(change: TokenChange) -> str:
    """Return the kind of `change`, a key of `_NEEDS`."""
    if not change.old:
        return "insertion"
    if not change.new:
        return "deletion"
    if len(change.old) == len(change.new) == 1 and change.old[0].text.isidentifier():
        return "name" if change.new[0].text.isidentifier() else "words"
    return "words" if any(token.text.isidentifier() for token in change.old) else "marks"


def _list_left(text: str, end: int) -> tuple[str, ...]:
    """Return the tokens before `end`, nearest first."""
    begin = max(end - _WINDOW, 0)
    if begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin = text.find("\n", begin, end) + 1 or end
    return tuple(reversed(_TOKEN.findall(text, begin, end)[-_NEIGHBOURS:]))


def _list_right(text: str, start: int) -> tuple[str, ...]:
    """Return the tokens after `start`, nearest first."""
    return tuple(_TOKEN.findall(text, start, start + _WINDOW)[:_NEIGHBOURS])


def _take_common(one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Return the common start of two sequences."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return tuple(one[:count])


def _count_words(tokens: Iterable[str]) -> int:
    """Return the number of names and keywords among `tokens`."""
    return sum(token.isidentifier() for token in tokens)
