"""How sure a suggestion is: an estimate of the probability that its first line is exactly what the person would type.

Only figures go in: what recall counted and what the model's probabilities were. Start at `of_recall` and `of_model`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.records import Recalled

# Logistic regressions over cursor places in the packages of tests/eval's dev set; see `tests/agents/fit_confidence.py`.
# What is less likely than this comes to nothing unasked, and is not worth a model's pass over it either.
LEAST = 0.15
_RECALL = (-3.2, 0.9, 1.6, 0.25, 0.4, -0.01)
_MODEL = (0.0, 1.0)


def of_recall(recalled: Recalled) -> float:
    """For what the workspace itself wrote after the same tokens: recall's own calibrated figure where it has one."""
    if recalled.confidence:
        return min(max(recalled.confidence, 0.0), 1.0)
    features = (
        1.0,
        math.log2(1 + recalled.matched_tokens),
        recalled.agreement,
        math.log2(recalled.votes) if recalled.votes > 0 else 0.0,
        float(recalled.same_file),
        float(len(recalled.text.partition("\n")[0])),
    )
    return _logistic(sum(weight * value for weight, value in zip(_RECALL, features, strict=True)))


def of_model(log_probs: Sequence[float]) -> float:
    """For what a model decoded or judged: the joint probability of the first line's tokens."""
    if not log_probs:
        return 0.0
    total = sum(log_probs)
    return math.exp(max(min(total, 0.0), -700.0)) if math.isfinite(total) else 0.0


def mean(log_probs: Sequence[float]) -> float:
    """The geometric mean of the tokens' probabilities; 0 for none."""
    return of_model((sum(log_probs) / len(log_probs),)) if log_probs else 0.0


def of_draft(recalled: Recalled, log_probs: Sequence[float]) -> float:
    """For what the workspace wrote and the model judged: both sources' odds together."""
    first, second = (min(max(value, 1e-6), 1 - 1e-6) for value in (of_recall(recalled), of_model(log_probs)))
    odds = first / (1 - first) * second / (1 - second)
    return odds / (1 + odds)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))
