"""Running a child process within bounds of time, memory and output.

On Linux the kernel refuses more memory. On every system the child's memory is measured while it runs; a child over a
bound is killed with its process group. Start at `run`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import BufferedReader
    from pathlib import Path

_CHECK_S = 0.1
_ERROR_BYTES = 100_000  # kept of its standard error
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a child process.

    Attributes:
        seconds: of running time.
        memory_bytes: of resident memory.
        output_bytes: of its standard output.
    """

    seconds: float
    memory_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a child process.

    Attributes:
        status: exit status; without meaning if the child was killed.
        output: its standard output.
        said: the start of its standard error.
        beyond: the bound for which it was killed; "" if it ended by itself.
    """

    status: int
    output: bytes
    said: str
    beyond: Literal["", "time", "memory", "output"] = ""


def run(
    command: Sequence[str],
    bounds: Bounds,
    *,
    text: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run `command` with `text` as its standard input until it ends or exceeds `bounds`; return its result.

    In the end, all processes left in its process group are killed.

    Raises:
        OSError: the command could not be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        process_group=None if sys.platform == "win32" else 0,
    )
    limit_memory(process.pid, bounds.memory_bytes)
    return _RunningChild(process, bounds).wait(text)


def limit_memory(pid: int, memory_bytes: int) -> None:
    """Have the kernel refuse the process more than `memory_bytes` of data, on Linux, if that works; else do nothing."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 (Unix alone has it)

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def measure_memory(pid: int, *, family: bool = True) -> int:
    """Return the resident bytes of the process and, with `family`, of its descendants; 0 if it has ended."""
    import psutil  # noqa: PLC0415 (only where something runs long enough to be looked at)

    try:
        process = psutil.Process(pid)
        processes = [process, *(process.children(recursive=True) if family else ())]
    except psutil.Error:
        return 0
    total = 0
    for each in processes:
        with contextlib.suppress(psutil.Error):
            total += each.memory_info().rss
    return total


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group of a child that was started as in `run` (only the child on Windows); wait for its end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _RunningChild:
    """A child process while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._output = bytearray()
        self._errors = bytearray()
        self._too_much = threading.Event()

    def wait(self, text: bytes) -> Ended:
        """Write `text` to the child and read its output until it ends or exceeds a bound; kill its group.

        Returns its result.
        """
        threads = [
            threading.Thread(target=work, args=arguments, daemon=True)
            for work, *arguments in (
                (self._write_input, text),
                (self._collect, self._process.stdout, self._output, self._bounds.output_bytes, True),
                (self._collect, self._process.stderr, self._errors, _ERROR_BYTES, False),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            beyond = self._watch(threads)
        finally:
            kill_group(self._process)
        for thread in threads:
            thread.join(1.0)  # a process that left the group may keep a pipe open for ever
        errors = self._errors.decode(errors="replace")
        return Ended(self._process.returncode, bytes(self._output), errors, beyond)

    def _watch(self, threads: Sequence[threading.Thread]) -> Literal["", "time", "memory", "output"]:
        """Wait for the end of the child and its output; return the exceeded bound, "" for none."""
        deadline = time.monotonic() + self._bounds.seconds
        next_check = time.monotonic() + _CHECK_S
        readers = threads[1:]
        while any(thread.is_alive() for thread in readers) or self._process.poll() is None:
            now = time.monotonic()
            if self._too_much.is_set():
                return "output"
            if now >= deadline:
                return "time"
            if now >= next_check:
                if measure_memory(self._process.pid, family=False) > self._bounds.memory_bytes:
                    return "memory"
                next_check = time.monotonic() + _CHECK_S
            for thread in readers:
                if thread.is_alive():
                    thread.join(_CHECK_S / 10)
                    break
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_CHECK_S)
        return "output" if self._too_much.is_set() else ""

    def _write_input(self, text: bytes) -> None:
        """Write `text` to the child and close its input; ignores a child that has ended."""
        assert self._process.stdin is not None  # noqa: S101 (a pipe, as `run` made it)
        with contextlib.suppress(OSError), self._process.stdin as pipe:  # a dead child reads nothing
            pipe.write(text)

    def _collect(self, pipe: IO[bytes], kept: bytearray, most: int, strict: bool) -> None:  # noqa: FBT001 (as threads pass it)
        """Append the output in `pipe` to `kept`, up to `most` bytes; drop the rest.

        If `strict`, stops at the first excess instead, and has `_watch` report it.
        """
        with pipe:
            while piece := cast("BufferedReader", pipe).read1(_PIECE_BYTES):
                if len(kept) + len(piece) <= most:
                    kept += piece
                elif strict:
                    self._too_much.set()
                    return
