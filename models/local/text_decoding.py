"""Text of an answer whose tokens arrive one by one, and the steering that makes it begin with a partial word.

Computes no token (`models.local.engine` does). Start at `TextDecoding`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.completion import RankedToken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.local.greedy_decoding import Step
    from models.tokenizer import Tokenizer


@dataclass(slots=True)
class TextDecoding:
    """Tokens and text of one answer; a `models.local.greedy_decoding.Steering` if `forced_start` is not empty.

    Attributes:
        tokenizer: the model's.
        on_token: called with the whole text so far and the newest token's log-probability; returns whether to stop.
        forced_start: the partial word before the cursor, with which the answer has to begin; left out of the text.
        on_ranking: called once with the likeliest first tokens, if they were asked for.
        numbers: ids of the tokens that have arrived.
        first_at: arrival of the first token by the monotonic clock, in seconds; 0 before.
        last_at: arrival of the last token, likewise.
    """

    tokenizer: Tokenizer
    on_token: Callable[[str, float], bool]
    forced_start: str
    on_ranking: Callable[[Sequence[RankedToken]], object]
    numbers: list[int] = field(default_factory=list)
    first_at: float = 0.0
    last_at: float = 0.0

    @property
    def steering(self) -> TextDecoding | None:
        """This object if the answer has a forced start; None otherwise."""
        return self if self.forced_start else None

    def list_allowed(self) -> Sequence[int] | None:
        """Return the ids of tokens that continue the forced start; None once it is complete."""
        spelled = self.tokenizer.join_bytes([self.tokenizer.find_token(number) for number in self.numbers])
        left = self.forced_start.encode()[len(spelled) :]
        return self.tokenizer.find_first_tokens(left) if left else None

    def spell(self, number: int) -> str:
        """Return the string of the token with the id `number`."""
        return self.tokenizer.find_token(number)

    def take(self, step: Step) -> bool:
        """Add a token and pass the text to `on_token`; return whether to stop."""
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        if step.ranking and not self.numbers:
            self.on_ranking([RankedToken(*one) for one in step.ranking])
        self.numbers.append(step.token.number)
        return self.on_token(self.tokenizer.decode(self.numbers)[len(self.forced_start) :], step.log_prob)
