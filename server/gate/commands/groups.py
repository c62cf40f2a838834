"""Process groups of commands that a person has permitted: started, watched, and ended as a whole.

Each group runs on a thread of its own, so that the system can end it with that thread. Start at `run_group`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal, cast

from indexing import bounds
from indexing.process import children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from io import BufferedReader
    from pathlib import Path

    from server.gate.commands.bounded_output import BoundedOutput

GRACE_S = 3.0  # between SIGTERM and SIGKILL
MEASURE_S = 0.5  # between two measurements of the memory
POLL_S = 0.05
_DRAIN_S = 1.0  # for the rest of the output; a process that left the group may keep the pipe open for ever
_PIECE_BYTES = 1 << 16
_RUNNING: set[subprocess.Popen[bytes]] = set()

Stop = Literal["", "time", "memory", "cancelled"]


@dataclass(frozen=True, slots=True)
class GroupCommand:
    """A command that runs in a process group.

    Attributes:
        arguments: the program and its arguments, not read by a shell.
        folder: working directory.
        environment: all of its environment variables.
        timeout_s: longest duration, seconds.
        memory_bytes: most memory of all its processes.
        wrapper: name of a program around the command that must not get SIGTERM, because it would kill the command at
            once; "" for none.
        ends_with_program: whether the system ends the group when this program ends.
        given: what it reads on its standard input: bytes, or a file.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    timeout_s: float
    memory_bytes: int
    wrapper: str = ""
    ends_with_program: bool = False
    given: bytes | Path = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """The end of a process group.

    Attributes:
        exit_code: exit status of the command; None if it was stopped.
        seconds: duration.
        stopped: the reason why it was stopped; "" if it ended by itself.
    """

    exit_code: int | None
    seconds: float
    stopped: Stop = ""


async def run_group(
    command: GroupCommand, output: BoundedOutput, *, cancelled: Callable[[], bool] = lambda: False
) -> GroupEnd:
    """Run `command` until it ends or exceeds a bound, then end all processes of its group; return how it ended.

    Also ends them if this call is cancelled, before it raises, and when this program ends.

    Args:
        command: the command.
        output: gets what the command writes to stdout and stderr.
        cancelled: returns whether to stop the command; called on another thread, about 20 times a second.

    Raises:
        OSError: the command could not be started.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    done: asyncio.Future[GroupEnd] = loop.create_future()

    def finish(end: GroupEnd | None, error: BaseException | None) -> None:
        """Set the result or the exception of `done`; on the event loop."""
        if end is not None:
            done.set_result(end)
        elif error is not None:
            done.set_exception(error)

    def run_and_report() -> None:
        """Run the command on this thread, and hand its end or its exception to the event loop."""
        end, failure = None, None
        try:
            end = _run(command, output, lambda: stop.is_set() or cancelled())
        except BaseException as error:  # noqa: BLE001 (it is raised where the end is awaited)
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(finish, end, failure)

    threading.Thread(target=run_and_report, name="command", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait((done,))
        if not done.cancelled():
            done.exception()  # it is retrieved, so that asyncio does not report it
        raise


def end_all_groups() -> None:
    """Kill the process groups that still run and that the system does not end; called when the program ends."""
    for process in tuple(_RUNNING):
        _signal_group(process, _KILL)


def compute_memory_limit() -> int:
    """Return the most bytes of memory that a command may take: a share of the machine's memory."""
    import psutil  # noqa: PLC0415 (only where commands are run)

    return int(psutil.virtual_memory().total * bounds.TESTS_MEMORY_SHARE)


_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
atexit.register(end_all_groups)


def _run(command: GroupCommand, output: BoundedOutput, is_stopped: Callable[[], bool]) -> GroupEnd:
    """Run `command` as `run_group` does; blocking.

    Raises:
        OSError: the command could not be started.
    """
    begun = time.monotonic()
    with _open_input(command.given) as source:
        process = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    if not command.ends_with_program:
        _RUNNING.add(process)
    assert process.stdout is not None  # noqa: S101 (it is a pipe, by the call above)
    reader = threading.Thread(target=_read_output, args=(process.stdout, output), name="output", daemon=True)
    try:
        reader.start()
        if process.stdin is not None and isinstance(command.given, bytes):
            threading.Thread(target=_write_input, args=(process.stdin, command.given), daemon=True).start()
        stopped = _watch(process, command, is_stopped)
    finally:
        _end(process, command.wrapper)
        _RUNNING.discard(process)
    reader.join(_DRAIN_S)
    return GroupEnd(None if stopped else process.returncode, time.monotonic() - begun, stopped)


@contextlib.contextmanager
def _open_input(given: bytes | Path) -> Iterator[int | IO[bytes]]:
    """Yield the standard input of a command that reads `given`: an open file, a pipe for bytes, or nothing.

    Raises:
        OSError: the file cannot be opened.
    """
    if isinstance(given, bytes):
        yield subprocess.PIPE if given else subprocess.DEVNULL
        return
    with given.open("rb") as file:
        yield file


def _write_input(pipe: IO[bytes], given: bytes) -> None:
    """Write `given` into `pipe` and close it; a command that ends before it has read all is no error."""
    with contextlib.suppress(OSError), pipe:
        pipe.write(given)


def _read_output(pipe: IO[bytes], output: BoundedOutput) -> None:
    """Add everything that comes out of `pipe` to `output`, then close the pipe."""
    with pipe:
        while piece := cast("BufferedReader", pipe).read1(_PIECE_BYTES):
            output.add(piece)


def _watch(process: subprocess.Popen[bytes], command: GroupCommand, is_stopped: Callable[[], bool]) -> Stop:
    """Wait until `process` ends, exceeds a bound or is to be stopped; return the reason to stop it, "" for none."""
    deadline = time.monotonic() + command.timeout_s
    next_measurement = time.monotonic() + MEASURE_S
    while process.poll() is None:
        now = time.monotonic()
        if is_stopped():
            return "cancelled"
        if now >= deadline:
            return "time"
        if now >= next_measurement:
            if children.measure_memory(process.pid) > command.memory_bytes:
                return "memory"
            next_measurement = time.monotonic() + MEASURE_S
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
    return ""


def _end(process: subprocess.Popen[bytes], wrapper: str) -> None:
    """End the group of `process`; first send SIGTERM if `process` still runs.

    Kills the rest of the group as soon as `process` has ended, at the latest after `GRACE_S` seconds.
    """
    if process.poll() is None:
        _request_end(process, wrapper)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    _signal_group(process, _KILL)
    process.wait()


def _request_end(process: subprocess.Popen[bytes], wrapper: str) -> None:
    """Send SIGTERM to the group of `process`; with a wrapper, only to descendants that have not the wrapper's name."""
    if not wrapper:
        _signal_group(process, signal.SIGTERM)
        return
    import psutil  # noqa: PLC0415 (only where commands are run)

    with contextlib.suppress(psutil.Error):
        for one in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if one.name() != wrapper:
                    one.terminate()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the group of `process`, if it still exists; on Windows, kill `process` and its descendants."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            _kill_process_tree(process)
        else:
            os.killpg(process.pid, number)


def _kill_process_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill `process` and its descendants, where there are no process groups."""
    import psutil  # noqa: PLC0415 (only where commands are run)

    with contextlib.suppress(psutil.Error):
        for one in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                one.kill()
    process.kill()
