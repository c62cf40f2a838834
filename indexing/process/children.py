"""Runs a child process within bounds: of time, of memory, and of what it may say.

On Linux the kernel itself refuses more memory; on every system the child is looked at while it runs, and ended with
all that it started once it holds too much. Start at `run`.
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

_LOOK_S = 0.1
_SAID_BYTES = 100_000  # kept of what it complains of
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take.

    Attributes:
        seconds: until it is ended.
        memory_bytes: that it may hold.
        output_bytes: that it may write to its standard output.
    """

    seconds: float
    memory_bytes: int
    output_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        status: its exit status; what it is where the child was ended says nothing.
        output: what it wrote to its standard output.
        said: what it wrote to its standard error, the beginning.
        beyond: the bound that it was ended for, "" where it ended by itself.
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
    """Run `command` with `text` as its standard input, until it ends or goes beyond `bounds`.

    Raises:
        OSError: it could not be started.
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
    return _Watched(process, bounds).ended(text)


def limit_memory(pid: int, memory_bytes: int) -> None:
    """Have the kernel refuse the process more memory than that, where it can."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 (Unix alone has it)

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def held_bytes(pid: int, *, family: bool = True) -> int:
    """Return the memory that the process, and all that it started, hold; 0 where it has ended."""
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


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child of `run`'s kind with its whole process group, and wait for it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Watched:
    """One child while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._output = bytearray()
        self._said = bytearray()
        self._too_much = threading.Event()

    def ended(self, text: bytes) -> Ended:
        """Feed and hear the child until it has ended."""
        threads = [
            threading.Thread(target=work, args=arguments, daemon=True)
            for work, *arguments in (
                (self._feed, text),
                (self._hear, self._process.stdout, self._output, self._bounds.output_bytes, True),
                (self._hear, self._process.stderr, self._said, _SAID_BYTES, False),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            beyond = self._wait(threads)
        finally:
            end(self._process)
        for thread in threads:
            thread.join(1.0)  # what left the group of the child may hold a pipe for ever
        said = self._said.decode(errors="replace")
        return Ended(self._process.returncode, bytes(self._output), said, beyond)

    def _wait(self, threads: Sequence[threading.Thread]) -> Literal["", "time", "memory", "output"]:
        deadline = time.monotonic() + self._bounds.seconds
        look = time.monotonic() + _LOOK_S
        hearing = threads[1:]
        while any(thread.is_alive() for thread in hearing) or self._process.poll() is None:
            now = time.monotonic()
            if self._too_much.is_set():
                return "output"
            if now >= deadline:
                return "time"
            if now >= look:
                if held_bytes(self._process.pid, family=False) > self._bounds.memory_bytes:
                    return "memory"
                look = time.monotonic() + _LOOK_S
            for thread in hearing:
                if thread.is_alive():
                    thread.join(_LOOK_S / 10)
                    break
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LOOK_S)
        return "output" if self._too_much.is_set() else ""

    def _feed(self, text: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 (a pipe, as `run` made it)
        with contextlib.suppress(OSError), self._process.stdin as pipe:  # a dead child takes nothing
            pipe.write(text)

    def _hear(self, pipe: IO[bytes], kept: bytearray, most: int, strict: bool) -> None:  # noqa: FBT001 (as threads pass it)
        with pipe:
            while piece := cast("BufferedReader", pipe).read1(_PIECE_BYTES):
                if len(kept) + len(piece) <= most:
                    kept += piece
                elif strict:
                    self._too_much.set()
                    return
