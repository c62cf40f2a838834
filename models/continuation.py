"""One continuation while its tokens arrive: stop rules and cancellation at each token, and its final text.

Knows no tokenizer and no engine, so that a local model and a remote one end continuations alike. Start at
`Continuation.add`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.completion import Generation, StopReason

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Continuation:
    """A continuation as far as it has arrived.

    Attributes:
        stop: the stop rule, as in `models.completion.CompletionModel.generate`.
        is_cancelled: returns whether the caller cancelled.
        deadline: when the continuation ends with the text so far, on the monotonic clock in seconds.
        text: the text so far; an incomplete character at the end is left out.
        log_probs: one per token; empty if they are unknown.
        starts: length of the text before each token, in characters.
        reason: why the continuation ended: END unless a stop rule, the deadline or the caller ended it.
    """

    stop: Callable[[str], int | None]
    is_cancelled: Callable[[], bool]
    deadline: float = math.inf
    text: str = ""
    log_probs: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    reason: StopReason = StopReason.END

    def add(self, text: str, log_prob: float | None) -> bool:
        """Add one token, apply the rules, and return whether the continuation has ended.

        Args:
            text: the whole text, this token included.
            log_prob: natural logarithm of the token's probability; None if unknown.
        """
        if log_prob is not None:
            self.log_probs.append(log_prob)
        self.starts.append(len(self.text))
        self.text = text
        if self.is_cancelled():
            self.reason = StopReason.CANCELLED
            return True
        kept = self.stop(text)
        if kept is None:
            return self._end_if_late()
        self.text = text[: max(0, kept)]
        self.reason = StopReason.STOPPED
        return True

    def _end_if_late(self) -> bool:
        """End the continuation without a partial last line if the deadline has passed; return whether it has."""
        if time.monotonic() < self.deadline:
            return False
        self.reason = StopReason.LATE
        self.text = drop_partial_line(self.text)
        return True

    def finish(self, prompt_tokens: int, reused_tokens: int, *, spent: bool) -> Generation:
        """Return the continuation as a `Generation`, without the log-probabilities of tokens beyond its text.

        Args:
            prompt_tokens: tokens of the prompt, context included.
            reused_tokens: how many prompt tokens came from kept KV state.
            spent: whether the token budget was used up.
        """
        if self.reason is StopReason.END and spent:
            self.reason = StopReason.LENGTH
        kept = sum(1 for start in self.starts if start < len(self.text))
        ends = (*self.starts[1:kept], len(self.text)) if kept else ()
        return Generation(self.text, tuple(self.log_probs[:kept]), self.reason, prompt_tokens, reused_tokens, ends)


@dataclass(frozen=True, slots=True)
class StopRules:
    """Rules that end a continuation; the attributes are those of `Continuation`."""

    stop: Callable[[str], int | None]
    is_cancelled: Callable[[], bool]
    deadline: float

    def start_continuation(self) -> Continuation:
        """Return an empty continuation with these rules."""
        return Continuation(self.stop, self.is_cancelled, self.deadline)


def drop_partial_line(text: str) -> str:
    """Return `text` without its last line, which may be incomplete, and the break before it; unchanged for one line."""
    return text[: max(text.rfind("\n"), 0) or len(text)]


def compute_deadline(budget_ms: float) -> float:
    """Return when a budget of `budget_ms` that begins now ends, on the monotonic clock in seconds; infinity for 0."""
    return time.monotonic() + budget_ms / 1000 if budget_ms > 0 else math.inf
