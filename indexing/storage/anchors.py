"""A table of all token positions of a segment, sorted by the tokens that precede them.

A position's bucket is taken from the hash of its last three tokens; within a bucket, positions are sorted by this hash
and those of longer and longer contexts. So the neighbours of a context's place in that order are the positions that
share most tokens with it, as in a suffix array, at the cost of a hash table. Positions before a line break are left
out, because nothing of their line follows. Matches are candidates, whose tokens `recall` compares. Start at
`Anchors.find`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexing.storage.bit_packing import PackedArray
    from indexing.storage.token_stream import TokenStream

SHORTEST = 3  # tokens that must be equal before the cursor; measured: with two, nothing more that is right is found
_LEVELS = ((SHORTEST, 22), (4, 4), (6, 4), (9, 4), (14, 4))  # context length in tokens, bits of its hash in the key
_KEY_BITS = sum(bits for _, bits in _LEVELS)
_PLACE_BITS = 26
MAX_TOKENS = 1 << _PLACE_BITS  # tokens of a segment that can be recalled, about 300 MB of source
CONTEXT = max(length for length, _ in _LEVELS)
_LENGTHS = tuple(length for length, _ in _LEVELS)
_SHIFTS = np.array([32 - bits for _, bits in _LEVELS], dtype=np.uint64)  # only the upper bits of a hash are used
_LEFT = np.array([sum(bits for _, bits in _LEVELS[at + 1 :]) for at in range(len(_LEVELS))], dtype=np.uint64)
_BACK = np.arange(1 - CONTEXT, 1)
_PROBES = 8  # keys of a bucket read at once: each may cost a page of the map, and a round costs as much as three

_PARTS = np.arange(_PROBES)


def compute_keys(ids: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the sorting key of the context that ends at each position: shape as `ids`."""
    key = np.zeros(len(ids), dtype=np.uint64)
    for hashes, (_, bits) in zip(tokens.compute_window_hashes(ids, _LENGTHS), _LEVELS, strict=True):
        key <<= np.uint64(bits)
        key |= hashes >> np.uint32(32 - bits)
    return key


def pack(key: NDArray[np.uint64], positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers that combine key and position and sort by key first."""
    return key << np.uint64(_PLACE_BITS) | positions


def choose_bucket_bits(count: int) -> int:
    """Return the number of bits of a bucket number, so that `count` positions fill buckets with 16 to 32 each."""
    return min(max((count >> 5).bit_length(), 8), _LEVELS[0][1])


def choose_place_bits(count: int) -> int:
    """Return the number of bits in which each of `count` positions can be stored."""
    return max(min(count, MAX_TOKENS).bit_length(), 1)


def unpack(packed: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the bucket number (the upper `bits` bits) and the position of each packed number."""
    positions = (packed & np.uint64(MAX_TOKENS - 1)).astype(np.uint32)
    return (packed >> np.uint64(64 - bits)).astype(np.int64), positions


@dataclass(frozen=True)
class Context:
    """The tokens before a cursor, the last `CONTEXT` or more, fewer only at the start of a text; for many tables."""

    ids: NDArray[np.uint32]

    @cached_property
    def key(self) -> np.uint64:
        """Sorting key of the context, which has `SHORTEST` tokens or more."""
        found: np.uint64 = _compute_window_keys(self.ids[None, -CONTEXT:])[0]
        return found


@dataclass(frozen=True, slots=True)
class Anchors:
    """The table of a segment.

    Attributes:
        stream: the tokens of the segment.
        start: the first place of each bucket, and the number of places; shape (buckets + 1,).
        places: the positions, sorted by bucket and key.
    """

    stream: TokenStream
    start: NDArray[np.uint32]
    places: PackedArray

    def find(self, context: Context, limit: int) -> NDArray[np.int64]:
        """Return up to `limit` positions at which a suffix of `context` of at least `SHORTEST` tokens ends.

        Of more, these are the neighbours of `context` in the order of the keys, half of them on each side, most of
        which share a long suffix with it. The result is empty for a context of fewer than `SHORTEST` tokens.

        Args:
            context: the tokens before the cursor.
            limit: largest number of positions.
        """
        if len(context.ids) < SHORTEST:
            return np.zeros(0, dtype=np.int64)
        wanted = context.key
        bits = (len(self.start) - 1).bit_length() - 1
        bucket = int(wanted) >> (_KEY_BITS - bits)
        low, high = int(self.start[bucket]), int(self.start[bucket + 1])
        middle = self._find_insertion(low, high, wanted) if high - low > limit else low
        begin = max(low, min(middle - limit // 2, high - limit))
        positions = self.places.read(np.arange(begin, min(high, begin + limit)))
        last = self.stream.read_ids(positions[:, None] + _BACK[-SHORTEST:])
        found: NDArray[np.int64] = positions[(last == context.ids[-SHORTEST:]).all(axis=1)]
        return found

    def _find_insertion(self, low: int, high: int, wanted: np.uint64) -> int:
        """Return the place from `low` to `high` at which a position with the key `wanted` would be inserted."""
        while high - low > _PROBES:
            probes = low + _PARTS * (high - 1 - low) // (_PROBES - 1)
            found = int(np.searchsorted(self._compute_keys_at(probes), wanted))
            low, high = (
                int(probes[found - 1]) if found else low,
                int(probes[found]) if found < len(probes) else high,
            )
        return low + int(np.searchsorted(self._compute_keys_at(np.arange(low, high)), wanted)) if high > low else low

    def _compute_keys_at(self, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the keys of the places with these numbers, from the tokens up to and including each position."""
        return _compute_window_keys(self.stream.read_ids(self.places.read(numbers)[:, None] + _BACK))


def _compute_window_keys(windows: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the key of the last position of each window: shape (rows,)."""
    length = windows.shape[1]
    sums = windows.astype(np.uint64) @ tokens.compute_window_weights(length, _LENGTHS)
    hashes = tokens.mix(sums) >> _SHIFTS
    found: NDArray[np.uint64] = np.bitwise_or.reduce(hashes << _LEFT, axis=1)
    return found
