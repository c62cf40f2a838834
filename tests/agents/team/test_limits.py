"""The limits of a turn, and what a delegate spends of these."""

from __future__ import annotations

from agents.team.limits import Spending, TurnLimits
from models.chat import Usage


def test_a_delegate_has_at_most_its_own_steps_and_those_that_are_left() -> None:
    spending = Spending(TurnLimits(steps=10, tokens=1000))
    for _ in range(6):
        spending.add(Usage(10, 10))
    lent = spending.copy_for_delegate(TurnLimits(steps=3, tokens=10_000))
    assert (lent.limits.steps, lent.limits.tokens) == (9, 1000)
    assert lent.find_exceeded() == ""
    for _ in range(3):
        lent.add(Usage(10, 10), 0.5)
    assert "after 9 steps" in lent.find_exceeded()
    spending.take_counts(lent)
    assert (spending.steps, spending.tokens, spending.cost) == (9, 180, 1.5)
    assert spending.find_exceeded() == ""
    assert spending.copy_for_delegate(TurnLimits(steps=30)).limits.steps == 10
