"""All MCP servers of a workspace: each is started when it is first needed, and ended with the pool.

Runs on an event loop of its own, in a thread that the first use starts; so sessions on any loop share the servers, and
importing the package `mcp` disturbs none. Implements `agents.ports.mcp_servers.McpServers`. Start at `ServerPool`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from agents.ports.mcp_servers import McpFailed, McpServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from agents.ports.mcp_servers import Cancelled, McpCall, McpResult, McpTools
    from server.mcp_client.connection import Connection
    from server.mcp_client.definitions import ServerDefinition

POLL_S = 0.05
RETRY_S = 20.0
"""Seconds in which a server that did not start is not started again."""

CLOSE_S = 10.0
MISSING = (
    "MCP servers need the package mcp, which is not installed; install Starling with the extra: uv tool install "
    "'.[mcp]' in its repository."
)

Answer = TypeVar("Answer")


class ServerPool:
    """The servers of one workspace. Thread-safe.

    Attributes:
        definitions: the servers that may be used, by name.
    """

    def __init__(self, definitions: Iterable[ServerDefinition]) -> None:
        self.definitions = {one.name: one for one in definitions}
        self._connections: dict[str, Connection] = {}
        self._failed: dict[str, tuple[float, str]] = {}  # when and why a server did not start
        self._starting: dict[str, asyncio.Lock] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def servers(self) -> tuple[McpServer, ...]:
        """All servers that may be used, whether they run or not."""
        return tuple(McpServer(one.name, one.location, one.about) for one in self.definitions.values())

    async def list_tools(self, server: str, *, cancelled: Cancelled = lambda: False) -> McpTools:
        """Return the tools of a server, perhaps of an earlier listing; starts the server if it does not run.

        Raises:
            McpFailed: there is no such server, it does not start or answer, or `cancelled` returned true.
        """
        return await self._use(server, lambda connection: connection.list_tools(), cancelled)

    async def call(self, call: McpCall, *, cancelled: Cancelled = lambda: False) -> McpResult:
        """Call a tool, and return its result; asks nobody.

        Raises:
            McpFailed: there is no such server, it does not start or answer, or `cancelled` returned true.
        """
        return await self._use(call.server, lambda connection: connection.call(call), cancelled)

    async def describe(self, server: str) -> str:
        """Return the name and version that a server gives itself, a foreign text; starts it if it does not run.

        Raises:
            McpFailed: there is no such server, or it does not start.
        """

        async def read(connection: Connection) -> str:
            """Return the description of a server."""
            return connection.description

        return await self._use(server, read, lambda: False)

    def read_errors(self, server: str) -> str:
        """Return the end of what a server has written to stderr, for the person alone; "" if there is nothing."""
        connection = self._connections.get(server)
        return connection.errors.text if connection is not None else ""

    def close(self) -> None:
        """End all servers and the thread, and wait for that, `CLOSE_S` seconds at most. Idempotent."""
        with self._lock:
            self._closed = True
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._shut_down(), loop)
            thread.join(CLOSE_S)

    async def _use(self, server: str, work: Callable[[Connection], Awaitable[Answer]], cancelled: Cancelled) -> Answer:
        """Return the result of `work` with the connection to a server, run on the pool's own loop.

        Raises:
            McpFailed: there is no such server, it does not start or answer, or `cancelled` returned true.
        """
        if server not in self.definitions:
            raise McpFailed(f"There is no MCP server {server[:100]!r}; there are: {', '.join(self.definitions)}.")

        loop = self._start_loop()

        async def run() -> Answer:
            """Return the result of `work`, on the pool's loop."""
            return await work(await self._connect(server))

        running = asyncio.run_coroutine_threadsafe(run(), loop)
        waiting = asyncio.wrap_future(running)
        try:
            while not (await asyncio.wait((waiting,), timeout=POLL_S))[0]:
                if cancelled():
                    raise McpFailed("The call was stopped because the request was cancelled.")
            return waiting.result()
        finally:
            waiting.cancel()

    async def _connect(self, server: str) -> Connection:
        """Return the connection to a server, which is started if it does not run. On the pool's loop.

        Raises:
            McpFailed: it does not start, or did not within the last `RETRY_S` seconds.
        """
        async with self._starting.setdefault(server, asyncio.Lock()):
            connection = self._connections.get(server)
            if connection is not None and connection.is_ending:
                await connection.close()
                connection = None
            if connection is None:
                since, reason = self._failed.get(server, (0.0, ""))
                if reason and time.monotonic() - since < RETRY_S:
                    raise McpFailed(reason)
                connection = self._connections[server] = _make_connection(self.definitions[server])
            try:
                await connection.wait_until_ready()
            except McpFailed as error:
                self._failed[server] = (time.monotonic(), str(error))
                raise
            return connection

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        """Return the pool's event loop; start it on a thread at the first call.

        Raises:
            McpFailed: the package is not installed, or the pool was closed.
        """
        if importlib.util.find_spec("mcp") is None:
            raise McpFailed(MISSING)
        with self._lock:
            if self._closed:
                raise McpFailed("The MCP servers were ended, because this workspace is closed.")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), name="mcp", daemon=True)
                self._thread.start()
            return self._loop

    async def _shut_down(self) -> None:
        """End all servers and tasks, and stop the loop. On the pool's loop."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(one.close() for one in self._connections.values()), return_exceptions=True)
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await loop.shutdown_default_executor()
        loop.stop()


def _make_connection(server: ServerDefinition) -> Connection:
    """Import the package, and return a connection whose server begins to start."""
    from server.mcp_client.connection import Connection  # noqa: PLC0415 (an extra, imported where a server is used)

    return Connection(server)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Run `loop` on this thread until it is stopped, and close it."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
