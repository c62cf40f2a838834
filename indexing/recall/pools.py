"""Where recall looks: segments and the asking text as pools of tokens, and the place of the cursor.

Finds positions and reads texts; compares and judges nothing (that is `recall`). Start at `Pool` and `Place`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexing.syntax import tokens
from indexing.syntax.relexing import tokens_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.storage.segment import Segment

WINDOW = 32  # tokens compared backwards at most
TAIL = 24_576  # characters before the cursor that are looked at, and searched themselves
HEAD = 8_192  # characters behind it
FOLLOWING = 8  # tokens of the next line compared
_PAD = 255  # no token has this number


class Origin(IntEnum):
    """Where a candidate stands, in order of trust."""

    WORKSPACE = 0
    OPEN = 1  # a file that is open or changed since the index was built
    BELOW = 2  # the asking text, behind the cursor
    ABOVE = 3  # the asking text, before the cursor


class Pool(Protocol):
    """Tokens that can be searched. Every file in it begins and ends with a separator."""

    ids: NDArray[np.uint32]
    origin: Origin

    def near(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Positions whose tokens up to there are most like the end of `context`; not all, not compared yet."""
        ...

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Texts from the tokens at `positions` up to where those at `ends` start; and what tells their files apart."""
        ...

    def begins(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Whether the tokens at `positions` begin with `word`, itself a word. Shape as `positions`."""
        ...

    def where(self, position: int) -> tuple[tuple[str, int] | None, int]:
        """File and code-point offset of a token."""
        ...


class TextPool:
    """A part of the asking text as a pool, searched by scanning."""

    def __init__(self, text: str, base: int, origin: Origin, *, unfinished: int = 0) -> None:
        """Search `text`, which stands at offset `base`; the last position and `unfinished` before it are not found."""
        self.origin = origin
        self.lexed = tokens_of(text, base)
        self.ids, self._starts = self.lexed.ids, self.lexed.starts
        self._text = text
        self._base = base
        self._last = len(self.ids) - 2 - unfinished

    def near(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Positions of the last token, with those before it equal too where there are many."""
        places: NDArray[np.int64] = (self.ids[: self._last] == context[-1]).nonzero()[0]
        for back in (2, 3, 4, 5):
            if len(places) > limit and len(context) >= back:
                longer = places[self.ids[np.maximum(places - back + 1, 0)] == context[-back]]
                places = longer if len(longer) >= limit // 4 else places
        return places[-limit:]

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Texts between tokens; it is one file."""
        begins, stops = self._starts[positions].tolist(), self._starts[ends].tolist()
        return [self._text[begin:stop] for begin, stop in zip(begins, stops, strict=True)], [-1] * len(begins)

    def begins(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Whether the tokens begin with `word`."""
        starts = self._starts[positions].tolist()
        return np.array([self._text.startswith(word, start) for start in starts], dtype=np.bool_)

    def where(self, position: int) -> tuple[None, int]:
        """Offset of a token in the asking text."""
        return None, self._base + int(self._starts[position])


class SegmentPool:
    """A segment as a pool, searched by its anchors."""

    def __init__(
        self, segment: Segment, keys: Sequence[tuple[str, int]], alive: NDArray[np.bool_], origin: Origin
    ) -> None:
        """Search the files of `segment` that are `alive`; `keys` are what the view calls its files."""
        self._segment = segment
        self._keys = keys
        self._alive = None if alive.all() else alive  # None for all of them
        self.ids: NDArray[np.uint32] = segment.arrays["ids"]
        self.origin = origin

    def near(self, context: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
        """Positions with most equal tokens before, in files that count."""
        places = self._segment.anchors(context, limit)
        return places if self._alive is None else places[self._alive[self._segment.files_at(places)]]

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Texts from the tokens at `positions` up to where those at `ends` start; and their files."""
        segment = self._segment
        starts, text = segment.arrays["starts"], segment.arrays["text"].data
        files = segment.files_at(positions)
        bases = segment.text_begins[files]
        begins = bases + starts[positions]
        stops = bases + starts[ends]
        between = zip(begins.tolist(), stops.tolist(), strict=True)
        texts = [bytes(text[begin:stop]).decode("utf-8", "surrogatepass") for begin, stop in between]
        return texts, files.tolist()

    def begins(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Whether the tokens begin with `word`."""
        segment = self._segment
        text, data = segment.arrays["text"], np.frombuffer(word.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        files = segment.files_at(positions)
        begins = segment.text_begins[files] + segment.arrays["starts"][positions]
        fitting: NDArray[np.bool_] = (self.ids[positions] >= tokens.FIRST_WORD) & (
            begins + len(data) <= segment.text_begins[files + 1]
        )
        for at, byte in enumerate(data):  # most fall out at the first character, and their pages are not read again
            left = fitting.nonzero()[0]
            if not len(left):
                break
            fitting[left] = text[begins[left] + at] == byte
        return fitting

    def where(self, position: int) -> tuple[tuple[str, int], int]:
        """File and code-point offset of a token."""
        segment = self._segment
        index = int(segment.files_at(np.array([position]))[0])
        return self._keys[index], segment.code_points(index, int(segment.arrays["starts"][position]))


@dataclass(frozen=True)
class Place:
    """Where a continuation is wanted.

    Attributes:
        tail: the text before the cursor that is looked at, whole lines but for the last.
        base: its offset in the asking text.
        head: the text behind the cursor that is looked at.
        partial: the word that ends at the cursor, "" for none; it may be complete or not.
    """

    tail: str
    base: int
    head: str
    partial: str

    @classmethod
    def of(cls, prefix: str, suffix: str) -> Place:
        """The place between `prefix` and `suffix`."""
        base = max(0, len(prefix) - TAIL)
        if base:
            base = prefix.find("\n", base, len(prefix)) + 1 or base
        partial = tokens.WORD.match(prefix[:-201:-1])  # backwards from the cursor
        return cls(prefix[base:], base, suffix[:HEAD], partial.group()[::-1] if partial else "")

    @cached_property
    def above(self) -> TextPool:
        """The text before the cursor as a pool; the place itself is not found."""
        return TextPool(self.tail, self.base, Origin.ABOVE, unfinished=1 if self.partial else 0)

    @cached_property
    def below(self) -> TextPool:
        """The text behind the cursor as a pool."""
        return TextPool(self.head, self.base + len(self.tail), Origin.BELOW)

    @cached_property
    def context(self) -> NDArray[np.uint32]:
        """Tokens before the cursor, without the word that ends at it."""
        return self.complete[:-1] if self.partial else self.complete

    @cached_property
    def complete(self) -> NDArray[np.uint32]:
        """Tokens before the cursor."""
        return self.above.ids[1:-1]

    @cached_property
    def backwards(self) -> NDArray[np.uint32]:
        """The last `WINDOW` tokens of the context, nearest first, padded."""
        last = self.context[-WINDOW:][::-1]
        return np.concatenate([last, np.full(WINDOW + 1 - len(last), _PAD, dtype=np.uint32)])

    @cached_property
    def backwards_list(self) -> list[int]:
        """The same as a list."""
        backwards: list[int] = self.backwards.tolist()
        return backwards

    @cached_property
    def spaced(self) -> bool:
        """Whether the text before the cursor ends with white space."""
        return not self.tail or self.tail[-1].isspace()

    @cached_property
    def next_tokens(self) -> list[int]:
        """The first tokens of the line after the cursor's."""
        ids = self.below.ids[1:65].tolist()
        breaks = [at for at, token in enumerate(ids) if token <= tokens.SHALLOWER]
        return ids[breaks[0] + 1 : breaks[0] + 1 + FOLLOWING] if breaks else []

    @cached_property
    def words(self) -> dict[int, str]:
        """The words that are compared by their number: what renamed identifiers can become."""
        ids, starts = (every[-WINDOW - 4 : -1].tolist() for every in (self.above.ids, self.above.lexed.starts))
        found = zip(ids, starts, strict=True)
        texts = {token: tokens.WORD.match(self.tail, start) for token, start in found if token >= tokens.FIRST_WORD}
        return {token: match.group() for token, match in texts.items() if match}

    def unknown(self, words: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of `words`, by their numbers, stand nowhere in sight. Shape as `words`."""
        return ~(self.above.lexed.holds(words) | self.below.lexed.holds(words))

    @cached_property
    def line(self) -> str:
        """The cursor's line up to the cursor."""
        return self.tail[self.tail.rfind("\n") + 1 :]

    @property
    def at_line_start(self) -> bool:
        """Whether nothing but indentation stands before the cursor."""
        return not self.line.strip()
