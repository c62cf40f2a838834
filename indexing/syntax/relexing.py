"""An incremental lexer for texts that are being typed in: only changed lines are tokenised again.

Gives the same tokens as `tokens.tokenize`, with a separator at both ends. Keeps the tokens of a few texts. Start at
`get_tokens`, and at `cache_tokens` for a document that was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT = 6  # texts: those before and after the cursor, in a few documents
_MUCH = 4096  # characters; a shorter text is tokenised as a whole, which is quicker
_DOCUMENTS = 8  # whose tokens are cached whole
_LARGEST = 512 * 1024  # characters of a document whose tokens are cached


@dataclass(frozen=True)
class Lexed:
    """The tokens of one text.

    Attributes:
        text: the text that was tokenised.
        ids: the tokens' numbers (`tokens.Tokens`), between two separators. Shape (tokens + 2,).
        starts: code-point offsets of the tokens; that of the last separator is the text's length.
        lines: the whole lines to which the end of the text was appended; None if it was tokenised as a whole.
    """

    text: str
    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]
    lines: Lexed | None = None

    @classmethod
    def of(cls, text: str) -> Lexed:
        """Return the tokens of the whole `text`, without reuse of earlier ones."""
        found = tokens.tokenize(tokens.fold(text))
        ids = np.zeros(len(found.ids) + 2, dtype=np.uint32)
        ids[1:-1] = found.ids
        starts = np.zeros(len(ids), dtype=np.int64)
        starts[1:-1] = found.starts
        starts[-1] = len(text)
        return cls(text, ids, starts)

    @cached_property
    def indent(self) -> int:
        """Indentation of the last line, in characters, of a text that ends with a line break."""
        breaks = np.flatnonzero(self.ids[1:-2] <= tokens.SHALLOWER)
        if not len(breaks):
            return 0
        last = int(breaks[-1]) + 1
        return int(self.starts[last + 1] - self.starts[last]) - 1 if self.ids[last] != tokens.SEPARATOR else 0

    def append(self, more: str) -> Lexed:
        """Return the tokens of this text, which must end with a line break, followed by `more`."""
        # Tokenise the last break again: breaks in a row are one token, which depends on the next line's indentation.
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

    def cut_lines(self, start: int, end: int) -> Lexed:
        """Return the tokens of the whole lines between the offsets `start` and `end`, as if these lines were a text."""
        low, high = (1 + self.starts[1:-1].searchsorted((start, end))).tolist()
        # The lines may end within a series of breaks, whose token is at its last break, outside these lines.
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
        for at in (
            (0, len(breaks) - 1) if len(breaks) else ()
        ):  # the other breaks have the same lines around them as before
            if ids[breaks[at]] != tokens.SEPARATOR:
                change = int(indents[at]) - (int(indents[at - 1]) if at else 0)
                ids[breaks[at]] = tokens.SAME if change == 0 else tokens.DEEPER if change > 0 else tokens.SHALLOWER
        return Lexed(self.text[start:end], ids, starts)

    def contains(self, words: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return for each of `words`, given by its number, whether it occurs in the text. Shape as `words`."""
        if self.lines is None:
            known = self._sorted
            held: NDArray[np.bool_] = known[np.minimum(known.searchsorted(words), len(known) - 1)] == words
            return held
        more = self.ids[len(self.lines.ids) - 2 :]
        added: NDArray[np.bool_] = (words[:, None] == more).any(axis=1)
        return self.lines.contains(words) | added

    @cached_property
    def _sorted(self) -> NDArray[np.uint32]:
        """Numbers of the tokens in ascending order."""
        return np.sort(self.ids)


class Lexer:
    """A lexer that reuses the tokens of earlier, similar texts. Thread-safe."""

    def __init__(self) -> None:
        self._kept: tuple[Lexed, ...] = ()  # newest first; replaced as a whole, a race costs time, not correctness
        self._documents: tuple[Lexed, ...] = ()  # whole documents, likewise

    @property
    def cached_texts(self) -> tuple[str, ...]:
        """Texts whose tokens are cached: whole lines only, newest first; not those of `cache_tokens`."""
        return tuple(known.text for known in self._kept)

    def forget(self) -> None:
        """Drop all cached texts and tokens."""
        self._kept = self._documents = ()

    def cache_tokens(self, text: str) -> None:
        """Tokenise a whole document and cache the tokens, so that the first call of `of` for a part of it is quick.

        Does nothing for a short or very large text. Caches the `_DOCUMENTS` newest documents.
        """
        if _MUCH <= len(text) <= _LARGEST:
            self._documents = (Lexed.of(text), *(known for known in self._documents if known.text != text))[:_DOCUMENTS]

    def of(self, text: str, base: int = 0) -> Lexed:
        """Return the tokens of `text`, which may end in the middle of a line that is being typed.

        `base` is the offset of `text` in its document, used to find it in a document that was given to `cache_tokens`.
        """
        if len(text) < _MUCH:
            return Lexed.of(text)
        end = text.rfind("\n") + 1
        return self._lex_lines(text[:end], base).append(text[end:]) if end else Lexed.of(text)

    def _find_in_documents(self, text: str, base: int) -> Lexed | None:
        """Return the tokens of the lines `text` at `base` in one of `_documents`; None if none has them."""
        for known in self._documents:
            if known.text.startswith(text, base) and (not base or known.text[base - 1] == "\n"):
                return known.cut_lines(base, base + len(text))
        return None

    def _lex_lines(self, text: str, base: int) -> Lexed:
        """Return the tokens of the whole lines `text`, and cache them; reuses those of its longest cached prefix."""
        near = [known for known in self._kept if text.startswith(known.text)]
        best = max(near, key=lambda known: len(known.text), default=None)
        if best is not None and len(best.text) == len(text):
            return best
        if best is not None:
            made = replace(best.append(text[len(best.text) :]), lines=None)
        else:
            made = self._find_in_documents(text, base) or Lexed.of(text)
        self._kept = (made, *(known for known in self._kept if known is not best))[:_KEPT]
        return made


_LEXER = Lexer()


@lru_cache(maxsize=4)  # the text after the cursor stays the same while a person types
def get_tokens(text: str, base: int = 0) -> Lexed:
    """Return the tokens of `text`, at offset `base` of its document; quick if a recent call had most of its lines."""
    return _LEXER.of(text, base)


def forget() -> None:
    """Drop all cached texts and their tokens."""
    _LEXER.forget()
    get_tokens.cache_clear()


def cache_tokens(text: str) -> None:
    """Tokenise a document and cache its tokens for `get_tokens`; does nothing for a short or very large one."""
    _LEXER.cache_tokens(text)
