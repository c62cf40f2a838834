"""The transport to a server that is a program on this machine: a process of its own group, a line for each message.

The package's own transport reads lines of any length and logs each line that is no message; this one is bounded. Start
at `open_stdio`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

from agents.ports.mcp_servers import McpFailed
from server.gate.commands.environments import list_inherited_variables
from server.mcp_client.bounds import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from server.mcp_client.bounds import ReceiveLimits
    from server.mcp_client.definitions import Secrets, ServerDefinition

GRACE_S = 2.0
"""Time for a server to end by itself after its input is closed, and again after SIGTERM."""

POLL_S = 0.01
ERROR_BYTES = 4_000
"""Bytes of the end of stderr that are kept for a person who looks for the reason."""

SEARCH_PATHS = frozenset({"PYTHONPATH", "NODE_PATH"})
"""Variables that may name relative folders with modules; a server gets these only if the settings say so."""

running: set[int] = set()
"""Ids of the process groups of all servers that run; `end_all_groups` kills these."""


class ErrorTail:
    """The end of what a server writes to stderr. Shown to the person who checks the server, and nowhere else."""

    def __init__(self) -> None:
        self._data = b""

    def add(self, data: bytes) -> None:
        """Add output, and drop all but its end."""
        self._data = (self._data + data)[-ERROR_BYTES:]

    @property
    def text(self) -> str:
        """The end of the output."""
        return self._data.decode(errors="replace").strip()


@contextlib.asynccontextmanager
async def open_stdio(
    server: ServerDefinition, secrets: Secrets, limits: ReceiveLimits, errors: ErrorTail, on_end: Callable[[], None]
) -> AsyncIterator[Any]:
    """Start the program of `server`, and yield the streams of its messages; at the end, end its whole group.

    Args:
        server: the server.
        secrets: fills in its environment.
        limits: bounds what it sends.
        errors: gets what it writes to stderr.
        on_end: called when it sends nothing more.

    Raises:
        McpFailed: it cannot be started.
    """
    process = await _start(server, secrets)
    running.add(process.pid)
    arrive, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, leave = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process, arrive, limits, on_end)
            tasks.start_soon(_write, process, leave)
            tasks.start_soon(_drain_errors, process, errors)
            try:
                yield incoming, outgoing
            finally:
                with anyio.CancelScope(shield=True):
                    outgoing.close()
                    incoming.close()
                    await _end(process)
                tasks.cancel_scope.cancel()
    finally:
        _signal_group(process.pid, KILL)
        running.discard(process.pid)
        for stream in (arrive, incoming, outgoing, leave):
            stream.close()
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 (nothing public closes the pipes)


def end_all_groups() -> None:
    """Kill the process groups of all servers that run; called when the program ends."""
    for group in tuple(running):
        _signal_group(group, KILL)


KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
atexit.register(end_all_groups)


async def _start(server: ServerDefinition, secrets: Secrets) -> asyncio.subprocess.Process:
    """Start the program of `server` in the folder of `_choose_folder`, and return its process.

    Raises:
        McpFailed: it is not there, or does not start.
    """
    filled = await asyncio.to_thread(secrets.fill_in, server.env or {})
    usual = {name: value for name, value in list_inherited_variables(os.environ).items() if name not in SEARCH_PATHS}
    environment = usual | filled
    program = await asyncio.to_thread(_find_program, server.command, environment.get("PATH", ""))
    if program is None:
        raise McpFailed(
            f"The MCP server {server.name} cannot be started: there is no program {server.command}; name one on "
            "your PATH or an absolute path in `mcp.servers`."
        )
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *server.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=await asyncio.to_thread(_choose_folder),
            env=environment,
            limit=MESSAGE_BYTES,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise McpFailed(f"The MCP server {server.name} cannot be started ({reason}).") from error


def _choose_folder() -> str:
    """Return the home folder, in which servers run: in a workspace they might load a stranger's modules.

    Returns the root of the disk where there is no home folder.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 (pathlib's raises without a home)
    return home if os.path.isdir(home) else os.path.abspath(os.sep)  # noqa: PTH100, PTH112 (as above)


def _find_program(command: str, search_path: str) -> str | None:
    """Return the absolute path of a program; None if there is none.

    `command` is a name, looked for in the absolute folders of `search_path` alone, or an absolute path with `~` for the
    home folder: no program of a folder that this process happens to be in.
    """
    given = os.path.expanduser(command)  # noqa: PTH111 (as above)
    if os.path.dirname(given):  # noqa: PTH120 (a text of the settings)
        return shutil.which(given) if os.path.isabs(given) else None  # noqa: PTH117 (as above)
    for folder in filter(os.path.isabs, search_path.split(os.pathsep)):
        found = shutil.which(given, path=folder)
        if found and os.path.normcase(os.path.dirname(found)) == os.path.normcase(folder.rstrip(os.sep)):  # noqa: PTH120
            return found
    return None


async def _read(
    process: asyncio.subprocess.Process,
    arrive: Any,  # noqa: ANN401 (a stream of the package)
    limits: ReceiveLimits,
    on_end: Callable[[], None],
) -> None:
    """Pass each message on until the server sends no more; then call `on_end`. Kill its group if it exceeds a bound."""
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    try:
        while (line := await _read_line(process.stdout, limits)) and limits.add(len(line)):
            if not line.strip():
                continue
            try:
                message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                if not limits.add_invalid_line():
                    break
                continue
            await arrive.send(SessionMessage(message))
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        pass  # nobody reads any more, or the pipe broke
    finally:
        if limits.failure:
            _signal_group(process.pid, KILL)
        arrive.close()
        on_end()


async def _read_line(stream: asyncio.StreamReader, limits: ReceiveLimits) -> bytes:
    """Return the next line with its line break; b"" at the end, or if the line is incomplete or too long.

    A line that is too long is noted in `limits` as a failure.
    """
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return b""
    except asyncio.LimitOverrunError:
        limits.record_failure(f"it sends a message of more than {MESSAGE_BYTES / 1e6:.0f} MB")
        return b""


async def _write(process: asyncio.subprocess.Process, leave: Any) -> None:  # noqa: ANN401 (as above)
    """Write each message as a line; at the end close the server's input."""
    assert process.stdin is not None  # noqa: S101 (it is a pipe)
    with contextlib.suppress(anyio.ClosedResourceError, OSError):
        async for message in leave:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(f"{text}\n".encode())
            await process.stdin.drain()
    process.stdin.close()


async def _drain_errors(process: asyncio.subprocess.Process, errors: ErrorTail) -> None:
    """Read all of stderr, so that the server never waits for it, and keep its end."""
    assert process.stderr is not None  # noqa: S101 (it is a pipe)
    while data := await process.stderr.read(1 << 16):
        errors.add(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the server: close its input; send SIGTERM if it still runs after `GRACE_S`; then kill its whole group."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _wait(process):
        _signal_group(process.pid, signal.SIGTERM)
        await _wait(process)
    _signal_group(process.pid, KILL)
    await _wait(process)


async def _wait(process: asyncio.subprocess.Process) -> bool:
    """Wait for the end of the process, `GRACE_S` seconds at most; return whether it has ended.

    Polls, because `Process.wait` also waits for children of the server that hold its pipes.
    """
    for _ in range(int(GRACE_S / POLL_S)):
        if process.returncode is not None:
            return True
        await asyncio.sleep(POLL_S)
    return process.returncode is not None


def _signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; on Windows, end the process and its descendants."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            _kill_process_tree(group)
        else:
            os.killpg(group, number)


def _kill_process_tree(process: int) -> None:
    """Kill the process with the id `process` and its descendants, where there are no process groups."""
    import psutil  # noqa: PLC0415 (on Windows alone)

    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process)
        for one in (*parent.children(recursive=True), parent):
            with contextlib.suppress(psutil.Error):
                one.kill()
