"""The health of what work depends on: the state database, the disk, the model host, and worktrees left by a kill.

Changes nothing but that it deletes leftover worktrees. Start at `check_health`.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.state import paths
from server.work.performing import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.ports.task_queue import TaskQueue
    from server.state.database import State
    from server.work.worktrees import Worktrees

LOW_DISK_BYTES = 500_000_000
WELL = "Everything is well."


async def check_health(
    state: State, queue: TaskQueue, worktrees: Worktrees, workspace: str, tell: Callable[[str], None]
) -> str:
    """Check database, disk and model host, delete leftover worktrees, and return a sentence about the outcome.

    Calls `tell` with a sentence for each problem.
    """

    def check() -> list[str]:
        """Return a sentence for each problem, and delete leftover worktrees. Blocking."""
        return [
            *filter(None, [state.describe_damage()]),
            *_check_disk(),
            *_check_host(),
            *_delete_leftovers(queue, worktrees, workspace),
        ]

    problems = await asyncio.to_thread(check)
    for problem in problems:
        tell(problem)
    return " ".join(problems) or WELL


def _check_disk() -> Iterator[str]:
    """Yield a sentence if little space is left for Starling's own files, or their folder cannot be written."""
    folder = paths.ensure_writable(paths.state_dir())
    if folder.path is None:
        yield folder.problem
    elif (free := shutil.disk_usage(folder.path).free) < LOW_DISK_BYTES:
        yield f"Only {free / 1e6:,.0f} MB are free on the disk of {folder.path}; free some space."


def _check_host() -> Iterator[str]:
    """Yield a sentence if a model host runs and does not answer; starts none."""
    from models.errors import HostError  # noqa: PLC0415 (for this check alone)
    from models.host.health_check import fetch_health  # noqa: PLC0415
    from server.assembly.hosts import choose_host_address  # noqa: PLC0415

    try:
        told = fetch_health(choose_host_address())
    except HostError as error:
        yield str(error)
        return
    if told is not None and not told:
        yield "The model host does not answer; end it, and the next request starts another."


def _delete_leftovers(queue: TaskQueue, worktrees: Worktrees, workspace: str) -> Iterator[str]:
    """Delete leftover worktrees; yield a sentence if the queue cannot be read."""
    try:
        remove_leftovers(queue, worktrees, workspace)
    except StateError as error:
        yield str(error)
