"""The server's side of an indexing process: starts it for work, reads its events and restarts it if it dies.

Never blocks the caller: jobs go into a queue, and a separate thread reads events. Indexes share a process through
`sharing.py`. Start at `IndexProcess.submit`.
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
from starling_files import repair_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from indexing.limits import IndexLimits

LIBRARIES = "libraries"
_DEATHS_IN_A_ROW = 4  # after which the process is not started again
_AGAIN_AFTER_S = 0.2
_LEAVE_S = 1.0


class IndexProcess:
    """An indexing process and its jobs, at most one process at a time. Thread-safe.

    Args:
        storage: folder of the index.
        limits: bounds of indexing.
        handle: is called with each event and with the owners of the jobs that it reports as finished, else with those
            of all unfinished jobs; in the reading thread, before `wait` returns for it.
    """

    def __init__(
        self, storage: Path, limits: IndexLimits, handle: Callable[[dict[str, Any], frozenset[object]], None]
    ) -> None:
        self._storage = storage
        self._limits = limits
        self._handle = handle
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._jobs: dict[int, dict[str, Any]] = {}  # submitted and not finished
        self._submitted: dict[int, float] = {}  # when each of these was submitted, in monotonic seconds
        self._owners: dict[int, object] = {}  # who submitted each of these
        self._process: subprocess.Popen[bytes] | None = None
        self._outbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()  # of messages to that process
        self._reader: threading.Thread | None = None
        self._deaths = 0
        self._closed = False
        self.problem = ""
        self.library_problem = ""

    @property
    def pid(self) -> int | None:
        """Id of the process; None while none runs."""
        process = self._process
        return process.pid if process is not None else None

    def has_jobs(self, owner: object, *, libraries: bool) -> bool:
        """Return whether a job of `owner` is unfinished: one about libraries with `libraries`, else another one."""
        with self._changed:
            return self._has_jobs(owner, libraries=libraries)

    def _has_jobs(self, owner: object, *, libraries: bool) -> bool:
        """Do the same for a caller that holds the lock."""
        return any(
            self._owners[number] is owner and (job["kind"] == LIBRARIES) is libraries
            for number, job in self._jobs.items()
        )

    def compute_lag_s(self) -> float:
        """Return the seconds since the oldest unfinished job, but those about libraries, was submitted; 0 for none."""
        with self._changed:
            begun = [self._submitted[number] for number, job in self._jobs.items() if job["kind"] != LIBRARIES]
        return max(0.0, time.monotonic() - min(begun)) if begun else 0.0

    def submit(self, owner: object, kind: str, roots: Sequence[Path], paths: Collection[Path] = ()) -> None:
        """Submit a job: a "pass" over `roots`, a "check" and a pass, a "touch" of `paths` in them, or "libraries".

        Returns at once. Starts the process if none runs; does nothing after `close`. After a problem, "touch" becomes
        "pass", because the problem may have kept other files out of the index.
        """
        with self._changed:
            if self._closed:
                return
            if self.problem and kind != LIBRARIES:
                kind, paths = "pass", ()
            number = next(self._numbers)
            self._jobs[number] = {
                "job": number,
                "kind": kind,
                "roots": [str(root) for root in roots],
                "paths": [str(path) for path in paths],
            }
            self._submitted[number] = time.monotonic()
            self._owners[number] = owner
            if self._process is None:
                self._start()
            else:
                self._outbox.put(self._jobs[number])

    def wait(self, owner: object, timeout_s: float | None, *, libraries: bool = False) -> bool:
        """Wait until all jobs of `owner` are finished or dropped; return whether that was so within `timeout_s`.

        None is no limit. Jobs about libraries are waited for with `libraries` only.
        """

        def is_idle() -> bool:
            """Return whether no job that counts is unfinished."""
            return not self._has_jobs(owner, libraries=False) and not (
                libraries and self._has_jobs(owner, libraries=True)
            )

        with self._changed:
            return self._changed.wait_for(is_idle, timeout_s)

    def drop_jobs(self, owner: object) -> None:
        """Wait no longer for the jobs of `owner`, which the process may do nevertheless."""
        with self._changed:
            self._remove([number for number, one in self._owners.items() if one is owner])
            self._changed.notify_all()

    def _remove(self, numbers: Iterable[int]) -> None:
        """Remove jobs that are there or not; the caller holds the lock."""
        for number in numbers:
            for by_number in (self._jobs, self._submitted, self._owners):
                by_number.pop(number, None)

    def close(self) -> None:
        """End the process and drop all jobs; a pass of a later process does the unfinished work. Idempotent."""
        with self._changed:
            self._closed = True
            self._remove(list(self._jobs))
            process, reader = self._process, self._reader
            self._outbox.put(None)
            self._changed.notify_all()
        if process is not None:
            try:
                process.wait(_LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()  # the store is consistent at any moment
                process.wait()
        if reader is not None and reader is not threading.current_thread():
            reader.join()

    def _start(self) -> None:
        """Start a process and send it all unfinished jobs; give up if it cannot start. The caller holds the lock."""
        try:
            repair_folder(self._storage, own=2)
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
        """Pass the events of `process` to the handler until it ends; then start it again if jobs are unfinished."""
        for event in spawning.read_events(process):
            self._handle(event, self._find_owners(event))
            if event.get("event") in {"finished", LIBRARIES}:
                self._finish(event)
        outbox.put(None)
        status = process.wait()
        self._restart_if_needed(status)

    def _find_owners(self, event: dict[str, Any]) -> frozenset[object]:
        """Return the owners of the jobs that `event` reports as finished, else those of all unfinished jobs."""
        with self._changed:
            numbers = event.get("jobs", self._owners)
            return frozenset(self._owners[number] for number in numbers if number in self._owners)

    def _finish(self, event: dict[str, Any]) -> None:
        """Remove the jobs that `event` reports as finished, record its problem, and wake those who wait."""
        with self._changed:
            self._deaths = 0
            if event["event"] == LIBRARIES:
                self.library_problem = str(event["problem"])
            else:
                self.problem = str(event["problem"])
            self._remove(event["jobs"])
            self._changed.notify_all()

    def _restart_if_needed(self, status: int) -> None:
        """Start the process again if it ended with unfinished jobs, unless that happened too often."""
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
        """Record `problem`, drop all jobs and wake those who wait; the caller holds the lock."""
        self.problem = problem
        self._deaths = 0
        self._remove(list(self._jobs))
        self._changed.notify_all()


def _send(process: subprocess.Popen[bytes], outbox: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Send the messages of `outbox` until None; runs in a separate thread, because a stopped process reads nothing."""
    if process.stdin is None:
        return
    # if the process is ending, its reader starts another with all unfinished jobs
    with suppress(OSError), process.stdin as jobs:
        while (message := outbox.get()) is not None:
            jobs.write(json.dumps(message).encode() + b"\n")
            jobs.flush()
