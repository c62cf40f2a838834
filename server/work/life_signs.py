"""Signs of life of workers: a small file for each process, renewed while its loop runs and the queue can be read.

`starling health` reads them, so that a container's manager can tell a worker that hangs from one that waits for tasks;
systemd gets messages. The files lie in the folder of running processes. Start at `renew_signs` and `LifeSigns`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.state import paths
from server.work.systemd_messages import ALIVE, READY, notify_systemd
from starling_files import make_folder, read_text, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agents.ports.task_queue import TaskQueue

logger = logging.getLogger(__name__)

RENEW_S = 10.0
"""Seconds between two signs of life."""

FORGOTTEN_S = 24 * 3600.0
"""Age in seconds from which the file of another process is deleted."""

LARGEST = 1_000  # bytes of a file
MOST_FILES = 256  # of one workspace that are read


@dataclass(frozen=True, slots=True)
class LifeSign:
    """The newest sign of life of a worker's process.

    Attributes:
        process: its process id.
        age_s: seconds since the sign; below 0 if the clock was set back meanwhile.
    """

    process: int
    age_s: float


class LifeSigns:
    """The signs of life of the workers of one workspace. Blocking.

    Args:
        workspace: the workspace folder, as a URI.
        clock: returns the seconds since the epoch.
    """

    def __init__(self, workspace: str, clock: Callable[[], float] = time.time) -> None:
        self._workspace = workspace
        self._clock = clock
        self._prefix = f"work-{hashlib.sha256(workspace.encode()).hexdigest()[:16]}-"
        self._file = paths.run_dir() / f"{self._prefix}{os.getpid()}.json"

    def give(self) -> None:
        """Write a sign of life of this process.

        Raises:
            OSError: it cannot be written.
        """
        make_folder(self._file.parent)
        content = {"workspace": self._workspace, "process": os.getpid(), "time": self._clock()}
        write_file(self._file, json.dumps(content).encode())

    def withdraw(self) -> None:
        """Delete the file of this process, and files that nobody has renewed for `FORGOTTEN_S` seconds."""
        old = [file for file, sign in self._read_all() if abs(sign.age_s) > FORGOTTEN_S]
        for file in (self._file, *old):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def find_newest(self) -> LifeSign | None:
        """Return the newest sign of life in up to `MOST_FILES` files, None if none can be read."""
        return min((sign for _, sign in self._read_all()), key=lambda sign: abs(sign.age_s), default=None)

    def _read_all(self) -> Iterator[tuple[Path, LifeSign]]:
        """Yield each file of the workspace, up to `MOST_FILES`, with its sign; skips damaged ones."""
        for file in sorted(self._file.parent.glob(f"{self._prefix}*.json"))[:MOST_FILES]:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(read_text(file, LARGEST))
                if content["workspace"] == self._workspace:
                    yield file, LifeSign(int(content["process"]), self._clock() - float(content["time"]))


async def renew_signs(signs: LifeSigns, queue: TaskQueue, workspace: str) -> None:
    """Give a sign of life every `RENEW_S` seconds until cancelled, then withdraw it.

    Logs a warning instead of a sign if the queue cannot be read. The service manager is told of each sign, and at the
    first one that this process is ready.
    """
    message = f"{READY}\n{ALIVE}"
    try:
        while True:
            try:
                await asyncio.to_thread(queue.list_newest, workspace, 1)
                await asyncio.to_thread(signs.give)
                await asyncio.to_thread(notify_systemd, message)
                message = ALIVE
            except (StateError, OSError) as error:
                logger.warning("no sign of life could be given: %s", error)
            await asyncio.sleep(RENEW_S)
    finally:
        signs.withdraw()
