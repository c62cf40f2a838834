"""Integers packed into words of 32 bits, and read in any order.

Values are packed in groups of 32, so that a group of any width fills whole words. Start at `pack` and `PackedArray`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexing.storage.arrays import ArrayWriter, MemoryWriter

GROUP_BITS = 5
GROUP = 1 << GROUP_BITS  # as many as a word has bits
_MANY = 1 << 15  # values from which packing lane by lane is faster
_LANES = np.arange(GROUP, dtype=np.int32)
_MASKS = np.array([(1 << width) - 1 for width in range(33)], dtype=np.uint32)


def pack(values: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
    """Return the words of `values`, each below 2 ** `width`; the number of values is a multiple of `GROUP`."""
    if len(values) >= _MANY:
        return _pack_many(values.reshape(-1, GROUP), width)
    data = values.astype("<u4").view(np.uint8).reshape(-1, 4)
    bits = np.unpackbits(data, axis=1, count=width, bitorder="little")
    return np.packbits(bits, bitorder="little").view("<u4")


def _pack_many(groups: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
    """Return the words of `groups` as `pack` does; faster for many values."""
    lanes = np.ascontiguousarray(groups.T)
    words = np.zeros((width, len(groups)), dtype=np.uint32)
    for number, lane in enumerate(lanes):
        at, shift = divmod(number * width, GROUP)
        words[at] |= lane << np.uint32(shift)
        if shift + width > GROUP:
            words[at + 1] |= lane >> np.uint32(GROUP - shift)
    return words.T.ravel()


def measure_widths(groups: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the bits that the largest value of each group takes; `groups` has the shape (groups, `GROUP`)."""
    widths: NDArray[np.uint8] = np.frexp(groups.max(axis=1).astype(np.float64))[1].astype(np.uint8)
    return widths


def pack_groups(groups: NDArray[np.uint32], widths: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the words of all groups, each with its own width; a group fills as many words as its width."""
    ends = np.cumsum(widths, dtype=np.int64)
    words = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint32)
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        places = (ends[rows] - width)[:, None] + np.arange(width)
        words[places] = pack(groups[rows].ravel(), width).reshape(len(rows), width)
    return words


class PackedArray:
    """An array that `PackedWriter` has written."""

    def __init__(self, words: NDArray[np.uint32], width: int) -> None:
        """Take its words, and the width of its values in bits, at most 57."""
        data = words.view(np.uint8)
        # a value lies in the eight bytes from its first one on, wherever these are
        self._parts: NDArray[np.uint64] = np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))
        self._width = width
        self._mask = np.uint64((1 << width) - 1)

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the values with these numbers, counted from 0."""
        bits = numbers * self._width
        values = self._parts[bits >> 3]
        bits &= 7
        values >>= bits.view(np.uint64)
        values &= self._mask
        read: NDArray[np.int64] = values.view(np.int64)
        return read


def read_groups(words: NDArray[np.uint32], widths: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the values of the groups with these `widths`; `words`, which is not empty, begins with their words."""
    own = widths.astype(np.int32)
    bits = (np.cumsum(own, dtype=np.int32) - own << GROUP_BITS)[:, None] + own[:, None] * _LANES
    at = (bits >> GROUP_BITS).astype(np.intp)
    bits &= 31
    shifts = bits.view(np.uint32)
    values = words.take(at, mode="clip")
    values >>= shifts
    at += 1
    following = words.take(at, mode="clip")
    following <<= np.uint32(32) - shifts  # by 32 bits or more gives 0
    values |= following
    values &= _MASKS[widths][:, None]
    return values.ravel()


class PackedWriter:
    """Writes one array of values of equal width in pieces."""

    def __init__(self, writer: ArrayWriter | MemoryWriter, name: str, width: int) -> None:
        self._writer = writer
        self._name = name
        self._width = width
        self._rest = np.zeros(0, dtype=np.uint32)

    def append(self, values: NDArray[np.uint32]) -> None:
        """Append `values`, each below 2 ** width."""
        values = np.concatenate([self._rest, values])
        whole = len(values) >> GROUP_BITS << GROUP_BITS
        self._writer.append(self._name, pack(values[:whole], self._width))
        self._rest = values[whole:]

    def finish(self) -> None:
        """Write the last values, and two zero words, because reading the last value also reads bytes after it."""
        filled = np.append(self._rest, np.zeros(-len(self._rest) % GROUP, dtype=np.uint32))
        self._writer.append(self._name, pack(filled, self._width))
        self._writer.append(self._name, np.zeros(2, dtype=np.uint32))
        self._rest = self._rest[:0]
