"""The tokens of texts that are being typed in: lines that have not changed keep theirs from one key to the next.

Gives exactly what `tokens.tokenize` gives, with a separator at both ends. Holds a few texts, by their content. Start at
`tokens_of`, and at `read_ahead` for a document that was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT = 6  # texts: what stands above and below the cursor, in a few documents
_MUCH = 4096  # characters; what is shorter is sooner made anew
_READ_AHEAD = 8  # documents
_LARGEST = 512 * 1024  # characters of one


@dataclass(frozen=True)
class Lexed:
    """A text's tokens.

    Attributes:
        text: what was tokenised.
        ids: as `tokens.Tokens`, between separators. Shape (tokens + 2,).
        starts: their code-point offsets; the last separator stands at the text's end.
        lines: the whole lines that it continues, where it was made from them.
    """

    text: str
    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]
    lines: Lexed | None = None

    @classmethod
    def of(cls, text: str) -> Lexed:
        """The tokens of `text`, made anew."""
        found = tokens.tokenize(tokens.fold(text))
        ids = np.zeros(len(found.ids) + 2, dtype=np.uint32)
        ids[1:-1] = found.ids
        starts = np.zeros(len(ids), dtype=np.int64)
        starts[1:-1] = found.starts
        starts[-1] = len(text)
        return cls(text, ids, starts)

    @cached_property
    def indent(self) -> int:
        """What the next line's indentation is compared with; for a text that ends with a line break."""
        breaks = np.flatnonzero(self.ids[1:-2] <= tokens.SHALLOWER)
        if not len(breaks):
            return 0
        last = int(breaks[-1]) + 1
        return int(self.starts[last + 1] - self.starts[last]) - 1 if self.ids[last] != tokens.SEPARATOR else 0

    def continued(self, more: str) -> Lexed:
        """The tokens of this text, which ends with a line break, and `more` behind it."""
        # The break is read again, with what follows: breaks in a row are one, and it says how the indentation changes.
        found = tokens.tokenize(tokens.fold("\n" + more))
        old, offset = len(self.ids) - 2, len(self.text) - 1
        ids = np.zeros(old + len(found.ids) + 1, dtype=np.uint32)
        ids[:old] = self.ids[:old]
        ids[old:-1] = found.ids
        starts = np.empty(len(ids), dtype=np.int64)
        starts[:old] = self.starts[:old]
        np.add(found.starts, offset, out=starts[old:-1])
        starts[-1] = len(self.text) + len(more)
        change = int(starts[old + 1] - starts[old]) - 1 - self.indent
        ids[old] = tokens.SAME if change == 0 else tokens.DEEPER if change > 0 else tokens.SHALLOWER
        return Lexed(self.text + more, ids, starts, self)

    def part(self, start: int, end: int) -> Lexed:
        """The tokens of the whole lines [start, end) of this text, as if it held no others."""
        low, high = (1 + self.starts[1:-1].searchsorted((start, end))).tolist()
        # In the middle of breaks, of which the last counts; what stands before `low` is no token of these lines.
        cut = end > start and (high == low or int(self.starts[high - 1]) != end - 1)
        ids = np.zeros(high - low + cut + 2, dtype=np.uint32)
        ids[1 : high - low + 1] = self.ids[low:high]
        starts = np.zeros(len(ids), dtype=np.int64)
        starts[1 : high - low + 1] = self.starts[low:high] - start
        starts[-1] = end - start
        if cut:
            ids[-2], starts[-2] = tokens.SAME, end - start - 1
        breaks = (ids[1:-1] <= tokens.SHALLOWER).nonzero()[0] + 1
        indents = np.where(ids[breaks] == tokens.SEPARATOR, 0, starts[breaks + 1] - starts[breaks] - 1)
        for at in (0, len(breaks) - 1) if len(breaks) else ():  # the others have their lines around them
            if ids[breaks[at]] != tokens.SEPARATOR:
                change = int(indents[at]) - (int(indents[at - 1]) if at else 0)
                ids[breaks[at]] = tokens.SAME if change == 0 else tokens.DEEPER if change > 0 else tokens.SHALLOWER
        return Lexed(self.text[start:end], ids, starts)

    def holds(self, words: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of `words`, by their numbers, stand in the text. Shape as `words`."""
        if self.lines is None:
            known = self._sorted
            held: NDArray[np.bool_] = known[np.minimum(known.searchsorted(words), len(known) - 1)] == words
            return held
        more = self.ids[len(self.lines.ids) - 2 :]
        added: NDArray[np.bool_] = (words[:, None] == more).any(axis=1)
        return self.lines.holds(words) | added

    @cached_property
    def _sorted(self) -> NDArray[np.uint32]:
        return np.sort(self.ids)


class Lexer:
    """Tokenises texts that are mostly the same as those before. Thread-safe."""

    def __init__(self) -> None:
        self._kept: tuple[Lexed, ...] = ()  # newest first; replaced as a whole, a race costs time, not correctness
        self._ahead: tuple[Lexed, ...] = ()  # whole documents, likewise

    @property
    def kept(self) -> tuple[str, ...]:
        """The texts whose tokens are kept, whole lines only, newest first."""
        return tuple(known.text for known in self._kept)

    def forget(self) -> None:
        """Let go of all texts."""
        self._kept = self._ahead = ()

    def read_ahead(self, text: str) -> None:
        """Keep the tokens of a whole document, for the first key at any place in it."""
        if _MUCH <= len(text) <= _LARGEST:
            self._ahead = (Lexed.of(text), *(known for known in self._ahead if known.text != text))[:_READ_AHEAD]

    def of(self, text: str, base: int = 0) -> Lexed:
        """The tokens of `text`, which may end in the middle of a line that is being typed.

        `base` is where it stands in its document, to find it in one that was read ahead.
        """
        if len(text) < _MUCH:
            return Lexed.of(text)
        end = text.rfind("\n") + 1
        return self._lines(text[:end], base).continued(text[end:]) if end else Lexed.of(text)

    def _found(self, text: str, base: int) -> Lexed | None:
        """The tokens of whole lines out of a document that was read ahead."""
        for known in self._ahead:
            if known.text.startswith(text, base) and (not base or known.text[base - 1] == "\n"):
                return known.part(base, base + len(text))
        return None

    def _lines(self, text: str, base: int) -> Lexed:
        """The tokens of whole lines, kept; further lines are added to those known."""
        near = [known for known in self._kept if text.startswith(known.text)]
        best = max(near, key=lambda known: len(known.text), default=None)
        if best is not None and len(best.text) == len(text):
            return best
        if best is not None:
            made = replace(best.continued(text[len(best.text) :]), lines=None)
        else:
            made = self._found(text, base) or Lexed.of(text)
        self._kept = (made, *(known for known in self._kept if known is not best))[:_KEPT]
        return made


_LEXER = Lexer()


@lru_cache(maxsize=4)  # what follows the cursor stays the same while one types
def tokens_of(text: str, base: int = 0) -> Lexed:
    """The tokens of `text`, which stands at `base`; quick when most of its lines were asked for lately."""
    return _LEXER.of(text, base)


def forget() -> None:
    """Let go of all texts and their tokens."""
    _LEXER.forget()
    tokens_of.cache_clear()


def read_ahead(text: str) -> None:
    """Make the tokens of a document that was opened, where nobody waits for them."""
    _LEXER.read_ahead(text)
