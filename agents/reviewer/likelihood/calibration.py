"""What a model's scores mean: how likely a place is wrong where the model prefers another, measured for each model.

The figures lie in `likelihood.toml` beside this file; `tests/eval/fit_likelihood.py` makes them from mutated code.
Start at `of_model`.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.reviewer.likelihood.comparison import Comparison

TABLE = Path(__file__).with_name("likelihood.toml")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How to read one model's scores.

    Attributes:
        precise: whether what it finds is right often enough to be shown unasked.
        threshold: least probability of a finding.
        weights: by kind of place, of one, margin, doubt and being unused in a logistic regression; a kind without any
            is never found.
    """

    precise: bool
    threshold: float
    weights: Mapping[str, tuple[float, ...]]

    def confidence(self, one: Comparison) -> float:
        """The probability that a place is wrong, by the regression; 0 unless the model prefers the alternative."""
        if one.site.kind not in self.weights or not one.margin > 0:
            return 0.0
        features = (1.0, one.margin, one.doubt, float(one.unused))
        value = sum(weight * feature for weight, feature in zip(self.weights[one.site.kind], features, strict=True))
        return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))


@cache
def of_model(name: str) -> Calibration | None:
    """The calibration of the model of that name; None when it was never measured."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8")).get("model", {}).get(name)
    if table is None:
        return None
    weights = {kind: tuple(float(value) for value in row) for kind, row in table["weights"].items()}
    return Calibration(bool(table["precise"]), float(table["threshold"]), weights)
