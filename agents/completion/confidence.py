"""The confidence in a suggestion: the estimated probability that its first line is what the person would type.

Computed from recall's counts, the tokens' probabilities and the model's size. Serves recalled text and the models
without a show-filter (`models/catalog/show_filter.py`), which otherwise estimates the probability instead.
Start at `estimate_recalled`, `estimate_draft` and `estimate_generated`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.records import Recalled

# Recalled text with less confidence than this is not suggested while a person types, and not scored by a model.
LEAST = 0.15
# Weights for recalled text without a calibrated probability: constant, log2 of matched tokens, agreement, log2 of
# votes, same file, characters.
_RECALL = (-3.2, 0.9, 1.6, 0.25, 0.4, -0.01)
# Logistic regressions over 1,600 places in attrs, httpx, rich and tornado with a model of 6.4 million parameters:
# constant, logit of recall's confidence, sum of the log-probabilities of the first line's tokens. For tiny models
# without a filter.
DRAFT = (0.836, 0.813, 0.056)  # 357 drafts, 46 % right; such a model's probabilities for a draft say little
AGREED = (1.870, 0.645, 0.799)  # 111 lines that were recalled too: 26 % right
ALONE = (-1.591, -0.484, 0.867)  # 1,053 lines that were not: 7 % right, fewer if recall is surer of another line
DISPUTED = -1.5  # logits: of 5 lines recalled with 36 to 67 % that Qwen2.5-Coder 0.5B wrote differently, 1 was right
CONTRADICTED = -3.0  # logits, if recalled text begins with a member that the receiver does not have
UNKNOWN = 0.018  # recall's confidence where it has no text; a logit of -4
# The probabilities of large models of code can be taken as they are (Spiess et al. 2024), those of tiny ones cannot.
_TINY, _LARGE = 1e7, 1e9


def estimate_recalled(recalled: Recalled) -> float:
    """Return the confidence in recalled text: its calibrated probability, or an estimate if it has none."""
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


def estimate_draft(recalled: Recalled, log_probs: Sequence[float], parameters: int = 0) -> float:
    """Return the confidence in recalled text that a model has scored.

    Args:
        recalled: the recalled text.
        log_probs: log-probabilities of the first line's tokens.
        parameters: the model's number of weights, 0 for unknown.
    """
    known = estimate_recalled(recalled)
    large = logit(known) / 2 + logit(compute_joint_probability(log_probs))
    return _logistic(_interpolate(_compute_log_odds(DRAFT, known, log_probs), large, parameters))


def estimate_generated(
    log_probs: Sequence[float], parameters: int = 0, *, agreed: float | None = None, other: float | None = None
) -> float:
    """Return the confidence in text that a model has written.

    Args:
        log_probs: log-probabilities of the first line's tokens.
        parameters: the model's number of weights, 0 for unknown.
        agreed: confidence of the recalled text with the same line, None if no recalled text has it.
        other: confidence of the best recalled text, used if `agreed` is None; None if nothing was recalled.
    """
    alone = logit(compute_joint_probability(log_probs))
    if agreed is not None:
        tiny, large = _compute_log_odds(AGREED, agreed, log_probs), max(alone, alone + logit(agreed) / 2)
    else:
        tiny, large = _compute_log_odds(ALONE, UNKNOWN if other is None else other, log_probs), alone
    return _logistic(_interpolate(tiny, large, parameters))


def lower_disputed_confidence(recalled: float) -> float:
    """Return the confidence in recalled text, lowered from `recalled` because a large model wrote another line."""
    return _logistic(logit(recalled) + DISPUTED)


def lower_contradicted_confidence(known: float) -> float:
    """Return the confidence in a text, lowered from `known` because it names a member that does not exist."""
    return _logistic(logit(known) + CONTRADICTED)


def compute_joint_probability(log_probs: Sequence[float]) -> float:
    """Return the product of the tokens' probabilities; 0 for no tokens or a sum that is not finite."""
    total = sum(log_probs)
    return math.exp(max(min(total, 0.0), -700.0)) if log_probs and math.isfinite(total) else 0.0


def compute_mean_probability(log_probs: Sequence[float]) -> float:
    """Return the geometric mean of the tokens' probabilities; 0 for no tokens."""
    return compute_joint_probability((sum(log_probs) / len(log_probs),)) if log_probs else 0.0


def _compute_log_odds(weights: tuple[float, float, float], recalled: float, log_probs: Sequence[float]) -> float:
    """Return the log-odds that the regression `weights` gives for the confidence `recalled` and the probabilities."""
    constant, recall_weight, model_weight = weights
    joint = max(compute_joint_probability(log_probs), 1e-12)
    return constant + recall_weight * max(logit(recalled), logit(UNKNOWN)) + model_weight * math.log(joint)


def _interpolate(tiny: float, large: float, parameters: int) -> float:
    """Return a value between those for a tiny and a large model, by the logarithm of the number of weights.

    Return `large` if the number is unknown (0).
    """
    if parameters <= 0:
        return large
    share = (math.log10(parameters) - math.log10(_TINY)) / (math.log10(_LARGE) - math.log10(_TINY))
    share = min(max(share, 0.0), 1.0)
    return (1 - share) * tiny + share * large


def logit(probability: float) -> float:
    """Return the log-odds of a probability, which is first clipped away from 0 and 1."""
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(probability / (1 - probability))


def _logistic(value: float) -> float:
    """Return the probability whose log-odds are `value`."""
    return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))
