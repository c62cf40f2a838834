"""Log-probabilities of tokens from the logits that CTranslate2 passes to a callback. Start at `rank_tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def compute_log_prob(logits: Any, number: int, among: Sequence[int] | None) -> float:  # noqa: ANN401  # CTranslate2 has no types
    """Return the log-probability of the token id `number`; relative to the ids in `among` if given."""
    return float(_compute_log_softmax(logits, among)[number])


def rank_tokens(
    logits: Any,  # noqa: ANN401  # CTranslate2 has no types
    count: int,
    among: Sequence[int] | None,
) -> tuple[tuple[int, float], ...]:
    """Return ids and log-probabilities of the `count` likeliest tokens, best first; -inf for ids that `among` lacks."""
    scores = _compute_log_softmax(logits, among)
    best = (-scores).argsort()[:count] if count > 1 else [scores.argmax()]
    return tuple((int(number), float(scores[number])) for number in best)


def _compute_log_softmax(logits: Any, among: Sequence[int] | None) -> Any:  # noqa: ANN401  # CTranslate2 has no types
    """Return the log-probabilities of all tokens; with `among`, relative to those ids, and -inf for the others."""
    import numpy as np  # noqa: PLC0415  # heavy; only alternatives, scores and partial words need it

    scores = np.array(logits).astype(np.float32).reshape(-1)
    if among is not None:
        ids = np.asarray(among)
        allowed = np.full_like(scores, -np.inf)
        allowed[ids] = scores[ids]
        scores = allowed
    scores -= scores.max()
    return scores - np.log(np.exp(scores).sum())
