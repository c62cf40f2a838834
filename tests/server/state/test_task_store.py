"""The contract of `agents.ports.task_queue.TaskQueue`, on the state database."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.task_queue import LONGEST_TEXT, MOST_NEEDS, SOON_S, NewTask, Priority, QueueFull, TaskStatus
from server.state import lease_owners, task_store
from server.state.task_store import TaskStore
from tests.server.state import processes

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask, TaskQueue
    from server.state.database import State

WORKSPACE = "file:///shop"


@pytest.fixture
def queue(state: State) -> TaskQueue:
    return TaskStore(state)


def new(title: str = "Fix it", **fields: object) -> NewTask:
    return replace(NewTask(WORKSPACE, title), **fields)  # type: ignore[arg-type]


def claim(queue: TaskQueue, worker: str = "w1", *roles: str) -> QueuedTask:
    claimed = queue.claim(WORKSPACE, worker, roles)
    assert claimed is not None
    return claimed


def status_of(queue: TaskQueue, task: QueuedTask) -> TaskStatus:
    found = queue.get(task.id)
    assert found is not None
    return found.status


def test_a_task_is_what_was_added(queue: TaskQueue, other: State) -> None:
    first = queue.add(new())
    wanted = new(
        "Ship it", details="All of it.", role="deployer", priority=Priority.LOW, deadline=5.5, needs=(first.id,),
        parent=first.id, key="nightly",
    )  # fmt: skip
    added = queue.add(wanted)
    found = TaskStore(other).get(added.id)
    assert found == added
    assert (found.task, found.status, found.attempts, found.worker, found.result) == (
        wanted, TaskStatus.QUEUED, 0, "", "",
    )  # fmt: skip
    assert queue.get("none") is None


def test_the_same_key_is_the_same_task(queue: TaskQueue) -> None:
    added = queue.add(new(key="nightly"))
    assert queue.add(new("Another title", key="nightly")) == added
    elsewhere = queue.add(NewTask("file:///elsewhere", "Fix it", key="nightly"))
    assert (elsewhere.id == added.id, elsewhere.task.key) == (False, "nightly")
    assert queue.add(new()).id != queue.add(new()).id
    assert len(queue.list_newest(WORKSPACE, 9)) == 3


def test_the_most_urgent_is_claimed_first(queue: TaskQueue) -> None:
    now = time.time()
    for title, priority, deadline in (
        ("low", Priority.LOW, None),
        ("medium", Priority.MEDIUM, None),
        ("medium, later", Priority.MEDIUM, None),
        ("medium with a deadline", Priority.MEDIUM, now + 9 * SOON_S),
        ("high", Priority.HIGH, None),
        ("low, due soon", Priority.LOW, now + SOON_S / 2),
        ("low, late already", Priority.LOW, now - 5),
    ):
        queue.add(new(title, priority=priority, deadline=deadline))
    assert [claim(queue).task.title for _ in range(7)] == [
        "low, late already", "low, due soon", "high", "medium with a deadline", "medium", "medium, later", "low",
    ]  # fmt: skip
    assert queue.claim(WORKSPACE, "w1") is None


def test_a_worker_gets_tasks_of_its_roles_and_workspace(queue: TaskQueue) -> None:
    for role in ("coder", "tester", ""):
        queue.add(new(role or "any", role=role))
    queue.add(NewTask("file:///elsewhere", "elsewhere"))
    assert [claim(queue, "w1", "tester", "risk").task.title for _ in range(2)] == ["tester", "any"]
    assert queue.claim(WORKSPACE, "w1", ("tester",)) is None
    assert claim(queue).task.title == "coder"


def test_a_task_waits_for_what_it_needs(queue: TaskQueue) -> None:
    first, second = queue.add(new("first")), queue.add(new("second"))
    last = queue.add(new("last", priority=Priority.HIGH, needs=(first.id, second.id)))
    claims = [claim(queue), claim(queue)]
    assert queue.claim(WORKSPACE, "w1") is None
    assert queue.finish(claims[0], "done")
    assert queue.claim(WORKSPACE, "w1") is None
    assert queue.finish(claims[1], "done")
    assert claim(queue).id == last.id
    with pytest.raises(LookupError):
        queue.add(new(needs=("none",)))


def test_a_result_and_its_follow_ups_are_recorded_together(queue: TaskQueue) -> None:
    claimed = claim_one(queue)
    with pytest.raises(LookupError):
        queue.finish(claimed, "done", [new("next"), new("broken", needs=("none",))])
    assert (status_of(queue, claimed), len(queue.list_newest(WORKSPACE, 9))) == (TaskStatus.RUNNING, 1)
    assert queue.finish(claimed, "all green", [new("next", parent=claimed.id)])
    found = queue.get(claimed.id)
    assert found is not None
    assert (found.status, found.result) == (TaskStatus.DONE, "all green")
    assert claim(queue).task.parent == claimed.id


def claim_one(queue: TaskQueue) -> QueuedTask:
    queue.add(new())
    return claim(queue)


def test_after_three_attempts_a_task_has_failed(queue: TaskQueue) -> None:
    queue.add(new())
    for attempt in (1, 2, 3):
        claimed = claim(queue, f"w{attempt}")
        assert (claimed.attempts, claimed.worker) == (attempt, f"w{attempt}")
        assert queue.fail(claimed, f"why {attempt}")
    found = queue.get(claimed.id)
    assert found is not None
    assert (found.status, found.result) == (TaskStatus.FAILED, "why 3")
    assert queue.claim(WORKSPACE, "w4") is None
    assert queue.requeue(claimed.id)
    assert claim(queue).attempts == 1


def test_what_needs_a_task_that_failed_or_was_cancelled_waits_for_a_person(queue: TaskQueue) -> None:
    first = queue.add(new("first"))
    second = queue.add(new("second", needs=(first.id,)))
    third = queue.add(new("third", needs=(second.id,)))
    assert queue.cancel(first.id)
    assert [status_of(queue, one) for one in (first, second, third)] == ["cancelled", "waiting", "queued"]
    late = queue.add(new("late", needs=(first.id,)))
    assert queue.claim(WORKSPACE, "w1") is None
    assert status_of(queue, late) is TaskStatus.WAITING
    assert all(queue.requeue(one.id) for one in (first, second))
    assert [queue.finish(claim(queue), "done") for _ in range(3)] == [True] * 3
    assert [status_of(queue, one) for one in (first, second, third)] == ["done"] * 3


@pytest.mark.parametrize("take", ["cancel", "pause", "requeue after pause"])
def test_a_worker_whose_task_was_taken_away_changes_nothing(queue: TaskQueue, take: str) -> None:
    claimed = claim_one(queue)
    assert queue.renew(claimed)
    assert queue.cancel(claimed.id) if take == "cancel" else queue.pause(claimed.id)
    if take == "requeue after pause":
        assert queue.requeue(claimed.id)
        assert not queue.release(claimed)
        assert claim(queue, "w2").worker == "w2"
    before = queue.get(claimed.id)
    assert not queue.renew(claimed)
    assert not queue.finish(claimed, "mine", [new("next")])
    assert not queue.fail(claimed, "mine")
    assert not queue.escalate(claimed, "mine")
    assert queue.list_newest(WORKSPACE, 9) == (before,)


@pytest.mark.parametrize("take", ["cancel", "pause"])
def test_a_task_that_is_retried_is_not_claimed_before_its_worker_has_stopped(queue: TaskQueue, take: str) -> None:
    claimed = claim_one(queue)
    assert queue.cancel(claimed.id) if take == "cancel" else queue.pause(claimed.id)
    assert queue.requeue(claimed.id)
    assert (queue.is_held(claimed.id), queue.claim(WORKSPACE, "w2")) == (True, None)
    assert not queue.renew(claimed)
    assert queue.claim(WORKSPACE, "w1") is None
    assert not queue.release(claimed)
    assert not queue.is_held(claimed.id)
    assert (claim(queue, "w2").id, queue.is_held(claimed.id)) == (claimed.id, True)


@pytest.mark.parametrize("end", ["its process has ended", "no sign of life for an hour"])
def test_a_task_that_is_retried_does_not_wait_for_a_worker_that_is_gone(
    queue: TaskQueue, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = claim_one(queue)
    assert queue.cancel(claimed.id)
    assert queue.requeue(claimed.id)
    if end == "its process has ended":
        monkeypatch.setattr(lease_owners, "has_ended", lambda owner: owner == claimed.worker)
    else:
        monkeypatch.setattr(task_store, "STUCK_S", -1.0)
    assert not queue.is_held(claimed.id)
    assert claim(queue, "w2").id == claimed.id


def test_a_claim_without_a_sign_of_life_is_taken_away_and_counts_as_an_attempt(
    queue: TaskQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = claim_one(queue)
    assert queue.claim(WORKSPACE, "w2") is None
    monkeypatch.setattr(task_store, "STUCK_S", -1.0)
    taken = claim(queue, "w2")
    assert (taken.id, taken.attempts) == (stuck.id, 2)
    assert not queue.finish(stuck, "too late")
    assert claim(queue, "w1").attempts == 3
    assert queue.claim(WORKSPACE, "w1") is None
    found = queue.get(stuck.id)
    assert found is not None
    assert (found.status, found.result) == (TaskStatus.FAILED, "The worker gave no sign of life for an hour.")


def test_a_task_is_left_to_a_person_until_they_decide(queue: TaskQueue) -> None:
    claimed = claim_one(queue)
    assert queue.escalate(claimed, "May I push?")
    assert [one.result for one in queue.list_newest(WORKSPACE, 9, status=TaskStatus.WAITING)] == ["May I push?"]
    assert queue.claim(WORKSPACE, "w1") is None
    assert queue.requeue(claimed.id)
    assert queue.finish(claim(queue), "done")
    assert not any(change(claimed.id) for change in (queue.cancel, queue.pause, queue.requeue))


@pytest.mark.parametrize("title", ["", " \n"])
def test_a_task_without_a_title_is_refused(queue: TaskQueue, title: str) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        queue.add(new(title))


def test_secrets_in_a_tasks_texts_are_not_stored(queue: TaskQueue) -> None:
    secret = "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC3"
    queue.add(new(f"Use {secret}", details=f"token {secret}"))
    claimed = claim(queue)
    assert queue.finish(claimed, f"It used {secret}.")
    found = queue.get(claimed.id)
    assert found is not None
    assert (found.task.title, found.task.details, found.result) == (
        "Use (secret)", "token (secret)", "It used (secret).",
    )  # fmt: skip


def test_open_tasks_and_texts_are_bounded_and_ended_tasks_go(queue: TaskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_store, "MOST_OPEN", 2)
    claimed = claim_one(queue)
    needed = queue.add(new("needed"))
    with pytest.raises(QueueFull, match="cancel some first"):
        queue.add(new())
    queue.add(NewTask("file:///elsewhere", "elsewhere"))
    assert queue.finish(claimed, "done")
    monkeypatch.setattr(task_store, "KEPT_S", -1.0)
    dependent = queue.add(new("dependent", needs=(needed.id,)))
    assert queue.get(claimed.id) is None
    assert queue.finish(claim(queue), "done")
    queue.add(new("another"))
    assert status_of(queue, needed) is TaskStatus.DONE  # `dependent` needs it
    assert claim(queue).id == dependent.id
    with pytest.raises(ValueError, match="100,000"):
        queue.add(new(details="x" * (LONGEST_TEXT + 1)))


def test_the_number_of_ended_tasks_and_of_needs_is_bounded(queue: TaskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_store, "MOST_ENDED", 2)
    for _ in range(5):
        assert queue.finish(claim_one(queue), "done")
    queue.add(new("open"))
    assert len(queue.list_newest(WORKSPACE, 9, status=TaskStatus.DONE)) == 2
    with pytest.raises(ValueError, match="100 others"):
        queue.add(new(needs=tuple(map(str, range(MOST_NEEDS + 1)))))


def test_four_processes_do_each_task_once(queue: TaskQueue, state: State) -> None:
    code = """
import sys
from pathlib import Path
from tests.states import make_state
from server.state.task_store import TaskStore
queue = TaskStore(make_state(sys.argv[1]))
while (claimed := queue.claim("file:///shop", sys.argv[2])) is not None:
    assert queue.renew(claimed)
    assert queue.finish(claimed, sys.argv[2])
    print(claimed.id)
"""
    added = {queue.add(new(str(number))).id for number in range(40)}
    printed = processes.wait_for([processes.start(code, state.path, worker) for worker in "abcd"])
    done = Counter(identity for out in printed for identity in out.split())
    assert set(done) == added
    assert set(done.values()) == {1}
    assert {one.status for one in queue.list_newest(WORKSPACE, 99)} == {TaskStatus.DONE}


def test_a_worker_that_is_killed_while_it_finishes_has_not_finished(
    queue: TaskQueue, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import sys, time
from pathlib import Path
from agents.ports.task_queue import NewTask
from server.state import task_store
from tests.states import make_state
from server.state.task_store import TaskStore
queue = TaskStore(make_state(sys.argv[1]))
claimed = queue.claim("file:///shop", "killed")
def stop(*_):
    print("inside", flush=True)
    time.sleep(60)
task_store._insert = stop
queue.finish(claimed, "done", [NewTask("file:///shop", "next")])
"""
    task = queue.add(new())
    processes.kill_inside(code, state.path)
    assert (status_of(queue, task), len(queue.list_newest(WORKSPACE, 9))) == (TaskStatus.RUNNING, 1)
    monkeypatch.setattr(task_store, "STUCK_S", -1.0)
    assert claim(queue, "w2").id == task.id


@pytest.mark.sqlite
def test_a_full_disk_takes_no_task_and_loses_none(queue: TaskQueue, state: State) -> None:
    claimed = claim_one(queue)
    with state.use_connection() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="The disk is full"):
        queue.add(new(details="x" * LONGEST_TEXT))
    with pytest.raises(StateError, match="The disk is full"):
        queue.finish(claimed, "x" * LONGEST_TEXT)
    assert [one.id for one in queue.list_newest(WORKSPACE, 9)] == [claimed.id]
    assert queue.renew(claimed)
    assert queue.finish(claimed, "short")


@pytest.mark.sqlite
def test_of_a_damaged_database_the_next_call_starts_a_new_one(queue: TaskQueue, state: State) -> None:
    claimed = claim_one(queue)
    assert state.path is not None
    state.path.write_bytes(b"no database at all" * 1000)
    assert not queue.renew(claimed)
    added = queue.add(new())
    assert queue.list_newest(WORKSPACE, 9) == (added,)
