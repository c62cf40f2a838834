"""Quantized vectors: one bit for each component finds candidates, eight bits rank them. Start at `quantize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVELS = 127


@dataclass(frozen=True, slots=True)
class Codes:
    """Quantized vectors.

    Attributes:
        signs: a bit for each component, set if it is positive; shape (vectors, words).
        levels: the components in steps of `scales`; shape (vectors, width).
        scales: the size of a step; shape (vectors,).
    """

    signs: NDArray[np.uint64]
    levels: NDArray[np.int8]
    scales: NDArray[np.float32]


def count_words(width: int) -> int:
    """Return the number of 64-bit words that hold the signs of a vector of `width` components."""
    return -(-width // 64)


def quantize(vectors: NDArray[np.float32]) -> Codes:
    """Return the codes of `vectors`, shape (vectors, width)."""
    count, width = vectors.shape
    packed = np.zeros((count, 8 * count_words(width)), dtype=np.uint8)
    packed[:, : -(-width // 8)] = np.packbits(vectors > 0, axis=1)
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0.0), 1e-12).astype(np.float32) / np.float32(_LEVELS)
    levels = np.rint(vectors / scales[:, None]).astype(np.int8)
    return Codes(packed.view("<u8").astype(np.uint64, copy=False), levels, scales)


def find_candidates(signs: NDArray[np.uint64], query: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """Return up to `count` vectors that differ from the signs of `query` in the fewest bits, in any order.

    `signs` has the shape (words, vectors), which is counted several times as fast as the other way round.
    """
    differing = np.zeros(signs.shape[1], dtype=np.uint16)
    for column, word in zip(signs, query, strict=True):
        differing += np.bitwise_count(column ^ word)
    if len(differing) <= count:
        return np.arange(len(differing), dtype=np.int64)
    return np.argpartition(differing, count)[:count].astype(np.int64)


def score(levels: NDArray[np.int8], scales: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the scalar product of each quantized vector with `query`."""
    return (levels.astype(np.float32) @ query) * scales
