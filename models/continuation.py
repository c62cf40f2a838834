"""One continuation while it comes: stop rules and cancellation at each token, and what is kept of it in the end.

Knows no tokenizer and no engine, so that a model in this process and one behind a connection end alike. Start at
`Continuation.take`.
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
    """What has come so far.

    Attributes:
        stop: as in `models.completion.CompletionModel.generate`.
        given_up: whether nobody wants it any more.
        deadline: of the monotonic clock, seconds; what has come by then is the answer.
        text: without any token's beginning that no character came of yet.
        log_probs: one for each token, or none at all where they are not known.
        starts: how many characters there were before each token.
        reason: why it ended, as far as this knows: END unless a rule or the caller ended it.
    """

    stop: Callable[[str], int | None]
    given_up: Callable[[], bool]
    deadline: float = math.inf
    text: str = ""
    log_probs: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    reason: StopReason = StopReason.END

    def take(self, text: str, log_prob: float | None) -> bool:
        """One token more, with which all is `text`; true to stop. None where its probability is not known."""
        if log_prob is not None:
            self.log_probs.append(log_prob)
        self.starts.append(len(self.text))
        self.text = text
        if self.given_up():
            self.reason = StopReason.CANCELLED
            return True
        kept = self.stop(text)
        if kept is None:
            return self._is_late()
        self.text = text[: max(0, kept)]
        self.reason = StopReason.STOPPED
        return True

    def _is_late(self) -> bool:
        """Whether the time is over; of several lines the last one is not whole then."""
        if time.monotonic() < self.deadline:
            return False
        self.reason = StopReason.LATE
        self.text = whole_lines(self.text)
        return True

    def finish(self, prompt_tokens: int, reused_tokens: int, *, spent: bool) -> Generation:
        """What came of it: the tokens that hold kept text. `spent`: the budget of tokens is."""
        if self.reason is StopReason.END and spent:
            self.reason = StopReason.LENGTH
        kept = sum(1 for start in self.starts if start < len(self.text))
        return Generation(self.text, tuple(self.log_probs[:kept]), self.reason, prompt_tokens, reused_tokens)


@dataclass(frozen=True, slots=True)
class Rules:
    """When a continuation ends: what `Continuation` has of its request."""

    stop: Callable[[str], int | None]
    given_up: Callable[[], bool]
    deadline: float

    def continuation(self) -> Continuation:
        """Return one that has not begun."""
        return Continuation(self.stop, self.given_up, self.deadline)


def whole_lines(text: str) -> str:
    """Return `text` without a last line that may not be whole; all of it where there is only one."""
    return text[: max(text.rfind("\n"), 0) or len(text)]


def deadline_of(budget_ms: float) -> float:
    """Return when a request that begins now has to be answered, by the monotonic clock; 0 ms is never."""
    return time.monotonic() + budget_ms / 1000 if budget_ms > 0 else math.inf
