"""A simulated day of `starling work --watch`: workers, background jobs and the autopilot, with a clock that jumps.

Tasks arrive, fail, hang and are cancelled, and the log of actions is rotated. `TEST_WORK_DAYS` sets the number of days.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest

from agents.ports.task_queue import NewTask, Priority, TaskStatus
from agents.team.queue import worker as workers
from agents.team.queue.worker import Worker
from server.assembly.watching import action_log
from server.state import paths, turn_files
from server.state.databases.sqlite import is_damaged
from server.work import schedule
from tests.server.work.clocks import START
from tests.server.work.repositories import run_git
from tests.server.work.simulated import Simulation, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.task_queue import QueuedTask

DAYS = float(os.environ.get("TEST_WORK_DAYS", "1"))
HOUR_S = 3600.0
WORKERS = 2
SETTLED_H = 8  # hours after which everything was used once, and memory is to stay
MOST_BYTES = 8 * 2**20
"""Growth of the memory of the process after that."""

MOST_OBJECTS = 100
"""Growth of the number of Python's objects after that, for each task."""

WRITE = {"path": "new.py", "text": "VALUE = 1\n", "why": "It was asked for."}
SCRIPT = f"""
=== it fails
@status 400
=== it hangs
@hang
=== Done: Create new.py
It is there.
=== write it
@call write_file {json.dumps(WRITE)}
===
It adds two numbers.
"""
BUDGET = 2
DAY_S = 24 * HOUR_S
OLD_DAYS = 8
"""Age of a file with actions that is to be deleted, in days."""

MOST_LOGGED = 100_000
"""The least bound that the settings take for the log of actions, in bytes; about as much is logged in a day."""


@dataclass
class Day:
    """A day of work.

    Attributes:
        simulation: the workspace.
        hours: hours that have passed.
        added: the tasks that people have added.
        memory: bytes of the process, and number of Python's objects, at the end of each hour.
        log: bytes of the files with actions at the end of each hour, by their names.
    """

    simulation: Simulation
    hours: int = 0
    added: list[QueuedTask] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)
    log: list[dict[str, int]] = field(default_factory=list)

    async def pass_time(self) -> None:
        """Add the tasks of an hour once it has begun, and wait until they have ended."""
        if self.simulation.clock.time < START + self.hours * HOUR_S:
            await asyncio.sleep(0)
            return
        self.hours += 1
        self._add("explain a", writes=False)
        self._add("explain b", writes=False, priority=Priority.HIGH)
        if self.hours % 4 == 1:
            self._add("write it", writes=True)
        if self.hours % 6 == 2:
            self._add("it fails", writes=False)
        if self.hours % 8 == 3:
            await self._cancel_at_work(self._add("it hangs", writes=self.hours % 16 == 3))
        await self._await_end()
        gc.collect()
        self.memory.append((psutil.Process().memory_full_info().uss, len(gc.get_objects())))
        self.log.append({path.name: path.stat().st_size for path in find_log().iterdir()})

    def _add(self, title: str, *, writes: bool, priority: Priority = Priority.MEDIUM) -> QueuedTask:
        """Add a task as a person does."""
        queue, place = self.simulation.queue, self.simulation.place
        role = "coder" if writes else "ask"
        self.added.append(
            queue.add(NewTask(place, f"{title} ({self.hours})", role=role, writes=writes, priority=priority))
        )
        return self.added[-1]

    async def _cancel_at_work(self, task: QueuedTask) -> None:
        """Cancel a task once a worker does it."""
        while self._read(task).status is not TaskStatus.RUNNING:  # noqa: ASYNC110 (a worker changes it)
            await asyncio.sleep(0.01)
        self.simulation.queue.cancel(task.id)

    async def _await_end(self) -> None:
        """Wait until nothing is queued and nothing runs."""
        queue, place = self.simulation.queue, self.simulation.place
        open_ones = (TaskStatus.QUEUED, TaskStatus.RUNNING)
        while any(queue.list_newest(place, 1, status=one) for one in open_ones):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.02)

    def _read(self, task: QueuedTask) -> QueuedTask:
        """Return a task as it is now."""
        found = self.simulation.queue.get(task.id)
        assert found is not None
        return found

    def count_ends(self) -> Counter[tuple[str, TaskStatus]]:
        """Return the number of tasks by the beginning of their title and their status."""
        return Counter((one.task.title.rsplit(" (")[0], self._read(one).status) for one in self.added)


async def run_day(day: Day) -> None:
    """Run workers and background jobs until the clock has reached its end."""
    simulation, stop = day.simulation, asyncio.Event()
    simulation.clock.end = START + DAYS * 24 * HOUR_S
    simulation.clock.meanwhile = day.pass_time
    names = [f"w{number}" for number in range(WORKERS)]
    performer = simulation.performer
    made = [Worker(simulation.queue, simulation.place, name, performer, watch=performer.watch) for name in names]
    running = [asyncio.create_task(one.run(stop, until_empty=False)) for one in made]
    await simulation.make_schedule().run(stop)
    await asyncio.gather(*running)


@pytest.mark.timeout(300 * max(1, DAYS))
def test_a_day_of_work_grows_nothing_and_leaves_nothing_behind(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("HEARTBEAT_S", 0.05), ("IDLE_S", 0.02), ("STOP_S", 2.0)):
        monkeypatch.setattr(workers, name, seconds)
    monkeypatch.setattr(schedule, "LOOK_S", 120.0)
    for number in range(10):
        (shop / f"todo{number}.py").write_text(f"# TODO: improve {number}\n")
    run_git(shop, "add", "--all")
    run_git(shop, "commit", "-q", "-m", "todo")
    settings = {
        "autopilot": {"enabled": True, "start": ("comment",), "tasks_per_day": BUDGET},
        "log": {"actions_bytes": MOST_LOGGED},
    }
    find_log().mkdir(parents=True)
    for days, size in ((OLD_DAYS, 10), (1, MOST_LOGGED // 2)):
        (find_log() / name_log(START - days * DAY_S)).write_bytes(b"\n" * size)
    children = {one.pid for one in psutil.Process().children(recursive=True)}
    with simulate(shop, SCRIPT, settings) as simulation:
        left = simulation.worktrees.open(simulation.queue.add(NewTask(simulation.place, "explain", key="gone")).id)
        simulation.queue.cancel(left.task)  # as if a kill had left its folder
        day = Day(simulation)
        asyncio.run(run_day(day))
        outcomes = {one.name: one.outcome for one in simulation.schedules.list_jobs(simulation.place)}
        tasks = simulation.queue.list_newest(simulation.place, 10_000)
        used = simulation.proposals.read_spending(simulation.place)
        folders, ends = simulation.worktrees.list_folders(), day.count_ends()
    by_rule = [one for one in tasks if one.task.key.startswith("autopilot:")]
    assert day.hours == DAYS * 24
    assert ends == count_expected(day.hours)
    assert (simulation.told, folders, outcomes["health"]) == ([], (), "Everything is well.")
    check_log(day.log)
    assert 0 < len(by_rule) <= BUDGET * (DAYS + 1)
    assert ({one.status for one in by_rule}, used.tasks <= BUDGET) == ({TaskStatus.DONE}, True)
    assert run_git(shop, "worktree", "list").count("\n") == 1
    assert not is_damaged(paths.state_dir() / "state.sqlite3")
    assert len(list((paths.state_dir() / turn_files.FOLDER).iterdir())) <= turn_files.MOST_FILES
    alive = [one for one in psutil.Process().children(recursive=True) if one.pid not in children]
    assert [one.name() for one in alive if one.status() == psutil.STATUS_ZOMBIE] == []
    grown, more = (after - before for before, after in zip(day.memory[SETTLED_H], day.memory[-1], strict=True))
    assert grown < MOST_BYTES
    assert more < MOST_OBJECTS * len(tasks) * (1 - SETTLED_H / day.hours)


def find_log() -> Path:
    """Return the folder of the log of actions."""
    return paths.log_dir() / action_log.FOLDER


def name_log(seconds: float) -> str:
    """Return the name of a file with actions of another process, on the day of a time since the epoch."""
    return f"{time.strftime('%Y-%m-%d', time.localtime(seconds))}-1.jsonl"


def check_log(log: list[dict[str, int]]) -> None:
    """Check the sizes of the files with actions, by hour: more was written than may stay, and what is old has gone."""
    old, yesterday = (name_log(START - days * DAY_S) for days in (OLD_DAYS, 1))
    sizes: dict[str, int] = {}
    for hour, one in enumerate(log):
        sizes |= one
        today = name_log(START + hour * HOUR_S)[:10]
        assert any(name.startswith(today) for name in one)
    assert (old in log[0], yesterday in log[0], yesterday in log[-1]) == (False, True, False)
    assert sum(sizes.values()) > MOST_LOGGED >= max(sum(one.values()) for one in log)
    lines = [line for path in find_log().iterdir() for line in path.read_text("utf-8").splitlines()]
    assert {"task began", "call ended", "task ended"} <= {json.loads(line)["event"] for line in lines}


def count_expected(hours: int) -> Counter[tuple[str, TaskStatus]]:
    """Return how the tasks that people add in some hours have to end."""
    passed = range(1, hours + 1)
    return Counter({
        ("explain a", TaskStatus.DONE): hours,
        ("explain b", TaskStatus.DONE): hours,
        ("write it", TaskStatus.DONE): sum(hour % 4 == 1 for hour in passed),
        ("it fails", TaskStatus.FAILED): sum(hour % 6 == 2 for hour in passed),
        ("it hangs", TaskStatus.CANCELLED): sum(hour % 8 == 3 for hour in passed),
    })  # fmt: skip
