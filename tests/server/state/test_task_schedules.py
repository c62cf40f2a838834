"""Random schedules of the queue: no task is lost, none is done twice, and the most urgent one is claimed.

Workers claim, finish, fail, die and come back; people add, cancel, pause and requeue; the clock jumps in both
directions. `TEST_SCHEDULES` sets the number of schedules.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports.task_queue import ATTEMPTS, SOON_S, STUCK_S, NewTask, Priority, TaskStatus
from server.state import lease_owners
from server.state.task_store import TaskStore
from tests.states import make_state, uses_postgresql

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask
    from server.state.database import State


PLACE = "file:///shop"
SCHEDULES = int(os.environ.get("TEST_SCHEDULES", "15" if uses_postgresql() else "150"))  # each has a new database
WORKERS = ("w0", "w1")

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"), st.sampled_from(Priority), st.sampled_from((None, -10.0, SOON_S / 2, SOON_S * 5)),
            st.sets(st.integers(0, 3), max_size=2),
        ),
        st.tuples(st.just("claim"), st.sampled_from(WORKERS)),
        st.tuples(st.sampled_from(("finish", "fail", "escalate", "release", "renew")), st.integers(0, 3)),
        st.tuples(st.sampled_from(("cancel", "pause", "requeue")), st.integers(0, 3)),
        st.tuples(st.just("die"), st.sampled_from(WORKERS)),
        st.tuples(st.just("jump"), st.sampled_from((-5000.0, -1.0, 0.5, 60.0, STUCK_S + 1))),
    ),
    min_size=5, max_size=30,
)  # fmt: skip


class Schedule:
    """A queue, and everything that was done to it.

    Attributes:
        now: the time of the clock.
        added: ids of all tasks.
        claims: all claims ever made, lost ones among them.
        finished: the ids whose result was accepted, once for each time.
        ended: names of workers that have died.
        working: the worker that is at work on a task, and its last sign of life, by the task's id.
    """

    def __init__(self, state: State) -> None:
        self.now = 1_000_000.0
        self.added: list[str] = []
        self.claims: list[QueuedTask] = []
        self.finished: list[str] = []
        self.ended: set[str] = set()
        self.working: dict[str, tuple[str, float]] = {}
        self.names = {one: f"{one}-0" for one in WORKERS}
        self._numbers = itertools.count(1)
        self._queue = TaskStore(state, self.read_clock)

    def read_clock(self) -> float:
        """Return the time; it goes on a little with each look, so that no two tasks are of the same age."""
        self.now += 0.001
        return self.now

    def take_step(self, step: tuple[object, ...]) -> None:
        """Do one step and check the queue."""
        match step:
            case ("add", Priority() as priority, deadline, set() as needs):
                due = None if deadline is None else self.now + deadline  # type: ignore[operator]
                needed = tuple({self.added[one % len(self.added)] for one in needs}) if self.added else ()
                task = NewTask(PLACE, "t", priority=priority, deadline=due, needs=needed)
                self.added.append(self._queue.add(task).id)
            case ("claim", str() as worker):
                self._claim(self.names[worker])
            case ("die", str() as worker):
                self.ended.add(self.names[worker])
                self.names[worker] = f"{worker}-{next(self._numbers)}"
            case ("jump", float() as seconds):
                self.now += seconds
            case (str() as name, int() as number) if name in {"cancel", "pause", "requeue"}:
                if self.added:
                    getattr(self._queue, name)(self.added[number % len(self.added)])
            case (str() as name, int() as number) if self.claims:
                self._end_claim(name, self.claims[-1 - number % len(self.claims)])
            case _:
                return
        self._check()

    def _claim(self, worker: str) -> None:
        """Claim, and check that nothing more urgent could have been claimed."""
        claimed = self._queue.claim(PLACE, worker)
        left = [one for one in self.list_tasks() if one.status is TaskStatus.QUEUED and self._can_start(one)]
        left = [one for one in left if not self._queue.is_held(one.id)]
        if claimed is None:
            assert left == []
            return
        assert all(self._order(claimed) <= self._order(one) for one in left)
        assert claimed.worker == worker
        assert self._can_start(claimed)
        other, sign = self.working.get(claimed.id, ("", 0.0))
        assert not other or other in self.ended or sign < self.now - STUCK_S, "two workers are at work on one task"
        self.working[claimed.id] = worker, self.now
        self.claims.append(claimed)

    def _can_start(self, task: QueuedTask) -> bool:
        """Return whether all that `task` needs is done."""
        needed = (self._queue.get(one) for one in task.task.needs)
        return all(one is not None and one.status is TaskStatus.DONE for one in needed)

    def _order(self, queued: QueuedTask) -> tuple[float, ...]:
        """Return a key that is lower for a more urgent task."""
        due = queued.task.deadline
        soon = due is not None and due < self.now + SOON_S
        return (Priority.HIGH if soon else queued.task.priority, due is None, due or 0.0, queued.created)

    def _end_claim(self, name: str, claimed: QueuedTask) -> None:
        """Use a claim, which may be lost, and note whether a result was accepted."""
        before = self._queue.get(claimed.id)
        assert before is not None
        holds = before.status is TaskStatus.RUNNING and (before.worker, before.attempts) == (
            claimed.worker, claimed.attempts,
        )  # fmt: skip
        given_text = ("why",) if name in {"finish", "fail", "escalate"} else ()
        accepted = getattr(self._queue, name)(claimed, *given_text)
        assert accepted == holds
        self._note_end(name, claimed, before.status, accepted=accepted)
        if accepted and name == "finish":
            self.finished.append(claimed.id)
        if not accepted:
            assert self._queue.get(claimed.id) == before

    def _note_end(self, name: str, claimed: QueuedTask, before: TaskStatus, *, accepted: bool) -> None:
        """Note that a worker has ended its work on a task, or with "renew" that it has given a sign of life."""
        if self.working.get(claimed.id, ("", 0.0))[0] != claimed.worker:
            return
        if name != "renew" and (accepted or before is not TaskStatus.RUNNING):
            del self.working[claimed.id]
        elif name == "renew" and accepted:
            self.working[claimed.id] = claimed.worker, self.now

    def list_tasks(self) -> tuple[QueuedTask, ...]:
        """Return all tasks."""
        return self._queue.list_newest(PLACE, 1000)

    def _check(self) -> None:
        """Check that each task is there once, none was done twice, and attempts are bounded."""
        tasks = self.list_tasks()
        assert sorted(one.id for one in tasks) == sorted(self.added)
        assert len(set(self.finished)) == len(self.finished)
        assert {one.id for one in tasks if one.status is TaskStatus.DONE} == set(self.finished)
        assert all(one.attempts <= ATTEMPTS for one in tasks)

    def finish_all(self) -> None:
        """Do all tasks, stopped ones too; fails where a task can never be done."""
        self.ended.update(self.names.values())
        for _ in range(10 * len(self.added) + 10):
            claimed = self._queue.claim(PLACE, "last")
            if claimed is not None:
                assert self._queue.finish(claimed, "done")
                self.finished.append(claimed.id)
            elif not sum(self._queue.requeue(one.id) for one in self.list_tasks()):
                break
        self._check()
        assert len(self.finished) == len(self.added)


@settings(max_examples=SCHEDULES, deadline=None)
@given(steps=STEPS)
def test_no_schedule_loses_a_task_or_does_one_twice(steps: list[tuple[object, ...]]) -> None:
    state = make_state(None)
    schedule = Schedule(state)
    has_ended = lease_owners.has_ended
    lease_owners.has_ended = lambda owner: owner in schedule.ended
    try:
        for step in steps:
            schedule.take_step(step)
        schedule.finish_all()
    finally:
        lease_owners.has_ended = has_ended
        state.close()
