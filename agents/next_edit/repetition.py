"""Rule 3, the last edit repeated: the same change where the same tokens are between the same neighbours.

A change within a line counts, however it came about. How far the neighbours have to agree depends on the kind of the
change; the numbers were chosen on the histories of published packages (`tests/eval/next_edits.py`). Once a change was
made at two places, fewer have to. Start at `list_repetitions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from agents.next_edit.next_edits import Candidate, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.next_edit.changed_tokens import TokenChange

_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]|\n")
_WINDOW = 240  # characters on each side in which the neighbours are compared
_NEIGHBOURS = 8  # most tokens that are compared on each side
_PLACES = 200  # most places of the old text that are compared
_LONGEST = 200  # characters of the old and the new text


class Agreement(NamedTuple):
    """The agreement of a place with the place of the edit.

    Attributes:
        near: names among the equal neighbours.
        names: the same, and the names in the old text.
        length: characters of the old text without spaces.
        places: number of places in the text that have the old text between the nearest neighbours.
    """

    near: int
    names: int
    length: int
    places: int


# by the kind of the change: whether its first repetition, and whether further ones are likely enough
_IS_LIKELY: dict[str, tuple[Callable[[Agreement], bool], Callable[[Agreement], bool]]] = {
    "insertion": (lambda one: one.near >= 6, lambda one: one.near >= 2),
    "deletion": (
        lambda one: one.names >= 4 or one.length >= 10,
        lambda one: one.near >= 1 or one.length >= 4,
    ),
    "name": (
        lambda one: one.names >= 6 or (one.length >= 10 and one.near >= 1) or one.length >= 16,
        lambda one: one.near >= 1 or one.length >= 8,
    ),
    "words": (
        lambda one: (one.places <= 5 and one.near >= 2) or (one.length >= 10 and one.near >= 1),
        lambda one: one.near >= 1 or one.length >= 6,
    ),
    "marks": (lambda one: one.near >= 4, lambda one: one.near >= 2),
}


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A change within a line, with its neighbours.

    Attributes:
        uri: the document.
        start: start of `new_text` in the current text.
        old_text: the text before the edit, between the nearest tokens that stayed equal.
        new_text: the same after the edit.
        left: tokens before it, nearest first; a line end counts as one.
        right: tokens after it, likewise.
        kind: the kind of the change, a key of `_IS_LIKELY`.
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
    """Yield the changes that can be repeated, with their neighbours in the current `text`."""
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
        if left and right and _count_brackets(old) == _count_brackets(new):  # else half of a change would be repeated
            yield Repeatable(uri, start, old, new, left, right, _name_kind(change))


def join_repeatable(found: Iterable[Repeatable]) -> list[Repeatable]:
    """Return `found`, joining equal changes; a joined one has the neighbours that all of them share."""
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
    found = [
        (start, _take_common(one.left, _list_left(text, start)), _take_common(one.right, _list_right(text, end)))
        for start, end in _find_all(text, one)
    ]
    first, later = _IS_LIKELY[one.kind]
    is_likely = first if one.places == 1 else later
    words, length = _count_words(_TOKEN.findall(one.old_text)), len("".join(one.old_text.split()))
    near = [(start, _count_words((*left, *right))) for start, left, right in found]
    return [
        Candidate(uri, start, start + len(one.old_text), one.new_text, Kind.REPEAT, _explain(one), one.key)
        for start, count in near
        if is_likely(Agreement(count, count + words, length, len(near)))
    ]


def _find_all(text: str, one: Repeatable) -> Iterator[tuple[int, int]]:
    """Yield start and end of the old text in `text`, where it is between the nearest neighbours of `one`."""
    before = one.left[0] if one.left and one.left[0] != "\n" else ""
    after = one.right[0] if one.right else ""
    if not one.old_text.strip() and not (one.left and one.right):
        return
    needle = before + one.old_text + after
    at = text.find(needle)
    for _ in range(_PLACES):
        if at < 0:
            return
        start, end = at + len(before), at + len(before) + len(one.old_text)
        begins_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
        splits = _splits_word(text, at) or _splits_word(text, at + len(needle))
        if not splits and (before or begins_line or not one.left):
            yield start, end
        at = text.find(needle, at + 1)


def _splits_word(text: str, at: int) -> bool:
    """Return whether the offset `at` is inside a word."""
    return text[at - 1 : at + 1].isidentifier() and len(text[at - 1 : at + 1]) > 1


def _explain(one: Repeatable) -> str:
    """Return the reason to show."""
    old, new = one.old_text.strip(), one.new_text.strip()
    if not new:
        return f"`{old}` was removed at a similar place."
    return f"`{new}` was inserted at a similar place." if not old else f"`{old}` became `{new}` at a similar place."


def _count_brackets(text: str) -> list[int]:
    """Return how many more brackets of each kind open in `text` than close, and whether a quote is left open."""
    pairs = [text.count(opened) - text.count(closed) for opened, closed in ("()", "[]", "{}")]
    return [*pairs, text.count("'") % 2, text.count('"') % 2]


def _name_kind(change: TokenChange) -> str:
    """Return the kind of `change`, a key of `_IS_LIKELY`."""
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
