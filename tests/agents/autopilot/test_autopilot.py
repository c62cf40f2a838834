"""The autopilot with a queue and proposals in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from agents.autopilot.autopilot import LONGEST_SLEEP_S, MOST_OF_A_KIND, Autopilot, Budget, accept
from agents.ports.task_proposals import KEY_PREFIX, DaySpending, ProposalKind, TaskProposal
from agents.ports.task_queue import TaskStatus
from server.state.background.proposal_store import ProposalStore
from server.state.task_store import TaskStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.state.database import State

PLACE = "file:///shop"
DAY_S = 24 * 3600.0


def make(name: str, kind: ProposalKind = ProposalKind.COMMENT, weight: float = 1.0) -> TaskProposal:
    """Return a proposal."""
    return TaskProposal(kind, name, f"Do {name}", "", weight)


@dataclass
class Bench:
    """A workspace with an autopilot.

    Attributes:
        state: the state, in memory.
        found: the work that there is.
        now: seconds since the epoch.
    """

    state: State
    found: list[TaskProposal] = field(default_factory=list)
    now: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        self.proposals = ProposalStore(self.state, lambda: self.now)
        self.queue = TaskStore(self.state, lambda: self.now)

    def make_pilot(self, *starts: ProposalKind, budget: Budget | None = None) -> Autopilot:
        """Return an autopilot that starts these kinds by a rule."""
        return Autopilot(
            PLACE, lambda: self.found, self.proposals, self.queue,
            starts=starts, budget=budget or Budget(5, 1_000_000, 0.0), interval_s=60.0,
        )  # fmt: skip

    def end_task(self, status: TaskStatus = TaskStatus.DONE) -> None:
        """Have a worker do the next task."""
        claimed = self.queue.claim(PLACE, "w")
        assert claimed is not None
        assert self.queue.finish(claimed, "well") if status is TaskStatus.DONE else self.queue.cancel(claimed.id)

    def list_keys(self) -> list[str]:
        """Return the keys of the open proposals."""
        return [one.proposal.key for one in self.proposals.list_open(PLACE)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Yield an empty workspace."""
    state = make_state(None)
    yield Bench(state)
    state.close()


def test_nothing_is_started_without_a_yes_or_a_rule(bench: Bench) -> None:
    bench.found = [make("a"), make("b", ProposalKind.FINDING, 9.0)]
    assert bench.make_pilot().look() == "2 proposals, 2 of them new; `starling autopilot` lists them."
    assert bench.make_pilot(ProposalKind.FAILING_TEST).look().startswith("2 proposals, 0 of them new")
    assert bench.queue.list_newest(PLACE, 9) == ()
    assert bench.list_keys() == ["b", "a"]


def test_an_accepted_one_becomes_a_task_once_and_is_not_proposed_again(bench: Bench) -> None:
    bench.found = [make("a")]
    bench.make_pilot().look()
    (kept,) = bench.proposals.list_open(PLACE)
    task = accept(kept, PLACE, bench.proposals, bench.queue)
    assert task is not None
    assert (task.task.title, task.task.key) == ("Do a", f"{KEY_PREFIX}a")
    assert accept(kept, PLACE, bench.proposals, bench.queue) is None
    assert len(bench.queue.list_newest(PLACE, 9)) == 1
    assert bench.make_pilot().look() == "Nothing is worth doing."


def test_a_dismissed_one_does_not_come_back_and_work_that_is_gone_is_not_proposed(bench: Bench) -> None:
    bench.found = [make("a"), make("b")]
    bench.make_pilot().look()
    first, _ = bench.proposals.list_open(PLACE)
    assert bench.proposals.dismiss(PLACE, first.id)
    assert not bench.proposals.dismiss(PLACE, first.id)
    assert accept(first, PLACE, bench.proposals, bench.queue) is None
    assert bench.queue.list_newest(PLACE, 9) == ()
    bench.make_pilot().look()
    assert bench.list_keys() == ["b"]
    bench.found = [make("a")]
    assert bench.make_pilot().look() == "Nothing is worth doing."


def test_a_proposal_keeps_its_id_and_its_age(bench: Bench) -> None:
    bench.found = [make("a")]
    bench.make_pilot().look()
    (before,) = bench.proposals.list_open(PLACE)
    bench.now += DAY_S
    bench.make_pilot().look()
    assert bench.proposals.list_open(PLACE) == (before,)


def test_a_rule_starts_one_task_at_a_time_the_most_valuable_first(bench: Bench) -> None:
    bench.found = [make("small"), make("large", weight=2.0), make("other", ProposalKind.FINDING, 9.0)]
    pilot = bench.make_pilot(ProposalKind.COMMENT)
    assert pilot.look().endswith(": Do large")
    pilot.look()
    assert [one.task.title for one in bench.queue.list_newest(PLACE, 9)] == ["Do large"]
    bench.end_task()
    assert pilot.look().endswith(": Do small")
    bench.end_task(TaskStatus.CANCELLED)
    pilot.look()
    assert bench.list_keys() == ["other"]


@pytest.mark.parametrize(
    ("budget", "used", "said"),
    [
        (Budget(1, 1000, 0.0), DaySpending(tasks=1), "1 of 1 tasks"),
        (Budget(0, 1000, 0.0), DaySpending(), "0 of 0 tasks"),
        (Budget(9, 1000, 0.0), DaySpending(tokens=1000), "1,000 of 1,000 tokens"),
        (Budget(9, 1000, 2.0), DaySpending(cost=2.5), "2.50 of 2.00 in money"),
    ],
)
def test_a_budget_that_is_used_up_starts_nothing_until_the_next_day(
    bench: Bench, budget: Budget, used: DaySpending, said: str
) -> None:
    bench.found = [make("a")]
    bench.proposals.add_spending(PLACE, used)
    bench.proposals.add_spending("file:///other", DaySpending(9, 9_999_999, 99.0))
    pilot = bench.make_pilot(ProposalKind.COMMENT, budget=budget)
    assert pilot.look().endswith(f"Today's budget is used up: {said}.")
    assert bench.queue.list_newest(PLACE, 9) == ()
    pilot.look()
    assert pilot.sleep_s == 120.0
    bench.now += DAY_S + 3600
    assert (": Do a" in pilot.look()) == bool(budget.tasks)


def test_it_sleeps_longer_while_there_is_nothing_new_up_to_a_day(bench: Bench) -> None:
    pilot = bench.make_pilot()
    sleeps = []
    for _ in range(13):
        pilot.look()
        sleeps.append(pilot.sleep_s)
    assert sleeps[:3] == [120.0, 240.0, 480.0]
    assert sleeps[-1] == LONGEST_SLEEP_S
    bench.found = [make("a")]
    pilot.look()
    assert pilot.sleep_s == 60.0


def test_one_kind_does_not_crowd_out_the_others(bench: Bench) -> None:
    bench.found = [make(f"c{number}") for number in range(500)] + [make("f", ProposalKind.FINDING, 0.1)]
    bench.make_pilot().look()
    assert len(bench.list_keys()) == MOST_OF_A_KIND + 1
    assert "f" in bench.list_keys()


def test_a_secret_is_not_stored(bench: Bench) -> None:
    secret = "sk-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z" * 2
    bench.found = [TaskProposal(ProposalKind.COMMENT, "k", f"Use api_key = '{secret}'", f"api_key = '{secret}'", 1.0)]
    bench.make_pilot().look()
    (kept,) = bench.proposals.list_open(PLACE)
    assert secret not in kept.proposal.title + kept.proposal.details
