"""Greedy choice of tokens while CTranslate2 decodes, among all tokens or steered. Start at `GreedyDecoding.take`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.local.log_probs import rank_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its id and its string."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One decoded token with its log-probability.

    Attributes:
        token: the token.
        log_prob: its log-probability.
        ranking: ids and log-probabilities of the likeliest first tokens if more than one was asked for; else empty.
    """

    token: Token
    log_prob: float
    ranking: tuple[tuple[int, float], ...] = ()


class Steering(Protocol):
    """Restriction of the next token; `list_allowed` is called for each token, after `on_step` got the previous one."""

    def list_allowed(self) -> Sequence[int] | None:
        """Return the ids of the tokens that may come next; None if any token may."""
        ...

    def spell(self, number: int) -> str:
        """Return the string of the token with the id `number`."""
        ...


class GreedyDecoding:
    """One greedy decoding, in one run of the generator or, if steered, in several; `take` is CTranslate2's callback.

    Attributes:
        ranking: ids and log-probabilities of the likeliest first tokens, if more than one was asked for.
        chosen: the tokens chosen by the steering; the next run begins after them.
        diverged: whether the last run ended because CTranslate2 chose another token than the steering.
    """

    def __init__(
        self, on_step: Callable[[Step], bool], ends: Sequence[str], ranked: int, steering: Steering | None
    ) -> None:
        """Prepare a decoding.

        Args:
            on_step: called with each token; returns whether to stop.
            ends: the end tokens.
            ranked: how many of the likeliest first tokens to rank; 1 for none.
            steering: restricts the tokens; None for no restriction.
        """
        self.ranking: tuple[tuple[int, float], ...] = ()
        self.chosen: list[str] = []
        self.diverged = False
        self._on_step = on_step
        self._ends = ends
        self._ranked = ranked
        self._steering = steering

    def take(self, result: Any) -> bool:  # noqa: ANN401  # CTranslate2 has no types
        """Pass the decoded token, or the steering's choice, to `on_step`; return whether to end the run.

        An end token is not passed on, unless the steering chose it. If the steering allows no token, the run ends.
        """
        among = self._steering.list_allowed() if self._steering is not None else None
        if self._ranked > 1 and not self.ranking:
            self.ranking = rank_tokens(result.logits, self._ranked, among)
        number, text, log_prob = result.token_id, result.token, float(result.log_prob)
        diverged = False
        if self._steering is not None and among is not None:
            if not among:
                return True
            ((number, log_prob),) = rank_tokens(result.logits, 1, among)
            text = self._steering.spell(number)
            diverged = number != result.token_id
            self.chosen.append(text)
        elif text in self._ends:
            return False
        stopped = self._on_step(Step(Token(number, text), log_prob, self.ranking))
        self.diverged = diverged and not stopped
        return stopped or diverged
