"""A worker with a queue in memory and tasks that are functions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from agents.ports.failures import StateError
from agents.ports.task_queue import LONGEST_TEXT, NewTask, TaskStatus
from agents.team.queue import worker as module
from agents.team.queue.worker import Ending, Performed, Worker
from agents.team.watching.watch import TaskClaimed, TaskEnded
from server.state.task_store import TaskStore
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from agents.ports.task_queue import QueuedTask
    from agents.team.watching.watch import WatchedEvent

    Do = Callable[[QueuedTask, Callable[[], bool]], Awaitable[Performed]]

PLACE = "file:///shop"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskStore]:
    """Yield an empty queue; workers wait for hundredths of a second only."""
    for name in ("HEARTBEAT_S", "IDLE_S", "RETRY_S", "STOP_S", "POSTPONED_S"):
        monkeypatch.setattr(module, name, 0.01)
    state = make_state(None)
    yield TaskStore(state)
    state.close()


@dataclass
class Work:
    """Does tasks as told, and notes the titles of those that it began.

    Attributes:
        do: what is done instead of answering "done".
        begun: titles.
    """

    do: Do | None = None
    begun: list[str] = field(default_factory=list)

    async def __call__(self, task: QueuedTask, stopped: Callable[[], bool]) -> Performed:
        self.begun.append(task.task.title)
        return await self.do(task, stopped) if self.do is not None else Performed(Ending.DONE, "well done")


def test_only_tasks_that_are_done_count_as_done(queue: TaskStore) -> None:
    endings = {"good": Ending.DONE, "bad": Ending.FAILED, "stuck": Ending.WAITING}
    for title in endings:
        queue.add(NewTask(PLACE, title))

    async def do(task: QueuedTask, _: Callable[[], bool]) -> Performed:
        return Performed(endings[task.task.title], "")

    worker = Worker(queue, PLACE, "w", Work(do))
    assert asyncio.run(asyncio.wait_for(worker.run(asyncio.Event(), until_empty=True), 20)) == 1
    assert worker.undone == 3 + 1  # three attempts of the bad one, and the stuck one


def run(queue: TaskStore, work: Work, stop: asyncio.Event | None = None, *, until_empty: bool = True) -> int:
    """Run one worker to its end; return the number of tasks done."""

    async def work_until_end() -> int:
        return await Worker(queue, PLACE, "w", work).run(stop or asyncio.Event(), until_empty=until_empty)

    return asyncio.run(asyncio.wait_for(work_until_end(), 20))


def read_statuses(queue: TaskStore) -> dict[str, tuple[TaskStatus, str]]:
    """Return status and result of each task by its title."""
    return {one.task.title: (one.status, one.result) for one in queue.list_newest(PLACE, 99)}


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    while not condition():  # noqa: ASYNC110 (a condition of another thread)
        await asyncio.sleep(0.005)


def test_all_tasks_are_done_one_after_the_other_and_follow_ups_too(queue: TaskStore) -> None:
    async def do(task: QueuedTask, _: Callable[[], bool]) -> Performed:
        follow_ups = (NewTask(PLACE, "next", parent=task.id),) if task.task.title == "first" else ()
        return Performed(Ending.DONE, f"{task.task.title} is done", follow_ups)

    queue.add(NewTask(PLACE, "first"))
    queue.add(NewTask(PLACE, "second"))
    work = Work(do)
    assert run(queue, work) == 3
    assert work.begun == ["first", "second", "next"]
    assert read_statuses(queue)["next"] == (TaskStatus.DONE, "next is done")


def test_a_task_that_fails_or_raises_is_tried_three_times(queue: TaskStore) -> None:
    async def do(task: QueuedTask, _: Callable[[], bool]) -> Performed:
        if task.task.title == "raises":
            raise RuntimeError("no luck")
        return Performed(Ending.FAILED, "it does not compile")

    queue.add(NewTask(PLACE, "fails"))
    queue.add(NewTask(PLACE, "raises"))
    work = Work(do)
    run(queue, work)
    assert sorted(work.begun) == ["fails"] * 3 + ["raises"] * 3
    assert read_statuses(queue) == {
        "fails": (TaskStatus.FAILED, "it does not compile"),
        "raises": (TaskStatus.FAILED, "RuntimeError: no luck"),
    }


def test_a_task_is_left_to_a_person(queue: TaskStore) -> None:
    async def do(*_: object) -> Performed:
        return Performed(Ending.WAITING, "Which database?")

    queue.add(NewTask(PLACE, "ask"))
    run(queue, Work(do))
    assert read_statuses(queue) == {"ask": (TaskStatus.WAITING, "Which database?")}


@pytest.mark.parametrize("obeys", [True, False])
@pytest.mark.parametrize("take", ["cancel", "pause"])
def test_a_task_that_is_taken_away_is_stopped_and_its_result_ignored(
    queue: TaskStore, take: str, *, obeys: bool
) -> None:
    ended: list[str] = []

    async def do(task: QueuedTask, stopped: Callable[[], bool]) -> Performed:
        try:
            (queue.cancel if take == "cancel" else queue.pause)(task.id)
            await (wait_until(stopped) if obeys else asyncio.sleep(60))
        finally:
            ended.append("ended")
        return Performed(Ending.DONE if obeys else Ending.STOPPED, "too late")

    queue.add(NewTask(PLACE, "it"))
    assert run(queue, Work(do)) == 0
    status = TaskStatus.CANCELLED if take == "cancel" else TaskStatus.PAUSED
    assert (read_statuses(queue), ended) == ({"it": (status, "")}, ["ended"])


def test_a_worker_that_stops_gives_its_task_back_without_counting_an_attempt(queue: TaskStore) -> None:
    stop = asyncio.Event()

    async def do(_: QueuedTask, stopped: Callable[[], bool]) -> Performed:
        stop.set()
        await wait_until(stopped)
        return Performed(Ending.STOPPED, "half")

    added = queue.add(NewTask(PLACE, "it"))
    assert run(queue, Work(do), stop) == 0
    found = queue.get(added.id)
    assert found is not None
    assert (found.status, found.attempts, found.worker) == (TaskStatus.QUEUED, 0, "")


def test_a_watching_worker_waits_for_tasks_until_it_is_stopped(queue: TaskStore) -> None:
    work = Work()

    async def watch() -> int:
        stop = asyncio.Event()
        watching = asyncio.create_task(Worker(queue, PLACE, "w", work).run(stop, until_empty=False))
        await asyncio.sleep(0.03)
        queue.add(NewTask(PLACE, "late"))
        await wait_until(lambda: bool(work.begun) and read_statuses(queue)["late"][0] is TaskStatus.DONE)
        stop.set()
        return await watching

    assert asyncio.run(asyncio.wait_for(watch(), 20)) == 1


def test_a_result_is_recorded_when_the_database_can_be_used_again(
    queue: TaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [StateError("The disk is full")] * 3
    finish = queue.finish

    def fail_first(*given: object) -> bool:
        if failures:
            raise failures.pop()
        return finish(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "finish", fail_first)
    queue.add(NewTask(PLACE, "it"))
    work = Work()
    assert run(queue, work) == 1
    assert (work.begun, read_statuses(queue)) == (["it"], {"it": (TaskStatus.DONE, "well done")})


def test_a_long_result_is_cut_and_follow_ups_that_cannot_be_queued_fail_the_attempt(queue: TaskStore) -> None:
    async def do(task: QueuedTask, _: Callable[[], bool]) -> Performed:
        if task.task.title == "long":
            return Performed(Ending.DONE, "x" * (LONGEST_TEXT + 1))
        return Performed(Ending.DONE, "done", (NewTask(PLACE, "next", needs=("nothing",)),))

    queue.add(NewTask(PLACE, "long"))
    queue.add(NewTask(PLACE, "broken"))
    run(queue, Work(do))
    found = read_statuses(queue)
    assert len(found["long"][1]) == LONGEST_TEXT
    assert found["long"][1].endswith("[cut; the session has the whole text]")
    assert found["broken"][0] is TaskStatus.FAILED
    assert found["broken"][1].startswith("Its follow-up tasks could not be queued: there is no task")


def test_a_watcher_is_told_how_each_attempt_began_and_ended(queue: TaskStore) -> None:
    told: list[tuple[str, str, int]] = []

    def watch(session: str, event: WatchedEvent) -> None:
        assert isinstance(event, TaskClaimed | TaskEnded)
        assert session == event.task.id
        ending = event.ending if isinstance(event, TaskEnded) else "began"
        told.append((event.task.task.title, ending, event.task.attempts))

    async def do(task: QueuedTask, _: Callable[[], bool]) -> Performed:
        return Performed(Ending(task.task.key), "x")

    for title, ending in (("works", "done"), ("asks", "waiting"), ("fails", "failed")):
        queue.add(NewTask(PLACE, title, key=ending))
    asyncio.run(Worker(queue, PLACE, "w", Work(do), watch=watch).run(asyncio.Event(), until_empty=True))
    assert told[:2] == [("works", "began", 1), ("works", "done", 1)]
    assert ("asks", "waiting", 1) in told
    assert [one for one in told if one[0] == "fails" and one[1] != "began"] == [
        ("fails", "again", 1), ("fails", "again", 2), ("fails", "failed", 3),
    ]  # fmt: skip


def test_a_watcher_is_told_of_follow_ups_that_could_not_be_queued(queue: TaskStore) -> None:
    async def do(*_: object) -> Performed:
        return Performed(Ending.DONE, "done", (NewTask(PLACE, "next", needs=("nothing",)),))

    endings: list[str] = []
    queue.add(NewTask(PLACE, "broken"))

    def watch(_: str, event: WatchedEvent) -> None:
        endings.extend([event.ending] if isinstance(event, TaskEnded) else [])

    asyncio.run(Worker(queue, PLACE, "w", Work(do), watch=watch).run(asyncio.Event(), until_empty=True))
    assert endings == ["again", "again", "failed"]


def test_a_postponed_task_uses_up_no_attempt_and_is_done_once_that_is_possible(queue: TaskStore) -> None:
    stop, work = asyncio.Event(), Work()

    async def do(*_: object) -> Performed:
        if len(work.begun) <= 5:
            return Performed(Ending.POSTPONED, "Nothing listens there.")
        stop.set()
        return Performed(Ending.DONE, "well done")

    work.do = do
    added = queue.add(NewTask(PLACE, "it"))
    assert run(queue, work, stop, until_empty=False) == 1
    ended = queue.get(added.id)
    assert ended is not None
    assert (ended.status, ended.attempts) == (TaskStatus.DONE, 1)


def test_a_worker_that_does_not_wait_for_tasks_ends_when_one_is_postponed_again_and_again(queue: TaskStore) -> None:
    async def do(*_: object) -> Performed:
        return Performed(Ending.POSTPONED, "Nothing listens there.")

    queue.add(NewTask(PLACE, "it"))
    work = Work(do)
    assert run(queue, work) == 0
    assert len(work.begun) == module.MOST_POSTPONED
    assert read_statuses(queue) == {"it": (TaskStatus.QUEUED, "Nothing listens there.")}
