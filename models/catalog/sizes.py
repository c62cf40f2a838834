"""Size of a model, as its name tells it; decides what can be asked of the model. Start at `is_small`."""

from __future__ import annotations

import re

SMALL = 8_000_000_000  # weights; smaller ones keep to no schema, and answer one short question at a time better

_SIZE = re.compile(r"(?<![a-z\d.])(\d+(?:\.\d+)?)\s?([bm])(?![a-z])", re.IGNORECASE)
_MIXTURE = re.compile(r"(?<![a-z\d.])\d+x\d+(?:\.\d+)?b(?![a-z])", re.IGNORECASE)
_UNITS = {"b": 1_000_000_000, "m": 1_000_000}


def parse_weight_count(name: str) -> int:
    """Return the number of weights that a model's name tells ("qwen2.5-coder:1.5b"); 0 if it tells none."""
    if _MIXTURE.search(name):
        return 0
    found = [float(number) * _UNITS[unit.lower()] for number, unit in _SIZE.findall(name)]
    return round(max(found, default=0.0))


def is_small(name: str) -> bool:
    """Return whether a model's name tells that it is small; False if it tells no size."""
    return 0 < parse_weight_count(name) < SMALL
