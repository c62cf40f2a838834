"""The analysing processes, each with a thread that feeds and reads it; detects files that kill or block a process.

Such a file is tried once more as plain text in a new process. If that dies too, the file is excluded ("crashed").
Stores nothing. Start at `Analysers.analyze`.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.process import spawning
from indexing.process.analysis import FileAnalysis

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from indexing.limits import IndexLimits

_IN_FLIGHT = 8  # requests sent ahead of the answers, so that a process never waits for requests
_RESULTS_WAITING = 64  # bounds memory if storing is slower than analysing
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """A file to analyse.

    Attributes:
        path: absolute path.
        relative: root-relative path.
        mtime_ns: time of the last change.
        digest: hash of the stored version in hexadecimal; "" for none.
        plain: cut it without syntax.
        waived: reasons of its content that do not exclude it.
    """

    path: str
    relative: str
    mtime_ns: int = 0
    digest: str = ""
    plain: bool = False
    waived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """An analysed file; `request.plain` is true if its grammar failed."""

    request: Request
    analysis: FileAnalysis
    blob: bytes


@dataclass(slots=True)
class _Slot:
    """Place for one process; `waiting_since` is the moment since which its thread waits for an answer."""

    process: subprocess.Popen[bytes] | None = None
    waiting_since: float | None = None


class _DiedError(Exception):
    """The analysing process ended before it answered."""


class Analysers:
    """The analysing processes, started at the first request. `analyze` must not run twice at once."""

    def __init__(self, limits: IndexLimits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self._slots = [_Slot() for _ in range(max(1, min(limits.processes, os.cpu_count() or 1)))]

    def analyze(self, requests: Iterable[Request], stopping: Callable[[], bool]) -> Iterator[Result]:
        """Analyse `requests` and yield the results in any order; ends early once `stopping` returns true."""
        source = iter(requests)
        gate = threading.Lock()
        results: queue.Queue[Result | None] = queue.Queue(_RESULTS_WAITING)
        over = threading.Event()

        def take_request() -> Request | None:
            """Return the next request; None at the end, or once no more results are wanted."""
            with gate:
                return None if over.is_set() else next(source, None)

        threads = [
            threading.Thread(target=self._run_slot, args=(slot, take_request, results, over), daemon=True)
            for slot in self._slots
        ]
        for thread in threads:
            thread.start()
        working = len(threads)
        try:
            while working and not stopping():
                try:
                    result = results.get(timeout=_POLL_S)
                except queue.Empty:
                    self._kill_blocked()
                    continue
                if result is not None:
                    yield result
                else:
                    working -= 1
        finally:
            over.set()
            if working:
                self.close()
            while any(thread.is_alive() for thread in threads):  # unblocks threads that wait for room
                with suppress(queue.Empty):
                    results.get(timeout=0.05)

    def close(self) -> None:
        """Kill the processes. Idempotent; may be called while they work."""
        for slot in self._slots:
            if (process := slot.process) is not None:
                _kill(process)

    def _kill_blocked(self) -> None:
        """Kill processes that have worked on one file for longer than `file_timeout_s`."""
        now = time.monotonic()
        for slot in self._slots:
            since = slot.waiting_since
            if since is not None and now - since > self._limits.file_timeout_s and slot.process is not None:
                slot.process.kill()

    def _run_slot(
        self,
        slot: _Slot,
        take_request: Callable[[], Request | None],
        results: queue.Queue[Result | None],
        over: threading.Event,
    ) -> None:
        """Put a result for each request of `take_request` into `results`, made by the process of `slot`; then put None.

        A file that kills the process is tried once more as plain text; if that fails too, its reason is "crashed".
        """
        sent: deque[Request] = deque()
        again: deque[Request] = deque()
        try:
            while not over.is_set():
                while len(sent) < _IN_FLIGHT and (request := again.popleft() if again else take_request()) is not None:
                    sent.append(request)
                    with suppress(OSError):  # reading the answer reports a dead process
                        self._send(slot, request)
                if not sent:
                    return
                try:
                    analysis, blob = self._receive(slot)
                except _DiedError:
                    if over.is_set():
                        return
                    culprit = sent.popleft()
                    again.extend(sent)
                    sent.clear()
                    if not culprit.plain:
                        again.appendleft(replace(culprit, plain=True))
                        continue
                    sent.appendleft(culprit)
                    analysis, blob = FileAnalysis("crashed", mtime_ns=culprit.mtime_ns), b""
                results.put(Result(sent.popleft(), analysis, blob))
        finally:
            results.put(None)

    def _send(self, slot: _Slot, request: Request) -> None:
        """Send `request` to the process of `slot`; starts one if none runs."""
        if slot.process is None or slot.process.poll() is not None:
            slot.process = spawning.spawn("indexing.process.analysis", self._folder, bounds.ANALYSIS_MEMORY_BYTES)
            self._write(slot.process, asdict(self._limits))
        fields = {"path": request.path, "digest": request.digest, "plain": request.plain, "waived": request.waived}
        self._write(slot.process, fields)

    @staticmethod
    def _write(process: subprocess.Popen[bytes], message: dict[str, object]) -> None:
        """Write `message` to the input of `process` as a line of JSON."""
        if process.stdin is not None:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()

    @staticmethod
    def _receive(slot: _Slot) -> tuple[FileAnalysis, bytes]:
        """Return the analysis and the blob that the process of `slot` answers next.

        Raises:
            _DiedError: the process ended or its answer is not whole; it is killed.
        """
        process = slot.process
        if process is None or process.stdout is None:
            raise _DiedError
        slot.waiting_since = time.monotonic()
        try:
            line = process.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else None
            size = head.pop("bytes") if head else 0
            blob = process.stdout.read(size)
        except (OSError, ValueError):
            head = None
        finally:
            slot.waiting_since = None
        if head is None or len(blob) != size:
            _kill(process)
            slot.process = None
            raise _DiedError
        return FileAnalysis(**head), blob


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill `process`, wait for its end and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # unsent requests are lost with the process
                pipe.close()
