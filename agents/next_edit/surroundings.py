"""The tokens around a place in a text, how far those of two places agree, and the places that look like another one.

Reads characters, no syntax tree. Start at `find_places`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]|\n")
_NO_WORD = re.compile(r"\W")
_WINDOW = 160  # characters on each side that are read
_NEIGHBOURS = 8  # most tokens on each side
_LONGEST_PATTERN = 150  # tokens of a replaced text that is searched for
_SPACES = (" ", "\t")
_LONGEST_GAP = 500  # characters of empty lines
_TRIES = 2000  # most matches that are looked at


class Span(NamedTuple):
    """A part of a text."""

    start: int
    end: int


class Agreed(NamedTuple):
    """How far two places agree: numbers of equal tokens, nearest first.

    Attributes:
        left: equal tokens before.
        right: equal tokens after.
        words: names and keywords among both.
    """

    left: int
    right: int
    words: int

    @property
    def length(self) -> int:
        """Equal tokens on both sides."""
        return self.left + self.right


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The tokens around a place, nearest first; a line end counts as one.

    Attributes:
        left: the tokens before.
        right: the tokens after.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]

    def compare(self, text: str, start: int, end: int) -> Agreed:
        """Return how far what stands before `start` and after `end` in `text` agrees with these."""
        left = count_common(self.left, _read_left(text, start)) if self.left else 0
        right = count_common(self.right, _read_right(text, end)) if self.right else 0
        words = sum(token.isidentifier() for token in (*self.left[:left], *self.right[:right]))
        return Agreed(left, right, words)


def split_text(text: str) -> list[str]:
    """Return the words, numbers, marks and line ends of `text`."""
    return _TOKEN.findall(text)


def read_surroundings(text: str, start: int, end: int) -> Surroundings:
    """Return what stands before `start` and after `end`."""
    return Surroundings(tuple(_read_left(text, start)), tuple(_read_right(text, end)))


def _read_left(text: str, end: int) -> list[str]:
    """Return the tokens before `end`, nearest first."""
    begin = max(end - _WINDOW, 0)
    if begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        found = _NO_WORD.search(text, begin, end)
        begin = found.start() if found else end
    return _TOKEN.findall(text, begin, end)[: -_NEIGHBOURS - 1 : -1]


def _read_right(text: str, start: int) -> list[str]:
    """Return the tokens after `start`, nearest first."""
    return [found.group() for found in islice(_TOKEN.finditer(text, start, start + _WINDOW), _NEIGHBOURS)]


def join_surroundings(one: Surroundings, other: Surroundings) -> Surroundings:
    """Return what two places share."""
    return Surroundings(
        one.left[: count_common(one.left, other.left)],
        one.right[: count_common(one.right, other.right)],
    )


def find_places(text: str, old_text: str, around: Surroundings, most: int) -> Iterator[Span]:
    """Yield at most `most` places in `text` of the tokens of `old_text`, whatever white space is between them.

    For an `old_text` without tokens, yields the places between the nearest neighbours of `around`; none if it lacks
    one of them.
    """
    tokens = split_text(old_text)
    if len(tokens) > _LONGEST_PATTERN or not (tokens or (around.left and around.right)):
        return
    needed = tokens or [around.left[0], around.right[0]]
    if not all(token in text for token in needed):
        return
    pattern = re.compile(r"[ \t]*".join(map(re.escape, needed)))
    count = 0
    for tries, match in enumerate(pattern.finditer(text)):
        if count >= most or tries >= _TRIES:
            return
        start, end = match.span()
        if _splits_word(text, start) or _splits_word(text, end):
            continue
        count += 1
        gap = end - len(needed[-1])
        yield Span(start, end) if tokens else Span(gap, gap)


def find_indentation(text: str, at: int) -> str:
    """Return the white space at the start of the line of the offset `at`."""
    start = end = text.rfind("\n", 0, at) + 1
    while text[end : end + 1] in _SPACES:
        end += 1
    return text[start:end]


def find_indentation_before(text: str, at: int) -> str:
    """Return the white space at the start of the last line with text before the line of the offset `at`."""
    end = text.rfind("\n", 0, at) + 1
    return find_indentation(text, len(text[max(end - _LONGEST_GAP, 0) : end].rstrip()) + max(end - _LONGEST_GAP, 0))


def count_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common start of two sequences."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _splits_word(text: str, at: int) -> bool:
    """Return whether the offset `at` is inside a word."""
    return len(text[at - 1 : at + 1]) > 1 and all(mark.isalnum() or mark == "_" for mark in text[at - 1 : at + 1])
