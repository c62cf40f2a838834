"""Drafts: recalled text that the model scores in one pass, instead of decoding text token by token.

A line whose every token has p > 0.5 is exactly the line that greedy decoding would give: no other token can be likelier
(greedy speculative decoding, Stern et al. 2018, with a draft of any origin). Start at `count_accepted_characters`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.completion import Score

_CERTAIN = math.log(0.5)


def count_accepted_characters(score: Score) -> int:
    """Return the length of the draft's first lines that greedy decoding would write too; 0 if not even the first."""
    sure = 0
    for log_prob, end in zip(score.log_probs, score.token_ends, strict=False):
        if not log_prob > _CERTAIN:
            break
        sure = end
    if sure >= len(score.text):
        return len(score.text)
    return max(score.text.rfind("\n", 0, sure), 0)


def list_first_line_log_probs(score: Score) -> tuple[float, ...]:
    """Return the log-probabilities of the tokens that begin in the draft's first line."""
    end = score.text.find("\n")
    end = len(score.text) if end < 0 else end
    starts = (0, *score.token_ends)
    return tuple(value for value, start in zip(score.log_probs, starts, strict=False) if start < end)
