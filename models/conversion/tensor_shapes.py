"""Which shapes a tensor may have; a product of other numbers may take for ever."""

from __future__ import annotations

MOST_DIMENSIONS = 64  # as torch has it


MOST_NUMBERS = 1 << 63  # in one dimension


def is_shape(shape: tuple[int, ...]) -> bool:
    """Whether a tensor can have it; a product of other numbers may take for ever."""
    return len(shape) <= MOST_DIMENSIONS and all(0 <= size < MOST_NUMBERS for size in shape)
