"""Calibration of a model's scores: the probability that a place is wrong, measured for each model.

The values are in `likelihood.toml` beside this file; `tests/eval/fit_likelihood.py` computes them from mutated code.
Start at `load_calibration`.
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
    """The measured meaning of one model's scores.

    Attributes:
        precise: True if its findings are right often enough to be shown by default.
        threshold: lowest probability of a finding.
        weights: by kind of place, the weights of 1, margin, doubt and unused in a logistic regression; a kind
            without weights is never reported.
    """

    precise: bool
    threshold: float
    weights: Mapping[str, tuple[float, ...]]

    def compute_confidence(self, one: Comparison) -> float:
        """Return the probability that the compared place is wrong, 0 to 1.

        0 if the alternative is not likelier, or the kind of place was not measured.
        """
        if one.site.kind not in self.weights or not one.margin > 0:
            return 0.0
        features = (1.0, one.margin, one.doubt, float(one.unused))
        value = sum(weight * feature for weight, feature in zip(self.weights[one.site.kind], features, strict=True))
        return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))


@cache
def load_calibration(name: str, parameters: int = 0) -> Calibration | None:
    """Return the calibration of the model `name`, else of one with as many parameters; None if none was measured.

    A person names a converted model as they like, and its number of parameters tells which family it is of. A base
    model and the one for instructions have the same number, and share a calibration if only one was measured.
    """
    tables = tomllib.loads(TABLE.read_text(encoding="utf-8")).get("model", {})
    same = (one for one in tables.values() if parameters and one.get("parameters") == parameters)
    table = tables.get(name) or next(same, None)
    if table is None:
        return None
    weights = {kind: tuple(float(value) for value in row) for kind, row in table["weights"].items()}
    return Calibration(bool(table["precise"]), float(table["threshold"]), weights)
