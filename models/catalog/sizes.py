"""Size of a model, as its name states it; prompts depend on the size. Start at `is_small`."""

from __future__ import annotations

import re

SMALL = 8_000_000_000  # weights; smaller models keep to no schema, and answer short questions better

_SIZE = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)\s?([bm])(?![a-z])", re.IGNORECASE)
_MIXTURE = re.compile(r"(?<![a-z\d.])\d+x\d+(?:\.\d+)?b(?![a-z])", re.IGNORECASE)
_UNITS = {"b": 1_000_000_000, "m": 1_000_000}


def parse_weight_count(name: str) -> int:
    """Return the number of weights that a model's name states ("qwen2.5-coder:1.5b").

    Returns the largest number if the name states several; 0 if it states none, or a mixture of experts ("8x7b").
    """
    if _MIXTURE.search(name):
        return 0
    found = [float(number) * _UNITS[unit.lower()] for number, unit in _SIZE.findall(name)]
    return round(max(found, default=0.0))


def is_small(name: str) -> bool:
    """Return whether a model's name states fewer than `SMALL` weights; False if it states no size."""
    return 0 < parse_weight_count(name) < SMALL
