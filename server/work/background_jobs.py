"""The background jobs of a workspace: re-indexing, checks of the health, the autopilot. Start at `make_jobs`."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.autopilot.autopilot import LONGEST_SLEEP_S, Autopilot, Budget
from agents.ports.task_proposals import ProposalKind
from server.state.background.proposal_store import ProposalStore
from server.work.found_work import find_work
from server.work.health import check_health
from server.work.schedule import LONGEST_S, Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.ports.task_queue import TaskQueue
    from indexing.index import Index
    from server.assembly.core import Core
    from server.assembly.settings import Settings
    from server.state.database import State
    from server.work.worktrees import Worktrees

HOUR_S = 3600.0
REINDEX = "reindex"
HEALTH = "health"
AUTOPILOT = "autopilot"


@dataclass(frozen=True, slots=True)
class Place:
    """The parts of a workspace that its jobs work on.

    Attributes:
        core: its index and settings.
        root: the workspace folder.
        state: the state database.
        queue: the queue of tasks.
        worktrees: the worktrees of tasks.
        tell: takes a sentence for a person.
        clock: returns the seconds since the epoch.
    """

    core: Core
    root: Path
    state: State
    queue: TaskQueue
    worktrees: Worktrees
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.time


def list_intervals(settings: Settings) -> dict[str, float]:
    """Return the seconds between two runs of each job, by its name; 0 for a job that is turned off."""
    schedule, autopilot = settings.schedule, settings.autopilot
    return {
        REINDEX: schedule.reindex_hours * HOUR_S if settings.index.enabled else 0.0,
        HEALTH: schedule.health_hours * HOUR_S,
        AUTOPILOT: autopilot.minutes * 60 if autopilot.enabled else 0.0,
    }


def make_jobs(place: Place) -> list[Job]:
    """Return the jobs that the settings do not turn off."""
    every = list_intervals(place.core.settings)
    jobs = [
        Job(REINDEX, every[REINDEX], functools.partial(_compare_index, place.core.index)),
        Job(HEALTH, every[HEALTH], functools.partial(_check_health, place)),
        _make_autopilot_job(place),
    ]
    return [one for one in jobs if every[one.name]]


async def _compare_index(index: Index) -> str:
    """Compare all files with the index, index changed ones again, and return a sentence about the outcome.

    If that takes longer than half of `LONGEST_S`, it goes on in the background.
    """
    await asyncio.to_thread(index.set_roots, index.roots)
    if not await asyncio.to_thread(index.wait, LONGEST_S / 2):
        return "The index is still being checked."
    status = await asyncio.to_thread(index.read_status)
    return status.problem or f"Files in the index: {status.files:,}."


async def _check_health(place: Place) -> str:
    """Check the health, delete leftover worktrees, and return a sentence about the outcome; tell of problems."""
    return await check_health(place.state, place.queue, place.worktrees, place.root.as_uri(), place.tell)


def _make_autopilot_job(place: Place) -> Job:
    """Return the job of the autopilot."""
    wanted, ended = place.core.settings.autopilot, threading.Event()
    pilot = Autopilot(
        place.root.as_uri(),
        lambda: find_work(place.core, place.root, ended.is_set),
        ProposalStore(place.state, place.clock),
        place.queue,
        starts=tuple(map(ProposalKind, wanted.start)),
        budget=Budget(wanted.tasks_per_day, wanted.tokens_per_day, wanted.cost_per_day),
        interval_s=wanted.minutes * 60,
    )

    async def look() -> str:
        """Search for work in a thread and return a sentence about the outcome; stop the search when cancelled."""
        ended.clear()
        try:
            return await asyncio.to_thread(pilot.look)
        finally:
            ended.set()

    return Job(AUTOPILOT, wanted.minutes * 60, look, lambda: pilot.sleep_s, LONGEST_SLEEP_S)
