"""Bounds of the shape of a tensor, checked before its size is computed: a product of huge numbers may take forever."""

from __future__ import annotations

MOST_DIMENSIONS = 64  # as torch has it


MOST_NUMBERS = 1 << 63  # in one dimension


def is_shape(shape: tuple[int, ...]) -> bool:
    """Return whether a tensor can have the shape `shape`."""
    return len(shape) <= MOST_DIMENSIONS and all(0 <= size < MOST_NUMBERS for size in shape)
