"""The token stream of a segment, which is also its text: reading tokens and texts at any position.

A unit is a token with all characters up to the next token, so that the texts of the units in a row are the text. Equal
units are stored once. A token is stored as a code of 16 bits: its place in a table of units, which serves one or more
pages of tokens. The stream is NUL, text, NUL, text, ..., NUL; a NUL is a separator token, and belongs to the file that
it ends. `stream_building` writes the arrays. Start at `TokenStream`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexing.storage.arrays import MappedArrays, MemoryWriter

PAGE_BITS = 16
PAGE = 1 << PAGE_BITS  # tokens with one table, which has at most as many units
OFFSET_BITS = 6  # the offset of every 64th token is stored


class TokenStream:
    """Read access to the tokens of a segment; immutable and thread-safe."""

    def __init__(self, arrays: MappedArrays | MemoryWriter) -> None:
        """Take arrays as `stream_building` writes them."""
        self._codes: NDArray[np.uint16] = arrays["codes"]
        self._page_tables: NDArray[np.uint32] = arrays["page_tables"]
        self._table_units: NDArray[np.uint32] = arrays["table_units"]
        self._unit_ids: NDArray[np.uint32] = arrays["unit_ids"]
        self._unit_begins: NDArray[np.uint32] = arrays["unit_begins"]
        self._unit_texts: NDArray[np.uint8] = arrays["unit_texts"]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._codes)

    def _find_units(self, positions: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the number of the unit at each position; a position outside the stream counts as its nearest one."""
        at = self._page_tables.take(positions >> PAGE_BITS, mode="clip")
        at += self._codes.take(positions, mode="clip")
        return self._table_units.take(at, mode="clip")

    def read_ids(self, positions: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return the token at each position; a position outside the stream counts as its nearest one."""
        return self._unit_ids.take(self._find_units(positions), mode="clip")

    def read_texts(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> list[bytes]:
        """Return the text from the token at each position in `begins` to that in `ends` (exclusive), in UTF-8.

        Lone surrogates are encoded, too ("surrogatepass").
        """
        counts = np.maximum(ends - begins, 0)
        token_ends = np.cumsum(counts)
        units = self._find_units(np.repeat(begins - token_ends + counts, counts) + np.arange(int(counts.sum())))
        text_begins = self._unit_begins.take(units).astype(np.int64)
        lengths = self._unit_begins.take(units + np.uint32(1)) - text_begins
        text_ends = np.cumsum(lengths)
        size = int(text_ends[-1]) if len(text_ends) else 0
        data = self._unit_texts[np.repeat(text_begins - text_ends + lengths, lengths) + np.arange(size)].tobytes()
        cuts = [0, *np.append(0, text_ends)[token_ends].tolist()]
        return [data[low:high] for low, high in itertools.pairwise(cuts)]

    def match_prefix(self, positions: NDArray[np.int64], prefix: bytes) -> NDArray[np.bool_]:
        """Return for each position whether the text from its token to the next one begins with `prefix`."""
        units = self._find_units(positions)
        begins = self._unit_begins.take(units).astype(np.int64)
        fitting: NDArray[np.bool_] = self._unit_begins.take(units + np.uint32(1)) - begins >= len(prefix)
        for at, byte in enumerate(prefix):  # most fail at the first character, so that the other pages are not read
            left = fitting.nonzero()[0]
            if not len(left):
                break
            fitting[left] = self._unit_texts[begins[left] + at] == byte
        return fitting

    def count_bytes(self, begin: int, end: int) -> int:
        """Return the number of bytes from the token at position `begin` to that at `end` (exclusive)."""
        units = self._find_units(np.arange(begin, end))
        lengths = self._unit_begins.take(units + np.uint32(1)) - self._unit_begins.take(units)
        return int(lengths.sum(dtype=np.int64))

    def count_code_points(self, begin: int, end: int) -> int:
        """Return the number of code points from the token at position `begin` to that at `end` (exclusive)."""
        text = self.read_texts(np.array([begin]), np.array([end]))[0]
        data = np.frombuffer(text, dtype=np.uint8)
        return int(np.count_nonzero((data & 0xC0) != 0x80))  # all but continuation bytes
