"""Background jobs, with a clock that tests move."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from server.state.background.schedule_store import ScheduleStore
from server.work import schedule as module
from server.work.schedule import LEASE_S, LOOK_S, Job, Schedule
from tests.server.work.clocks import START, FastClock
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = "file:///shop"
HOUR_S = 3600.0


@dataclass
class Chore:
    """A job that notes when it ran.

    Attributes:
        clock: the time.
        at: times of its runs.
        wrong: what it raises, None for nothing.
    """

    clock: FastClock
    at: list[float] = field(default_factory=list)
    wrong: Exception | None = None

    async def __call__(self) -> str:
        """Note a run."""
        self.at.append(self.clock.now())
        await asyncio.sleep(0)
        if self.wrong is not None:
            raise self.wrong
        return f"run {len(self.at)}"


@dataclass
class SharedClock(FastClock):
    """A clock of three processes: it goes on when all of them wait, so that none reads it long before it writes."""

    together: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(3))

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Wait for the others, then move the time on by `seconds`; set `stop` at the end."""
        with contextlib.suppress(asyncio.BrokenBarrierError):
            await self.together.wait()
            await super().wait(stop, seconds)
        if stop.is_set():
            await self.together.abort()


@pytest.fixture
def store() -> Iterator[ScheduleStore]:
    """Yield an empty table of jobs."""
    state = make_state(None)
    yield ScheduleStore(state)
    state.close()


def make_schedule(
    store: ScheduleStore, clock: FastClock, *jobs: Job, owner: str = "one", dice: float = 0.0
) -> Schedule:
    """Return a schedule whose jobs are late by the part `dice` of the longest delay."""
    return Schedule(store, PLACE, jobs, lambda _: None, clock, lambda: dice, owner)


async def run(*schedules: Schedule) -> None:
    """Run schedules at the same time, until their clock stops them."""
    stop = asyncio.Event()
    await asyncio.gather(*(one.run(stop) for one in schedules))


@pytest.mark.parametrize(("dice", "runs"), [(0.0, 24), (1.0, 22)])
def test_a_job_runs_at_its_interval_and_a_random_part_later(store: ScheduleStore, dice: float, runs: int) -> None:
    clock = FastClock()
    chore = Chore(clock)
    asyncio.run(run(make_schedule(store, clock, Job("hourly", HOUR_S, chore), dice=dice)))
    assert len(chore.at) == runs
    gaps = [after - before for before, after in zip(chore.at, chore.at[1:], strict=False)]
    assert all(HOUR_S <= gap <= HOUR_S * 1.1 + LOOK_S for gap in gaps)
    (record,) = store.list_jobs(PLACE)
    assert (record.outcome, record.owner, record.ended) == (f"run {runs}", "", chore.at[-1])


def test_several_processes_run_a_job_once(store: ScheduleStore) -> None:
    clock = SharedClock(end=START + 9.5 * HOUR_S)
    chore = Chore(clock)
    job = Job("hourly", HOUR_S, chore)
    asyncio.run(run(*(make_schedule(store, clock, job, owner=name) for name in ("one", "two", "three"))))
    assert len(chore.at) == 10


def test_a_new_process_goes_on_where_the_last_one_ended(store: ScheduleStore) -> None:
    chore = Chore(FastClock(end=START + HOUR_S / 2))
    asyncio.run(run(make_schedule(store, chore.clock, Job("hourly", HOUR_S, chore))))
    later = FastClock(START + HOUR_S / 2, START + HOUR_S * 1.5)
    asyncio.run(run(make_schedule(store, later, Job("hourly", HOUR_S, chore), owner="two")))
    assert len(chore.at) == 2


@pytest.mark.parametrize("step", [-3 * HOUR_S, -40.0, 40.0, 3 * HOUR_S])
def test_steps_of_the_clock_neither_stop_nor_double_a_job(store: ScheduleStore, step: float) -> None:
    clock = FastClock(end=START + 12 * HOUR_S, steps={300: step})
    chore = Chore(clock)
    asyncio.run(run(make_schedule(store, clock, Job("hourly", HOUR_S, chore))))
    assert 9 <= len(chore.at) <= 16
    assert max(after - before for before, after in zip(chore.at, chore.at[1:], strict=False)) <= HOUR_S + LOOK_S + abs(
        step
    )


def test_a_job_that_fails_is_told_and_runs_again(store: ScheduleStore) -> None:
    clock, told = FastClock(end=START + 3 * HOUR_S), list[str]()
    chore, other = Chore(clock, wrong=OSError("no disk")), Chore(clock)
    jobs = (Job("bad", HOUR_S, chore), Job("good", HOUR_S, other))
    asyncio.run(run(Schedule(store, PLACE, jobs, told.append, clock, lambda: 0.0, "one")))
    assert (len(chore.at), len(other.at)) == (3, 3)
    assert told == ["The background job bad: It failed: OSError: no disk"] * 3
    assert store.list_jobs(PLACE)[0].outcome == "It failed: OSError: no disk"


def test_a_job_that_hangs_is_cancelled_after_its_time(store: ScheduleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.01)
    clock, ended = FastClock(end=START + LOOK_S), list[str]()

    async def hang() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return ""

    asyncio.run(run(make_schedule(store, clock, Job("slow", HOUR_S, hang))))
    assert ended == ["cancelled"]
    assert store.list_jobs(PLACE)[0].outcome.endswith("was cancelled.")


def test_a_job_that_is_cut_off_is_cancelled_and_may_run_in_another_process(store: ScheduleStore) -> None:
    clock = FastClock()

    async def end_in_the_middle() -> None:
        stop, begun = asyncio.Event(), asyncio.Event()

        async def work() -> str:
            begun.set()
            await asyncio.Event().wait()
            return ""

        running = asyncio.create_task(make_schedule(store, clock, Job("long", HOUR_S, work)).run(stop))
        await begun.wait()
        stop.set()
        await running

    asyncio.run(end_in_the_middle())
    (record,) = store.list_jobs(PLACE)
    assert (record.owner, record.ended) == ("", 0.0)
    clock.time += HOUR_S  # from when the first one began
    assert claim(store, "two", clock.time)


def test_a_claim_holds_for_its_lease_while_its_process_lives(
    store: ScheduleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claim(store, "one", START)
    assert not claim(store, "two", START + LEASE_S - 1)
    assert not claim(store, "two", START - 60)
    monkeypatch.setattr("server.state.lease_owners.has_ended", lambda owner: owner == "one")
    assert claim(store, "two", START)
    assert not store.finish(PLACE, "a", "one", "late", now=START, due=START)
    assert store.finish(PLACE, "a", "two", "well", now=START, due=START + HOUR_S)
    assert not claim(store, "three", START + 1)


def test_a_claim_is_void_after_its_lease(store: ScheduleStore) -> None:
    assert claim(store, "one", START)
    assert claim(store, "two", START + LEASE_S + 1)


def claim(store: ScheduleStore, owner: str, now: float) -> bool:
    """Claim an hourly job."""
    return store.claim(PLACE, "a", owner, now=now, interval_s=HOUR_S, lease_s=LEASE_S)
