"""A few analysing processes, fed and read by one thread each; a file that kills or blocks its process is found out.

The file a process died of is tried once more as plain text, in a new process; if that dies too the file is left out
("crashed"). Stores nothing. Start at `Analysers.analyze`.
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

_IN_FLIGHT = 8  # requests sent ahead of the answers, so that a process never waits for us
_RESULTS_WAITING = 64  # bounds memory when storing is slower than analysing
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """A file to analyse.

    Attributes:
        digest: that of its stored version, in hexadecimal, "" for none.
        waived: reasons of its content that do not count.
    """

    path: str
    relative: str
    mtime_ns: int = 0
    digest: str = ""
    plain: bool = False
    waived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """An analysed file; `request.plain` tells whether its grammar failed on it."""

    request: Request
    analysis: FileAnalysis
    blob: bytes


@dataclass(slots=True)
class _Seat:
    """One process and its thread."""

    process: subprocess.Popen[bytes] | None = None
    waiting_since: float | None = None


class _DiedError(Exception):
    """The analysing process ended in the middle of its work."""


class Analysers:
    """The processes; started when there is work, ended by `close`. `analyze` runs once at a time."""

    def __init__(self, limits: IndexLimits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self._seats = [_Seat() for _ in range(max(1, min(limits.processes, os.cpu_count() or 1)))]

    def analyze(self, requests: Iterable[Request], stopping: Callable[[], bool]) -> Iterator[Result]:
        """Analyse `requests`, in any order; ends early when `stopping` says so."""
        source = iter(requests)
        gate = threading.Lock()
        results: queue.Queue[Result | None] = queue.Queue(_RESULTS_WAITING)
        over = threading.Event()

        def take() -> Request | None:
            with gate:
                return None if over.is_set() else next(source, None)

        threads = [
            threading.Thread(target=self._work, args=(seat, take, results, over), daemon=True) for seat in self._seats
        ]
        for thread in threads:
            thread.start()
        working = len(threads)
        try:
            while working and not stopping():
                try:
                    result = results.get(timeout=_POLL_S)
                except queue.Empty:
                    self._watch()
                    continue
                if result is not None:
                    yield result
                else:
                    working -= 1
        finally:
            over.set()
            if working:
                self.close()
            while any(thread.is_alive() for thread in threads):  # unblock those that wait for room
                with suppress(queue.Empty):
                    results.get(timeout=0.05)

    def close(self) -> None:
        """End the processes; safe twice, and while they work."""
        for seat in self._seats:
            if (process := seat.process) is not None:
                _end(process)

    def _watch(self) -> None:
        now = time.monotonic()
        for seat in self._seats:
            since = seat.waiting_since
            if since is not None and now - since > self._limits.file_timeout_s and seat.process is not None:
                seat.process.kill()

    def _work(
        self,
        seat: _Seat,
        take: Callable[[], Request | None],
        results: queue.Queue[Result | None],
        over: threading.Event,
    ) -> None:
        sent: deque[Request] = deque()
        again: deque[Request] = deque()
        try:
            while not over.is_set():
                while len(sent) < _IN_FLIGHT and (request := again.popleft() if again else take()) is not None:
                    sent.append(request)
                    with suppress(OSError):  # a dead process shows when its answer is read
                        self._send(seat, request)
                if not sent:
                    return
                try:
                    analysis, blob = self._receive(seat)
                except _DiedError:
                    if over.is_set():
                        return
                    guilty = sent.popleft()
                    again.extend(sent)
                    sent.clear()
                    if not guilty.plain:
                        again.appendleft(replace(guilty, plain=True))
                        continue
                    sent.appendleft(guilty)
                    analysis, blob = FileAnalysis("crashed", mtime_ns=guilty.mtime_ns), b""
                results.put(Result(sent.popleft(), analysis, blob))
        finally:
            results.put(None)

    def _send(self, seat: _Seat, request: Request) -> None:
        if seat.process is None or seat.process.poll() is not None:
            seat.process = spawning.spawn("indexing.process.analysis", self._folder, bounds.ANALYSIS_MEMORY_BYTES)
            self._write(seat.process, asdict(self._limits))
        asked = {"path": request.path, "digest": request.digest, "plain": request.plain, "waived": request.waived}
        self._write(seat.process, asked)

    @staticmethod
    def _write(process: subprocess.Popen[bytes], message: dict[str, object]) -> None:
        if process.stdin is not None:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()

    @staticmethod
    def _receive(seat: _Seat) -> tuple[FileAnalysis, bytes]:
        process = seat.process
        if process is None or process.stdout is None:
            raise _DiedError
        seat.waiting_since = time.monotonic()
        try:
            line = process.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else None
            size = head.pop("bytes") if head else 0
            blob = process.stdout.read(size)
        except (OSError, ValueError):
            head = None
        finally:
            seat.waiting_since = None
        if head is None or len(blob) != size:
            _end(process)
            seat.process = None
            raise _DiedError
        return FileAnalysis(**head), blob


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not yet sent is lost with the process
                pipe.close()
