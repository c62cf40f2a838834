"""A worker: claims queued tasks, has each one done while it renews the claim, and records what came of it.

A task that was cancelled, paused or taken away is stopped within a heartbeat, and nothing is recorded for it. A worker
that is told to stop gives its task back. A state database that cannot be used is tried again, so that no result is
lost. Knows neither models nor files: what a task does is given as `Perform`. Start at `Worker.run`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from agents.ports.failures import StateError
from agents.ports.task_queue import ATTEMPTS, LONGEST_TEXT, QueueFull
from agents.team.watching.watch import TaskClaimed, TaskEnded, ignore

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.task_queue import NewTask, QueuedTask, TaskQueue
    from agents.team.watching.watch import Watch

logger = logging.getLogger(__name__)

HEARTBEAT_S = 10.0
"""Seconds between two renewals of a claim, within which a task that was cancelled or paused is stopped."""

IDLE_S = 1.0
"""Seconds between two looks at an empty queue."""

STOP_S = 10.0
"""Seconds in which a task that is stopped may end by itself; after that it is cancelled."""

RETRY_S = 5.0
"""Seconds between two attempts to use a state database that could not be used."""

POSTPONED_S = 20.0
"""Seconds until the next claim after a task was postponed; twice as long after each further one, up to the next one."""

LONGEST_POSTPONED_S = 900.0

MOST_POSTPONED = 3
"""Tasks postponed in a row after which a worker that does not wait for further tasks ends."""

T = TypeVar("T")


class Ending(StrEnum):
    """End of the work on a task."""

    DONE = "done"
    FAILED = "failed"  # it is tried again, up to the attempts of a task
    WAITING = "waiting"  # a person has to decide
    STOPPED = "stopped"  # it was told to stop before it was done
    POSTPONED = "postponed"  # it could not be begun at present; it is queued again, and no attempt is counted


@dataclass(frozen=True, slots=True)
class Performed:
    """Outcome of a task.

    Attributes:
        ending: how it ended.
        text: the result; why it failed or was postponed; or what a person has to decide.
        follow_ups: tasks to queue with a result; none otherwise.
    """

    ending: Ending
    text: str
    follow_ups: tuple[NewTask, ...] = ()


class Perform(Protocol):
    """Does tasks."""

    async def __call__(self, task: QueuedTask, stopped: Callable[[], bool]) -> Performed:
        """Do `task` and return what came of it.

        Everything it does must be safe to repeat: a task is done again if its worker dies, from the start.

        Args:
            task: the claimed task.
            stopped: returns whether to end soon, with `Ending.STOPPED`: the claim is lost, or the worker stops.
        """
        ...


class Worker:
    """Does the tasks of one workspace, one after the other; on one event loop.

    Args:
        queue: the queue; its calls run in threads.
        workspace: the workspace folder, as a URI.
        name: a name for its claims that no other worker has.
        perform: does the tasks.
        roles: the roles whose tasks it does, none for all tasks.
        watch: takes the beginning and the end of the work on each task.

    Attributes:
        undone: number of attempts so far that failed, were postponed, or were left to a person.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        queue: TaskQueue,
        workspace: str,
        name: str,
        perform: Perform,
        *,
        roles: tuple[str, ...] = (),
        watch: Watch = ignore,
    ) -> None:
        self._queue = queue
        self._workspace = workspace
        self._name = name
        self._perform = perform
        self._roles = roles
        self._watch = watch
        self.undone = 0

    async def run(self, stop: asyncio.Event, *, until_empty: bool) -> int:
        """Do tasks until `stop` is set, or with `until_empty` until there is none to claim; return the number done.

        Attempts that failed, were postponed, or were left to a person count as `undone` instead; tasks that were
        stopped do not count. Waits after a postponed task; with `until_empty`, ends after `MOST_POSTPONED` in a row.
        """
        done = postponed = 0
        while not stop.is_set():
            claimed = await self._use_queue(self._claim, stop)
            if claimed is not None:
                ending = await self._do(claimed, stop)
                done += ending is Ending.DONE
                self.undone += ending in {Ending.FAILED, Ending.WAITING, Ending.POSTPONED}
                postponed = postponed + 1 if ending is Ending.POSTPONED else 0
                if postponed and until_empty and postponed >= MOST_POSTPONED:
                    break
                if postponed:
                    await _wait(stop, min(POSTPONED_S * 2 ** min(postponed - 1, 16), LONGEST_POSTPONED_S))
            elif until_empty:
                break
            else:
                await _wait(stop, IDLE_S)
        return done

    def _claim(self) -> QueuedTask | None:
        """Claim a queued task; return None if there is none. Blocking."""
        return self._queue.claim(self._workspace, self._name, self._roles)

    async def _do(self, claimed: QueuedTask, stop: asyncio.Event) -> Ending:
        """Do a task and record its end; return the end, STOPPED if none was recorded.

        A task is told to stop when its claim is lost or `stop` is set; if it stops undone, it is given back instead.
        """
        lost, begun = asyncio.Event(), time.monotonic()
        self._watch(claimed.id, TaskClaimed(claimed))
        renewing = asyncio.create_task(self._renew(claimed, lost))
        stopping = [asyncio.create_task(one.wait()) for one in (lost, stop)]
        working = asyncio.create_task(self._perform(claimed, lambda: lost.is_set() or stop.is_set()))
        try:
            await asyncio.wait((working, *stopping), return_when=asyncio.FIRST_COMPLETED)
            performed = _read_end(working) if working.done() else await _end(working)
            if performed.ending is Ending.STOPPED:
                await self._use_queue(lambda: self._queue.release(claimed), stop)
                recorded = None
            else:
                recorded = await self._use_queue(lambda: self._record(claimed, performed), stop)
            ending = _name_ending(claimed, recorded or Ending.STOPPED)
            self._watch(claimed.id, TaskEnded(claimed, ending, performed.text, time.monotonic() - begun))
            return recorded or Ending.STOPPED
        finally:
            for one in (renewing, *stopping, working):
                one.cancel()

    async def _renew(self, claimed: QueuedTask, lost: asyncio.Event) -> None:
        """Renew a claim every `HEARTBEAT_S` until it is lost; set `lost` then."""
        while not lost.is_set():
            await asyncio.sleep(HEARTBEAT_S)
            try:
                if not await asyncio.to_thread(self._queue.renew, claimed):
                    lost.set()
            except StateError as error:  # the claim lasts for an hour, so that later renewals may succeed
                logger.warning("the claim of task %s could not be renewed: %s", claimed.id, error)

    def _record(self, claimed: QueuedTask, performed: Performed) -> Ending | None:
        """Record the end of a task; return the recorded ending, None if the claim is lost. Blocking.

        A task whose follow-up tasks cannot be queued is recorded as failed.
        """
        text, ending = _cut(performed.text), performed.ending
        if ending is Ending.POSTPONED:
            held = self._queue.release(claimed, text)
        elif ending is Ending.WAITING:
            held = self._queue.escalate(claimed, text)
        elif ending is Ending.FAILED:
            held = self._queue.fail(claimed, text)
        else:
            try:
                held = self._queue.finish(claimed, text, performed.follow_ups)
            except (QueueFull, LookupError, ValueError) as error:
                ending, why = Ending.FAILED, f"Its follow-up tasks could not be queued: {error}"
                held = self._queue.fail(claimed, why)
        return ending if held else None

    async def _use_queue(self, call: Callable[[], T], stop: asyncio.Event) -> T | None:
        """Return the result of `call` in a thread; repeat it while the database cannot be used, until `stop` is set.

        None if `stop` was set before the database could be used.
        """
        while True:
            try:
                return await asyncio.to_thread(call)
            except StateError as error:
                logger.warning("the queue cannot be used: %s", error)
                if stop.is_set():
                    return None
                await _wait(stop, RETRY_S)


def _read_end(working: asyncio.Task[Performed]) -> Performed:
    """Return the outcome of the ended task: STOPPED if it was cancelled, FAILED for an exception, which is logged."""
    if working.cancelled():
        return Performed(Ending.STOPPED, "")
    error = working.exception()
    if error is None:
        return working.result()
    logger.error("a queued task failed", exc_info=error)
    return Performed(Ending.FAILED, f"{type(error).__name__}: {error}")


async def _end(working: asyncio.Task[Performed]) -> Performed:
    """Wait until a task that was told to stop has ended, cancel it after `STOP_S` seconds, and return its outcome."""
    await asyncio.wait((working,), timeout=STOP_S)
    if not working.done():
        working.cancel()
        await asyncio.wait((working,))
    return _read_end(working)


def _name_ending(claimed: QueuedTask, ending: Ending) -> str:
    """Return the name of a recorded ending: "again" for a failure after which another attempt follows."""
    return "again" if ending is Ending.FAILED and claimed.attempts < ATTEMPTS else ending.value


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Wait until `stop` is set, at most for some seconds."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _cut(text: str) -> str:
    """Return `text`, or its beginning and a remark if it is too long for the queue."""
    if len(text) <= LONGEST_TEXT:
        return text
    remark = "\n[cut; the session has the whole text]"
    return text[: LONGEST_TEXT - len(remark)] + remark
