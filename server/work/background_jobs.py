"""The background jobs of a workspace: re-indexing and checks of the health. Start at `make_jobs`."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.work.health import check_health
from server.work.schedule import LONGEST_S, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.task_queue import TaskQueue
    from indexing.index import Index
    from server.assembly.core import Core
    from server.assembly.settings import Settings
    from server.state.database import State
    from server.work.worktrees import Worktrees

HOUR_S = 3600.0
REINDEX = "reindex"
HEALTH = "health"


@dataclass(frozen=True, slots=True)
class Place:
    """The parts of a workspace that its jobs work on.

    Attributes:
        core: its index.
        workspace: the workspace folder, as a URI.
        state: the state database.
        queue: the queue of tasks.
        worktrees: the worktrees of tasks.
        tell: takes a sentence for a person.
    """

    core: Core
    workspace: str
    state: State
    queue: TaskQueue
    worktrees: Worktrees
    tell: Callable[[str], None]


def list_intervals(settings: Settings) -> dict[str, float]:
    """Return the seconds between two runs of each job, by its name; 0 for a job that is turned off."""
    hours = settings.schedule
    checked = hours.reindex_hours if settings.index.enabled else 0.0
    return {REINDEX: checked * HOUR_S, HEALTH: hours.health_hours * HOUR_S}


def make_jobs(place: Place) -> list[Job]:
    """Return the jobs that the settings do not turn off."""
    runs = {
        REINDEX: functools.partial(_check_index, place.core.index),
        HEALTH: functools.partial(check_health, place.state, place.queue, place.worktrees, place.workspace, place.tell),
    }
    every = list_intervals(place.core.settings)
    return [Job(name, every[name], run) for name, run in runs.items() if every[name]]


async def _check_index(index: Index) -> str:
    """Have all files compared with the index, and changed ones indexed again; return a sentence about the outcome."""
    await asyncio.to_thread(index.set_roots, index.roots)
    if not await asyncio.to_thread(index.wait, LONGEST_S / 2):
        return "The index is still being checked."
    status = await asyncio.to_thread(index.read_status)
    return status.problem or f"Files in the index: {status.files:,}."
