"""Bounds of a tensor's shape, checked before its size is computed: a product of huge numbers may take forever."""

from __future__ import annotations

MOST_DIMENSIONS = 64  # torch's own limit
MOST_NUMBERS = 1 << 63  # in one dimension


def is_valid_shape(shape: tuple[int, ...]) -> bool:
    """Return whether `shape` is within the bounds of a tensor's shape."""
    return len(shape) <= MOST_DIMENSIONS and all(0 <= size < MOST_NUMBERS for size in shape)
