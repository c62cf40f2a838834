"""Where the same tokens stood before: a table of all token positions, sorted by the tokens that end there.

Positions lie in buckets by the hash of the last three tokens and inside a bucket in the order of hashes of ever longer
contexts, so that the neighbours of a context's own place in that order are the positions that share most with it: a
suffix array's property at a hash table's price. Matches are candidates; `recall` compares the tokens. Start at `find`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST = 3  # tokens that must be equal before the cursor: measured, two find nothing more that is right
_LEVELS = ((SHORTEST, 22), (4, 4), (6, 4), (9, 4), (14, 4))  # context length in tokens, bits of its hash in the key
_KEY_BITS = sum(bits for _, bits in _LEVELS)
_PLACE_BITS = 26
MAX_TOKENS = 1 << _PLACE_BITS  # tokens of a segment that can be recalled, about 300 MB of source; later ones are not
CONTEXT = max(length for length, _ in _LEVELS)
_LENGTHS = tuple(length for length, _ in _LEVELS)
_SHIFTS = np.array([32 - bits for _, bits in _LEVELS], dtype=np.uint64)  # a hash's upper bits count
_LEFT = np.array([sum(bits for _, bits in _LEVELS[at + 1 :]) for at in range(len(_LEVELS))], dtype=np.uint64)
_BACK = np.arange(1 - CONTEXT, 1)
_PROBES = 8  # of a bucket at once: each may cost a page of the map, each round costs as much as three

_PARTS = np.arange(_PROBES)


def keys(ids: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The sorting key of the context that ends at each position. Shape as `ids`."""
    key = np.zeros(len(ids), dtype=np.uint64)
    for hashes, (_, bits) in zip(tokens.window_hashes(ids, _LENGTHS), _LEVELS, strict=True):
        key <<= np.uint64(bits)
        key |= hashes >> np.uint32(32 - bits)
    return key


def pack(key: NDArray[np.uint64], places: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Key and position in one number that sorts by key first."""
    return key << np.uint64(_PLACE_BITS) | places


def bucket_bits(count: int) -> int:
    """Bits of the bucket number for `count` positions: about eight to a bucket."""
    return min(max((count >> 3).bit_length(), 8), _LEVELS[0][1])


def unpack(packed: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Bucket number and position of each packed number."""
    places = (packed & np.uint64(MAX_TOKENS - 1)).astype(np.uint32)
    return (packed >> np.uint64(64 - bits)).astype(np.int64), places


def find(
    ids: NDArray[np.uint32],
    start: NDArray[np.uint32],
    place: NDArray[np.uint32],
    context: NDArray[np.uint32],
    limit: int,
) -> NDArray[np.int64]:
    """Positions whose tokens before are most like `context` (its last token is the one at the cursor).

    Args:
        ids: the tokens of the segment.
        start: the bucket table, shape (buckets + 1,).
        place: positions, sorted.
        context: at least the last `CONTEXT` tokens where there are as many.
        limit: how many positions to return at most.
    """
    if len(context) < SHORTEST:
        return np.zeros(0, dtype=np.int64)
    wanted = _keys_of(context[None, -CONTEXT:])[0]
    bits = (len(start) - 1).bit_length() - 1
    bucket = int(wanted) >> (_KEY_BITS - bits)
    low, high = int(start[bucket]), int(start[bucket + 1])
    middle = _insertion(ids, place, low, high, wanted) if high - low > limit else low
    begin = max(low, min(middle - limit // 2, high - limit))
    return place[begin : min(high, begin + limit)].astype(np.int64)


def _insertion(ids: NDArray[np.uint32], place: NDArray[np.uint32], low: int, high: int, wanted: np.uint64) -> int:
    """Where `wanted` would stand in place[low:high], by search with many probes at a time."""
    while high - low > _PROBES:
        probes = low + _PARTS * (high - 1 - low) // (_PROBES - 1)
        found = int(np.searchsorted(_keys_at(ids, place[probes].astype(np.int64)), wanted))
        low, high = (
            int(probes[found - 1]) if found else low,
            int(probes[found]) if found < len(probes) else high,
        )
    rest = place[low:high].astype(np.int64)
    return low + int(np.searchsorted(_keys_at(ids, rest), wanted)) if len(rest) else low


def _keys_at(ids: NDArray[np.uint32], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The keys of some positions, computed anew from the tokens before them."""
    return _keys_of(ids[np.maximum(places[:, None] + _BACK, 0)])


def _keys_of(windows: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The key of each row's end: as `keys` gives it, without the keys of all positions before. Shape (rows,)."""
    length = windows.shape[1]
    sums = windows.astype(np.uint64) @ tokens.window_weights(length, _LENGTHS)
    hashes = tokens.mix(sums) >> _SHIFTS
    found: NDArray[np.uint64] = np.bitwise_or.reduce(hashes << _LEFT, axis=1)
    return found
