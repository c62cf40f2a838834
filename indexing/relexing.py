"""The tokens of texts that are being typed in: lines that have not changed keep theirs from one key to the next.

Gives exactly what `tokens.tokenize` gives, with a separator at both ends. Holds a few texts, by their content, and no
documents. Start at `tokens_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from indexing import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT = 6  # texts: what stands above and below the cursor, in a few documents
_MUCH = 4096  # characters; what is shorter is sooner made anew


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

    @property
    def kept(self) -> tuple[str, ...]:
        """The texts whose tokens are kept, whole lines only, newest first."""
        return tuple(known.text for known in self._kept)

    def of(self, text: str) -> Lexed:
        """The tokens of `text`, which may end in the middle of a line that is being typed."""
        if len(text) < _MUCH:
            return Lexed.of(text)
        end = text.rfind("\n") + 1
        return self._lines(text[:end]).continued(text[end:]) if end else Lexed.of(text)

    def _lines(self, text: str) -> Lexed:
        """The tokens of whole lines, kept; further lines are added to those known."""
        near = [known for known in self._kept if text.startswith(known.text)]
        best = max(near, key=lambda known: len(known.text), default=None)
        if best is not None and len(best.text) == len(text):
            return best
        made = replace(best.continued(text[len(best.text) :]), lines=None) if best is not None else Lexed.of(text)
        self._kept = (made, *(known for known in self._kept if known is not best))[:_KEPT]
        return made


_LEXER = Lexer()


@lru_cache(maxsize=4)  # what follows the cursor stays the same while one types
def tokens_of(text: str) -> Lexed:
    """The tokens of `text`; quick when most of its lines were asked for lately."""
    return _LEXER.of(text)
