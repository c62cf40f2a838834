"""The server's end of the indexing process: starts it when there is work, hears its events, starts it again if it dies.

Does no indexing itself and blocks nobody: jobs are handed over, events come on a thread of its own. Start at
`IndexProcess.submit`.
"""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from indexing import bounds
from indexing.process import spawning
from starling_files import reclaim_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits

_DEATHS_IN_A_ROW = 4  # then something is wrong that another start does not mend
_AGAIN_AFTER_S = 0.2
_LEAVE_S = 1.0


class IndexProcess:
    """One indexing process at most. Thread-safe.

    Args:
        storage: where the index lies.
        limits: bounds of indexing.
        listen: gets each event, on the reading thread, before `wait` learns of it.
    """

    def __init__(self, storage: Path, limits: IndexLimits, listen: Callable[[dict[str, Any]], None]) -> None:
        self._storage = storage
        self._limits = limits
        self._listen = listen
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, dict[str, Any]] = {}  # handed over and not finished
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()  # of that process
        self._reader: threading.Thread | None = None
        self._deaths = 0
        self._closed = False
        self.problem = ""

    @property
    def pid(self) -> int | None:
        """Process id, None while none runs."""
        process = self._process
        return process.pid if process is not None else None

    @property
    def busy(self) -> bool:
        """Whether any job is unfinished."""
        return bool(self._jobs)

    def submit(self, kind: str, roots: Sequence[Path], paths: Collection[Path] = ()) -> None:
        """Hand over a job: "pass" over `roots`, or "touch" `paths` in them. Returns at once.

        After a problem a "touch" becomes a "pass", for what it kept from the index is not known.
        """
        with self._changed:
            if self._closed:
                return
            if self.problem:
                kind, paths = "pass", ()
            number = next(self._numbers)
            self._jobs[number] = {
                "job": number,
                "kind": kind,
                "roots": [str(root) for root in roots],
                "paths": [str(path) for path in paths],
            }
            if self._process is None:
                self._start()
            else:
                self._outbox.put(self._jobs[number])

    def wait(self, timeout_s: float | None) -> bool:
        """Until nothing is left to do; false when that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, timeout_s)

    def close(self) -> None:
        """End the process; what is unfinished goes on at the next start. Safe twice."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            process, reader = self._process, self._reader
            self._outbox.put(None)
            self._changed.notify_all()
        if process is not None:
            try:
                process.wait(_LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the store survives that at any moment
                process.wait()
        if reader is not None and reader is not threading.current_thread():
            reader.join()

    def _start(self) -> None:
        """Start a process with all unfinished jobs; the lock is held."""
        try:
            reclaim_folder(self._storage, own=2)
            process = spawning.spawn("indexing.process.worker", self._storage, bounds.INDEXING_MEMORY_BYTES)
        except OSError as error:
            self._give_up(f"The indexing process could not be started ({error.strerror or error}).")
            return
        self._process = process
        outbox = self._outbox = queue.SimpleQueue()
        outbox.put({"storage": str(self._storage), "limits": asdict(self._limits)})
        for job in self._jobs.values():
            outbox.put(job)
        threading.Thread(target=_send, args=(process, outbox), name="index-jobs", daemon=True).start()
        self._reader = threading.Thread(target=self._read, args=(process, outbox), name="index-events", daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        if process.stdout is None:
            return
        with process.stdout as events:
            for line in events:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # killed in the middle of a line
                self._listen(event)
                if event.get("event") == "finished":
                    self._finish(event)
        outbox.put(None)
        status = process.wait()
        self._ended(status)

    def _finish(self, event: dict[str, Any]) -> None:
        with self._changed:
            self._deaths = 0
            self.problem = str(event["problem"])
            for number in event["jobs"]:
                self._jobs.pop(number, None)
            self._changed.notify_all()

    def _ended(self, status: int) -> None:
        with self._changed:
            self._process = None
            if self._closed or not self._jobs:
                return
            self._deaths += 1
            if self._deaths > _DEATHS_IN_A_ROW:
                self._give_up(
                    f"The indexing process ended {self._deaths} times in a row (exit status {status});"
                    " searching goes on with what is indexed; save any file to try again."
                )
                return
        time.sleep(_AGAIN_AFTER_S * self._deaths)
        with self._changed:
            if not self._closed and self._jobs and self._process is None:
                self._start()

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self._deaths = 0
        self._jobs.clear()
        self._changed.notify_all()


def _send(process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Hand over what is in the outbox until None comes; on a thread of its own, for a stopped process reads nothing."""
    if process.stdin is None:
        return
    # it may be ending: then its reader starts another with all unfinished jobs
    with suppress(OSError), process.stdin as jobs:
        while (message := outbox.get()) is not None:
            jobs.write(json.dumps(message).encode() + b"\n")
            jobs.flush()
