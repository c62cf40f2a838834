"""Building the token stream of a segment: its units are numbered, and its tokens written as codes.

Units are told apart by a hash of 64 bits, and all of them are compared with the text afterwards, so that the stream
always is the text. Memory grows with the number of different units, not with the text. Start at `StreamBuilder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from indexing.storage.token_stream import OFFSET_BITS, PAGE
from indexing.syntax import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexing.storage.arrays import ArrayWriter, MemoryWriter

LAYOUT = {
    "codes": np.uint16,
    "page_tables": np.uint32,
    "table_units": np.uint32,
    "unit_ids": np.uint32,
    "unit_begins": np.uint32,
    "unit_texts": np.uint8,
    "offsets": np.uint32,
}
MANY_UNITS = 18  # bits of a slot number, where the text may be large; empty slots take no memory
FEW_UNITS = 14
_LENGTH_FACTOR, _ID_FACTOR, _MIX = (
    np.uint64(factor) for factor in (0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0x9E3779B97F4A7C15)
)


class _GrowingArray:
    """An array to which values are appended."""

    def __init__(self, dtype: type[np.generic], size: int = 1024) -> None:
        self._data = np.zeros(size, dtype=dtype)
        self.size = 0

    def append(self, values: NDArray[Any]) -> None:
        """Append `values`."""
        needed = self.size + len(values)
        if needed > len(self._data):
            self._data = np.concatenate([self._data, np.zeros(needed, dtype=self._data.dtype)])
        self._data[self.size : needed] = values
        self.size = needed

    @property
    def values(self) -> NDArray[Any]:
        """All values, as a view that ends with the next `append`."""
        return self._data[: self.size]


class _Numbers:
    """Numbers of keys, from 0 in the order in which the keys are first given."""

    def __init__(self, bits: int) -> None:
        """Make a table with 2 ** `bits` slots; more keys are looked up by bisection."""
        self._shift = np.uint64(64 - bits)
        self._slot_keys = np.zeros(1 << bits, dtype=np.uint64)  # 0 is no key
        self._slot_numbers = np.zeros(1 << bits, dtype=np.int64)
        self._other_keys = np.zeros(0, dtype=np.uint64)  # sorted: those whose slot another key has taken
        self._other_numbers = np.zeros(0, dtype=np.int64)
        self.count = 0

    def assign(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the number of each key, and where in `keys` each new one is first, in the order of their numbers."""
        slots = (keys >> self._shift).astype(np.int64)
        numbers = self._slot_numbers[slots]
        missed = np.flatnonzero(self._slot_keys[slots] != keys)
        unique, first, inverse = np.unique(keys[missed], return_index=True, return_inverse=True)
        at = np.minimum(np.searchsorted(self._other_keys, unique), max(len(self._other_keys) - 1, 0))
        found = np.full(len(unique), -1, dtype=np.int64)
        if len(self._other_keys):
            is_known = self._other_keys[at] == unique
            found[is_known] = self._other_numbers[at[is_known]]
        new = np.flatnonzero(found < 0)
        new = new[np.argsort(first[new])]
        found[new] = self.count + np.arange(len(new))
        self.count += len(new)
        self._insert(unique[new], found[new])
        numbers[missed] = found[inverse]
        return numbers, missed[first[new]]

    def _insert(self, keys: NDArray[np.uint64], numbers: NDArray[np.int64]) -> None:
        """Insert different new keys with their numbers: into their slots if these are free, else among the others."""
        slots = (keys >> self._shift).astype(np.int64)
        free = self._slot_keys[slots] == 0
        self._slot_keys[slots[free]] = keys[free]  # of several with one slot, the last one stays
        taken = self._slot_keys[slots] == keys
        self._slot_numbers[slots[taken]] = numbers[taken]
        if not taken.all():
            merged = np.concatenate([self._other_keys, keys[~taken]])
            order = np.argsort(merged, kind="stable")
            self._other_keys = merged[order]
            self._other_numbers = np.concatenate([self._other_numbers, numbers[~taken]])[order]


class StreamBuilder:
    """Writes the token stream of one segment."""

    def __init__(self, writer: ArrayWriter | MemoryWriter, bits: int) -> None:
        """Take the writer of the arrays; building is fastest for fewer than 2 ** `bits` units."""
        self._writer = writer
        self._numbers = _Numbers(bits)
        self._begins = _GrowingArray(np.int64)
        self._begins.append(np.zeros(1, dtype=np.int64))
        self._texts = _GrowingArray(np.uint8)
        self._ids = _GrowingArray(np.uint32)
        self._apart: dict[tuple[bytes, int], int] = {}  # units whose key another unit has
        self._unwritten = np.zeros(0, dtype=np.int64)
        self._codes = np.zeros(0, dtype=np.int32)  # of each unit in the current table; -1 for none
        self._table_begin = self._table_size = self._count = 0
        for name, dtype in LAYOUT.items():
            writer.append(name, np.zeros(1 if name == "unit_begins" else 0, dtype=dtype))

    def add(self, data: bytes, starts: NDArray[np.int64], ids: NDArray[np.uint32], offsets: NDArray[np.int64]) -> None:
        """Append tokens to the stream.

        Args:
            data: the next bytes of the stream, at least one.
            starts: the byte at which each token starts; 0 for the first.
            ids: the tokens.
            offsets: code-point offset of each token in its file.
        """
        ends = np.append(starts[1:], len(data))
        units, new = self._numbers.assign(_compute_keys(data, starts, ends, ids))
        self._append_units(data, starts[new], ends[new], ids[new])
        self._correct(data, starts, ends, ids, units)
        is_marked = (np.arange(self._count, self._count + len(ids)) & ((1 << OFFSET_BITS) - 1)) == 0
        self._writer.append("offsets", offsets[is_marked].astype(np.uint32))
        self._count += len(ids)
        self._unwritten = np.concatenate([self._unwritten, units])
        while len(self._unwritten) >= PAGE:
            self._write_page(self._unwritten[:PAGE])
            self._unwritten = self._unwritten[PAGE:]

    def finish(self) -> None:
        """Write what is left."""
        if len(self._unwritten):
            self._write_page(self._unwritten)
        self._unwritten = self._unwritten[:0]

    def _append_units(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], ids: NDArray[np.uint32]
    ) -> None:
        """Append the units with these ranges of `data` and tokens."""
        if not len(starts):
            return
        lengths = ends - starts
        text_ends = np.cumsum(lengths)
        at = np.repeat(starts - text_ends + lengths, lengths) + np.arange(int(text_ends[-1]))
        texts = np.frombuffer(data, dtype=np.uint8)[at]
        text_ends += self._texts.size
        self._begins.append(text_ends)
        self._texts.append(texts)
        self._ids.append(ids)
        self._writer.append("unit_begins", text_ends.astype(np.uint32))
        self._writer.append("unit_texts", texts)
        self._writer.append("unit_ids", ids)

    def _correct(
        self,
        data: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        ids: NDArray[np.uint32],
        units: NDArray[np.int64],
    ) -> None:
        """Set, in `units`, the unit of each token whose key belongs to another text; other arguments as in `add`."""
        lengths = ends - starts
        begins = self._begins.values[units]
        is_wrong = (self._begins.values[units + 1] - begins != lengths) | (self._ids.values[units] != ids)
        at = np.repeat(begins - starts, lengths)
        at += np.arange(len(data))
        differs = self._texts.values.take(at, mode="clip") != np.frombuffer(data, dtype=np.uint8)
        if differs.any():
            is_wrong |= np.logical_or.reduceat(differs, starts)
        for token in np.flatnonzero(is_wrong).tolist():
            text = data[starts[token] : ends[token]]
            unit = self._apart.setdefault((text, int(ids[token])), self._numbers.count)
            if unit == self._numbers.count:
                self._numbers.count += 1
                self._append_units(data, starts[token : token + 1], ends[token : token + 1], ids[token : token + 1])
            units[token] = unit

    def _write_page(self, units: NDArray[np.int64]) -> None:
        """Write the codes of the units of a page, and those of its units that are not in the current table."""
        missing = self._numbers.count - len(self._codes)
        if missing:
            self._codes = np.concatenate([self._codes, np.full(missing, -1, dtype=np.int32)])
        codes = self._codes[units]
        missed = np.flatnonzero(codes < 0)
        new = np.unique(units[missed])
        if self._table_size + len(new) > PAGE:
            self._codes[:] = -1
            self._table_begin += self._table_size
            self._table_size = 0
            missed = np.arange(len(units))
            new = np.unique(units)
        self._codes[new] = self._table_size + np.arange(len(new))
        self._table_size += len(new)
        self._writer.append("table_units", new.astype(np.uint32))
        self._writer.append("page_tables", np.array([self._table_begin], dtype=np.uint32))
        codes[missed] = self._codes[units[missed]]
        self._writer.append("codes", codes.astype(np.uint16))


def _compute_keys(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], ids: NDArray[np.uint32]
) -> NDArray[np.uint64]:
    """Return a hash of the text, its length and the number of each token; never 0."""
    keys = tokens.sum_ranges(data, starts, ends)
    keys += (ends - starts).astype(np.uint64) * _LENGTH_FACTOR
    keys += ids * _ID_FACTOR
    keys ^= keys >> np.uint64(32)
    keys *= _MIX
    return keys | np.uint64(1)
