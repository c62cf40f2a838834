"""The pools of tokens that recall searches (segments and the document itself), and the text around the cursor.

Pools find positions and read texts; `recall` compares and judges them. "The document" is the text that holds the
cursor. Start at `Pool` and `CursorText`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexing.storage.anchors import Context
from indexing.syntax import tokens
from indexing.syntax.relexing import get_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexing.storage.segment import Segment

WINDOW = 32  # tokens compared backwards at most
TAIL = 24_576  # characters before the cursor that are compared and searched
HEAD = 8_192  # characters after it that are searched
FOLLOWING = 8  # tokens of the next line compared
_PAD = 255  # a number that no token has


class Origin(IntEnum):
    """Kind of a candidate's source, in order of trust."""

    LIBRARY = 0  # an installed library
    WORKSPACE = 1
    OPEN = 2  # a file that is open or has changed since the index was built
    BELOW = 3  # the document after the cursor
    ABOVE = 4  # the document before the cursor


class Pool(Protocol):
    """Tokens that can be searched; each file in it begins and ends with a separator token."""

    origin: Origin

    def read_ids(self, positions: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the token at each position; a position outside the pool counts as its nearest one."""
        ...

    def find_similar(self, context: Context, limit: int) -> NDArray[np.int64]:
        """Return about `limit` positions at which a suffix of `context` probably ends.

        The result is neither complete nor verified; the caller compares the tokens.
        """
        ...

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the texts from the tokens at `positions` to those at `ends` (exclusive), and their files' numbers."""
        ...

    def match_prefix(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Return for each position whether the text of its token begins with the word `word`."""
        ...

    def locate(self, position: int) -> tuple[tuple[str, int] | None, int]:
        """Return the file (None for the document) and the code-point offset of a token."""
        ...


class TextPool:
    """A part of the document as a pool, searched by scanning."""

    def __init__(self, text: str, base: int, origin: Origin, *, unfinished: int = 0) -> None:
        """Take `text`, which begins at offset `base` of the document.

        The last position and `unfinished` positions before it are never found.
        """
        self.origin = origin
        self.lexed = get_tokens(text, base)
        self.ids, self._starts = self.lexed.ids, self.lexed.starts
        self._text = text
        self._base = base
        self._last = len(self.ids) - 2 - unfinished

    def read_ids(self, positions: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the token at each position; a position outside the text counts as its nearest one."""
        return self.ids.take(positions, mode="clip")

    def find_similar(self, context: Context, limit: int) -> NDArray[np.int64]:
        """Return up to `limit` late positions of the last token of `context`; prefers those after equal tokens."""
        positions: NDArray[np.int64] = (self.ids[: self._last] == context.ids[-1]).nonzero()[0]
        for back in (2, 3, 4, 5):
            if len(positions) > limit and len(context.ids) >= back:
                longer = positions[self.ids[np.maximum(positions - back + 1, 0)] == context.ids[-back]]
                positions = longer if len(longer) >= limit // 4 else positions
        return positions[-limit:]

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the texts from the tokens at `positions` to those at `ends` (exclusive); the file of each is -1."""
        begins, stops = self._starts[positions].tolist(), self._starts[ends].tolist()
        return [self._text[begin:stop] for begin, stop in zip(begins, stops, strict=True)], [-1] * len(begins)

    def match_prefix(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Return for each position whether the text of its token begins with `word`."""
        starts = self._starts[positions].tolist()
        return np.array([self._text.startswith(word, start) for start in starts], dtype=np.bool_)

    def locate(self, position: int) -> tuple[None, int]:
        """Return None and the offset of a token in the document."""
        return None, self._base + int(self._starts[position])


class SegmentPool:
    """A segment as a pool, searched through its anchors."""

    def __init__(
        self, segment: Segment, keys: Sequence[tuple[str, int]], alive: NDArray[np.bool_], origin: Origin
    ) -> None:
        """Take the files of `segment` that are `alive`; `keys` are the view's names of its files."""
        self._segment = segment
        self._keys = keys
        self._alive = None if alive.all() else alive  # None for all of them
        self.origin = origin

    def read_ids(self, positions: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the token at each position; a position outside the segment counts as its nearest one."""
        return self._segment.stream.read_ids(positions)

    def find_similar(self, context: Context, limit: int) -> NDArray[np.int64]:
        """Return up to `limit` positions in searched files at which a suffix of `context` probably ends."""
        positions = self._segment.find_anchors(context, limit)
        return positions if self._alive is None else positions[self._alive[self._segment.find_files(positions)]]

    def read(self, positions: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[list[str], list[int]]:
        """Return the texts from the tokens at `positions` to those at `ends` (exclusive), and their files' numbers."""
        texts = [text.decode("utf-8", "surrogatepass") for text in self._segment.stream.read_texts(positions, ends)]
        return texts, self._segment.find_files(positions).tolist()

    def match_prefix(self, positions: NDArray[np.int64], word: str) -> NDArray[np.bool_]:
        """Return for each position whether its token is a word that begins with `word`."""
        fitting = self.read_ids(positions) >= tokens.FIRST_WORD
        fitting[fitting] = self._segment.stream.match_prefix(positions[fitting], word.encode("utf-8", "surrogatepass"))
        return fitting

    def locate(self, position: int) -> tuple[tuple[str, int], int]:
        """Return the file and the code-point offset of a token."""
        segment = self._segment
        index = int(segment.find_files(np.array([position]))[0])
        return self._keys[index], segment.find_code_point_offset(index, position)


@dataclass(frozen=True)
class CursorText:
    """The text around the cursor, where a continuation is wanted.

    Attributes:
        tail: up to `TAIL` characters before the cursor, from the start of a line.
        base: offset of `tail` in the document.
        head: up to `HEAD` characters after the cursor.
        partial: the word that ends at the cursor, complete or not; "" for none.
    """

    tail: str
    base: int
    head: str
    partial: str

    @classmethod
    def of(cls, prefix: str, suffix: str) -> CursorText:
        """Return the text around a cursor between `prefix` and `suffix`, cut to the parts that recall reads."""
        base = max(0, len(prefix) - TAIL)
        if base:
            base = prefix.find("\n", base, len(prefix)) + 1 or base
        partial = tokens.WORD.match(prefix[:-201:-1])  # backwards from the cursor
        return cls(prefix[base:], base, suffix[:HEAD], partial.group()[::-1] if partial else "")

    @cached_property
    def above(self) -> TextPool:
        """The text before the cursor as a pool, without the cursor's own position."""
        return TextPool(self.tail, self.base, Origin.ABOVE, unfinished=1 if self.partial else 0)

    @cached_property
    def below(self) -> TextPool:
        """The text after the cursor as a pool."""
        return TextPool(self.head, self.base + len(self.tail), Origin.BELOW)

    @cached_property
    def context(self) -> NDArray[np.uint32]:
        """Tokens of `tail`, without a word that ends at the cursor."""
        return self.all_tokens[:-1] if self.partial else self.all_tokens

    @cached_property
    def all_tokens(self) -> NDArray[np.uint32]:
        """All tokens of `tail`, including a word that ends at the cursor."""
        return self.above.ids[1:-1]

    @cached_property
    def sought(self) -> Context:
        """`context`, to be searched for."""
        return Context(self.context)

    @cached_property
    def all_sought(self) -> Context:
        """`all_tokens`, to be searched for."""
        return Context(self.all_tokens)

    @cached_property
    def backwards(self) -> NDArray[np.uint32]:
        """The last `WINDOW` tokens of the context, nearest first, padded to `WINDOW` + 1 numbers."""
        last = self.context[-WINDOW:][::-1]
        return np.concatenate([last, np.full(WINDOW + 1 - len(last), _PAD, dtype=np.uint32)])

    @cached_property
    def backwards_list(self) -> list[int]:
        """`backwards` as a list."""
        backwards: list[int] = self.backwards.tolist()
        return backwards

    @cached_property
    def fitting(self) -> dict[int, bool]:
        """Words by their number, each with whether it begins with `partial`; recall adds those that it looks up."""
        return {}

    @cached_property
    def needs_no_space(self) -> bool:
        """Whether inserted text needs no space before it: the text before the cursor is empty or ends with space."""
        return not self.tail or self.tail[-1].isspace()

    @cached_property
    def next_tokens(self) -> list[int]:
        """Up to `FOLLOWING` tokens after the next line break; empty if none of the next 64 tokens is a line break."""
        ids = self.below.ids[1:65].tolist()
        breaks = [at for at, token in enumerate(ids) if token <= tokens.SHALLOWER]
        return ids[breaks[0] + 1 : breaks[0] + 1 + FOLLOWING] if breaks else []

    @cached_property
    def words(self) -> dict[int, str]:
        """Texts of the words among the last tokens before the cursor, by the word's number."""
        ids, starts = (every[-WINDOW - 4 : -1].tolist() for every in (self.above.ids, self.above.lexed.starts))
        found = zip(ids, starts, strict=True)
        texts = {token: tokens.WORD.match(self.tail, start) for token, start in found if token >= tokens.FIRST_WORD}
        return {token: match.group() for token, match in texts.items() if match}

    def find_unknown(self, words: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return for each word number whether the word is in neither `tail` nor `head`."""
        return ~(self.above.lexed.contains(words) | self.below.lexed.contains(words))

    @cached_property
    def line(self) -> str:
        """The cursor's line up to the cursor."""
        return self.tail[self.tail.rfind("\n") + 1 :]

    @property
    def is_at_line_start(self) -> bool:
        """Whether only indentation is before the cursor in its line."""
        return not self.line.strip()
