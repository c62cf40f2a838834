"""The limits of a turn, all in one place, and the count of what it has spent. Start at `TurnLimits`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.chat import Usage


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """The limits of one turn of an agent, its delegates included.

    Attributes:
        steps: most answers of the model.
        tokens: most tokens read and written.
        cost: most money, in the currency of the configured prices; 0 for no limit.
        seconds: longest duration, waiting for a person not included.
        agents: most delegates.
        answer_tokens: most tokens of one answer.
        result_characters: most characters of one tool's result that the model gets.
        parallel_reads: most reading tools that run at once.
    """

    steps: int = 40
    tokens: int = 400_000
    cost: float = 0.0
    seconds: float = 1800.0
    agents: int = 8
    answer_tokens: int = 2048
    result_characters: int = 12_000
    parallel_reads: int = 4

    def narrow(self, most: TurnLimits) -> TurnLimits:
        """Return these limits with at most the steps, tokens, cost, seconds and delegates of `most`."""
        return replace(
            self,
            steps=min(self.steps, most.steps),
            tokens=min(self.tokens, most.tokens),
            cost=min(filter(None, (self.cost, most.cost)), default=0.0),
            seconds=min(self.seconds, most.seconds),
            agents=min(self.agents, most.agents),
        )


@dataclass(slots=True)
class Spending:
    """Counts of what a turn has spent, by an agent and its delegates together. Used on one event loop only.

    Attributes:
        limits: the limits.
        steps: answers of the model.
        tokens: tokens read and written.
        cost: money.
        agents: delegates.
        waited_s: seconds in which a person was waited for.
        started: `time.monotonic()` at the start.
    """

    limits: TurnLimits
    steps: int = 0
    tokens: int = 0
    cost: float = 0.0
    agents: int = 0
    waited_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def add(self, usage: Usage, cost: float = 0.0) -> None:
        """Count one answer of the model as a step, with its tokens and its cost."""
        self.steps += 1
        self.add_without_step(usage, cost)

    def add_without_step(self, usage: Usage, cost: float = 0.0) -> None:
        """Count the tokens and the cost of an answer that is no step of an agent: the router's."""
        self.tokens += usage.prompt_tokens + usage.answer_tokens
        self.cost += cost

    def copy_for_delegate(self, most: TurnLimits) -> Spending:
        """Return a copy of the count for a delegate that adds at most the steps, tokens, seconds and agents of `most`.

        The limits of the turn hold, too. `take_counts` brings back what the delegate has spent.
        """
        limits = replace(
            self.limits,
            steps=min(self.limits.steps, self.steps + most.steps),
            tokens=min(self.limits.tokens, self.tokens + most.tokens),
            seconds=min(self.limits.seconds, self.seconds + most.seconds),
            agents=min(self.limits.agents, self.agents + most.agents),
        )
        return replace(self, limits=limits)

    def take_counts(self, lent: Spending) -> None:
        """Set the counts to those of `lent`, the copy that a delegate has counted in; the limits stay."""
        self.steps, self.tokens, self.cost = lent.steps, lent.tokens, lent.cost
        self.agents, self.waited_s = lent.agents, lent.waited_s

    def make_share(self, most: TurnLimits, shares: int) -> Spending:
        """Return a new count for one of `shares` agents that work at once; `add_shares` brings back what they spend.

        It may reach an equal share of the steps, tokens, cost and delegates that are left, with at least one step and
        one token, and at most the limits `most`. The time that is left is not divided.
        """
        left = self.limits
        share = replace(
            left,
            steps=max(1, (left.steps - self.steps) // shares),
            tokens=max(1, (left.tokens - self.tokens) // shares),
            cost=max((left.cost - self.cost) / shares, 1e-9) if left.cost else 0.0,
            seconds=left.seconds - self.seconds,
            agents=max(0, (left.agents - self.agents) // shares),
        )
        return Spending(share.narrow(most))

    def add_shares(self, lent: Collection[Spending]) -> None:
        """Add the counts of agents that worked at once; of their waits for a person, only the longest."""
        self.steps += sum(one.steps for one in lent)
        self.tokens += sum(one.tokens for one in lent)
        self.cost += sum(one.cost for one in lent)
        self.agents += sum(one.agents for one in lent)
        self.waited_s += max((one.waited_s for one in lent), default=0.0)

    @property
    def seconds(self) -> float:
        """Seconds since the start, without the waits for a person."""
        return time.monotonic() - self.started - self.waited_s

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time of the turn is over; cheap, and read from any thread."""
        return self.seconds >= self.limits.seconds

    def find_exceeded(self) -> str:
        """Return a sentence for a person about a reached limit of steps, tokens, cost or time; "" for none."""
        limits = self.limits
        if self.steps >= limits.steps:
            return f"The turn ended after {self.steps} steps, its limit; say `go on` to continue."
        if self.tokens >= limits.tokens:
            return f"The turn ended after {self.tokens:,} tokens, its limit; say `go on` to continue."
        if limits.cost and self.cost >= limits.cost:
            return f"The turn ended because it cost {self.cost:.2f}, its limit; say `go on` to continue."
        if self.is_out_of_time:
            return f"The turn ended after {self.seconds:.0f} seconds, its limit; say `go on` to continue."
        return ""
