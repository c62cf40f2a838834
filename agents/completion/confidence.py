"""The confidence in a suggestion: the estimated probability that its first line is what the person would type.

Only figures go in: what recall counted, what the model's probabilities were, how large the model is. For a model with a
show-filter of its own (`models/catalog/show_filter.py`) that one says it instead; what is here serves recall, and all
others. Start at `estimate_recalled`, `estimate_draft` and `estimate_generated`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.records import Recalled

# What is less likely than this comes to nothing unasked, and is not worth a model's pass over it either.
LEAST = 0.15
# Where recall gives no figure of its own: one, log2 of matched tokens, agreement, log2 of votes, same file, characters.
_RECALL = (-3.2, 0.9, 1.6, 0.25, 0.4, -0.01)
# Logistic regressions over 1,600 places in attrs, httpx, rich and tornado with a model of 6.4 million parameters: one,
# logit of recall's figure, sum of the log-probabilities of the first line's tokens. For tiny models without a filter.
DRAFT = (0.836, 0.813, 0.056)  # 357 drafts, 46 % right; such a model's opinion of a draft says little
AGREED = (1.870, 0.645, 0.799)  # 111 lines that recall says too: 26 % right
ALONE = (-1.591, -0.484, 0.867)  # 1,053 lines that it does not: 7 % right, fewer the surer recall is of another
DISPUTED = -1.5  # logits: of 5 lines that recall was 36 to 67 % sure of and Qwen2.5-Coder 0.5B disputed, 1 was right
UNKNOWN = 0.018  # recall's figure where it has nothing; a logit of -4
# The probabilities of large models of code can be taken as they are (Spiess et al. 2024), those of tiny ones cannot.
_TINY, _LARGE = 1e7, 1e9


def estimate_recalled(recalled: Recalled) -> float:
    """Return the confidence in recalled text: recall's calibrated probability if it has one."""
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
    """Return the confidence in recalled text that a model with `parameters` weights (0 for unknown) has scored."""
    said = estimate_recalled(recalled)
    large = logit(said) / 2 + logit(compute_joint_probability(log_probs))
    return _logistic(_between(_weigh(DRAFT, said, log_probs), large, parameters))


def estimate_generated(
    log_probs: Sequence[float], parameters: int = 0, *, agreed: float | None = None, other: float | None = None
) -> float:
    """Return the confidence in text that a model with `parameters` weights (0 for unknown) has written.

    Args:
        log_probs: of the first line's tokens.
        parameters: the model's size.
        agreed: recall's figure for the same line, None if it does not say so.
        other: recall's figure for its best other line, None without one.
    """
    alone = logit(compute_joint_probability(log_probs))
    if agreed is not None:
        tiny, large = _weigh(AGREED, agreed, log_probs), max(alone, alone + logit(agreed) / 2)
    else:
        tiny, large = _weigh(ALONE, UNKNOWN if other is None else other, log_probs), alone
    return _logistic(_between(tiny, large, parameters))


def lower_disputed(said: float) -> float:
    """Return the confidence in recalled text, given as `said`, where a large model would write something else."""
    return _logistic(logit(said) + DISPUTED)


def compute_joint_probability(log_probs: Sequence[float]) -> float:
    """Return the probability of all tokens together; 0 for no tokens."""
    total = sum(log_probs)
    return math.exp(max(min(total, 0.0), -700.0)) if log_probs and math.isfinite(total) else 0.0


def compute_mean_probability(log_probs: Sequence[float]) -> float:
    """Return the geometric mean of the tokens' probabilities; 0 for no tokens."""
    return compute_joint_probability((sum(log_probs) / len(log_probs),)) if log_probs else 0.0


def _weigh(weights: tuple[float, float, float], recalled: float, log_probs: Sequence[float]) -> float:
    one, said, judged = weights
    return (
        one
        + said * max(logit(recalled), logit(UNKNOWN))
        + judged * math.log(max(compute_joint_probability(log_probs), 1e-12))
    )


def _between(tiny: float, large: float, parameters: int) -> float:
    """Return the value between those of a tiny and a large model, by the logarithm of the number of weights."""
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
    return 1 / (1 + math.exp(-max(min(value, 60.0), -60.0)))
