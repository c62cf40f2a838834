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


def test_agents_that_work_at_once_share_what_is_left() -> None:
    spending = Spending(TurnLimits(steps=10, tokens=1000, cost=4.0, agents=5))
    spending.add(Usage(50, 50), 1.0)
    lent = [spending.make_share(TurnLimits(steps=40, tokens=150), 3) for _ in range(3)]
    assert {(one.limits.steps, one.limits.tokens, one.limits.cost, one.limits.agents) for one in lent} == {
        (3, 150, 1.0, 1)
    }
    for one in lent:
        for _ in range(3):
            one.add(Usage(10, 10), 0.5)
        assert "after 3 steps" in one.find_exceeded()
    lent[0].waited_s, lent[1].waited_s = 2.0, 5.0
    spending.add_shares(lent)
    assert (spending.steps, spending.tokens, spending.cost, spending.waited_s) == (10, 280, 5.5, 5.0)
    assert spending.find_exceeded() != ""


def test_a_share_has_the_smaller_limit_of_cost_and_none_without_one() -> None:
    assert Spending(TurnLimits()).make_share(TurnLimits(), 2).limits.cost == 0.0
    assert Spending(TurnLimits()).make_share(TurnLimits(cost=0.5), 2).limits.cost == 0.5
    assert Spending(TurnLimits(cost=4.0)).make_share(TurnLimits(cost=0.5), 2).limits.cost == 0.5
