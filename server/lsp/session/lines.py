r"""Where the lines of a text begin, as an immutable index that an edit renews locally.

A line ends at `\n`, `\r\n` or `\r`, as LSP says, and nowhere else (`str.splitlines` knows more ends). Offsets are
code points; lines count from 0. An edit of a 2 MB text costs a scan of the few hundred lines around it, because the
index is cut into blocks of which all others are shared with the version before. Start at `Lines.of`.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add

BLOCK_LINES = 512  # scanning a block and shifting the blocks' bases cost about the same at 100,000 lines


@dataclass(frozen=True, slots=True)
class Lines:
    """Line starts in blocks.

    Attributes:
        blocks: offsets of each block's lines, relative to the block's own begin; none is empty, each starts with 0.
        bases: offset where each block begins; same length.
        firsts: number of each block's first line; same length.
        length: length of the text.
    """

    blocks: tuple[tuple[int, ...], ...]
    bases: tuple[int, ...]
    firsts: tuple[int, ...]
    length: int

    @classmethod
    def of(cls, text: str) -> Lines:
        """Index of a whole text."""
        return cls._assembled(_blocks(_starts(text)), len(text))

    @property
    def count(self) -> int:
        """Number of lines; a text that ends with a line end has an empty line behind it."""
        return self.firsts[-1] + len(self.blocks[-1])

    def start(self, line: int) -> int:
        """Offset where `line` begins; the end of the text for lines behind the last."""
        if line >= self.count:
            return self.length
        block = bisect_right(self.firsts, line) - 1
        return self.bases[block] + self.blocks[block][line - self.firsts[block]]

    def line_at(self, offset: int) -> int:
        """Number of the line that holds `offset`."""
        block = bisect_right(self.bases, offset) - 1
        return self.firsts[block] + bisect_right(self.blocks[block], offset - self.bases[block]) - 1

    def edited(self, text: str, first: int, last: int) -> Lines:
        """Index after an edit.

        Args:
            text: the whole new text.
            first: line where the replaced part began.
            last: line of this index where it ended.
        """
        # one line more on both sides: an edit may join or part the two characters of a `\r\n`
        low = bisect_right(self.firsts, max(first - 1, 0)) - 1
        high = bisect_right(self.firsts, min(last + 1, self.count - 1)) - 1
        shift = len(text) - self.length
        begin = self.bases[low]
        if high + 1 == len(self.blocks):
            starts = _starts(text[begin:])
        else:
            end = self.bases[high + 1] + shift
            starts = _starts(text[begin:end])[:-1]  # what begins at `end` is the next block's first line
        middle = tuple(_blocks([begin + start for start in starts]))
        old = zip(self.bases, self.blocks, strict=True)
        head = [(base, block) for _, (base, block) in zip(range(low), old, strict=False)]
        tail = zip(self.bases[high + 1 :], self.blocks[high + 1 :], strict=True)
        pieces = [*head, *middle, *((base + shift, block) for base, block in tail)]
        return self._assembled(pieces, len(text))

    def shifted(self, line: int, by: int) -> Lines:
        """Index after an edit inside of `line` that made and took no line end, but `by` characters more; no scan."""
        at = bisect_right(self.firsts, line) - 1
        block, kept = self.blocks[at], line - self.firsts[at] + 1
        moved = (*block[:kept], *(start + by for start in block[kept:]))
        blocks = (*self.blocks[:at], moved, *self.blocks[at + 1 :])
        bases = (*self.bases[: at + 1], *(base + by for base in self.bases[at + 1 :]))
        return Lines(blocks, bases, self.firsts, self.length + by)

    @classmethod
    def _assembled(cls, pieces: list[tuple[int, tuple[int, ...]]], length: int) -> Lines:
        blocks = tuple(block for _, block in pieces)
        bases = tuple(base for base, _ in pieces)
        return cls(blocks, bases, tuple(accumulate(map(len, blocks[:-1]), initial=0)), length)


def _starts(text: str) -> list[int]:
    """Offsets where lines begin, the first always 0; one behind a final line end too."""
    if "\r" not in text:  # four times as fast as the general way
        ends = accumulate(map(len, text.split("\n")), initial=0)
        return list(map(add, ends, count()))[:-1]
    starts = list(accumulate(map(len, io.StringIO(text, newline="")), initial=0))
    if len(starts) > 1 and text[-1] not in "\r\n":
        del starts[-1]
    return starts


def _blocks(starts: list[int]) -> list[tuple[int, tuple[int, ...]]]:
    """(base, relative starts) in blocks."""
    pieces = (starts[at : at + BLOCK_LINES] for at in range(0, len(starts), BLOCK_LINES))
    return [(piece[0], tuple(start - piece[0] for start in piece)) for piece in pieces]
