"""One running MCP server: its start, its tools, calls, and its end. Start at `Connection`.

Runs on the event loop of `pool.ServerPool`. A server gets nothing but the arguments of calls: it may ask for no model,
no folders and no input of the person. What it says about the form of its results is not checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

import mcp_types as types
from mcp import Client
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter, ValidationError

from agents.ports.mcp_servers import McpFailed
from server.mcp_client import contents
from server.mcp_client.bounds import ReceiveLimits
from server.mcp_client.definitions import Secrets
from server.mcp_client.http import open_http
from server.mcp_client.stdio import ErrorTail, open_stdio
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agents.ports.mcp_servers import McpCall, McpResult, McpTools
    from server.mcp_client.definitions import ServerDefinition

START_S = 60.0
"""Longest start: a package may be downloaded first."""

CLOSE_S = 8.0
FRESH_S = 300.0
"""Seconds after which the tools are listed again; also after a server says that these have changed."""

MOST_PAGES = 20
LONGEST_ERROR = 300
UNAUTHORIZED = {401, 403}

Answer = TypeVar("Answer")
_RESULT: TypeAdapter[Any] = TypeAdapter(types.CallToolResult | types.InputRequiredResult)

for _name in ("mcp", "client"):  # the package logs what servers say
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Connection:
    """A server that is starting or running; on one event loop.

    Attributes:
        errors: the end of what it has written to stderr.
    """

    def __init__(self, server: ServerDefinition) -> None:
        self.errors = ErrorTail()
        self._server = server
        self._secrets = Secrets()
        self._limits = ReceiveLimits()
        self._client: Client | None = None
        self._tools: McpTools | None = None
        self._listed_at = 0.0
        self._listing = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, so not reported
        self._task = asyncio.create_task(self._run(), name=f"MCP server {server.name}")

    @property
    def description(self) -> str:
        """Name and version that the server gives itself, and the protocol's version: foreign text; "" if it is down."""
        if self._client is None:
            return ""
        info = self._client.server_info
        named = f"{info.name} {info.version}" if info is not None else "a server without a name"
        return f"{named}, protocol {self._client.protocol_version}"

    @property
    def is_ending(self) -> bool:
        """Whether the server has ended or is about to end, so that another connection has to be made."""
        return self._stopped.is_set() or self._task.done()

    async def wait_until_ready(self) -> None:
        """Wait until the server has started.

        Raises:
            McpFailed: it does not start, or takes too long; it is ended then.
        """
        try:
            async with asyncio.timeout(START_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            await self.close()
            raise McpFailed(f"{self._label()} did not start within {START_S:g} seconds.") from None

    async def list_tools(self) -> McpTools:
        """Return the server's tools; asks it again if the list is older than `FRESH_S` or the server reported a change.

        Raises:
            McpFailed: it does not answer.
        """
        async with self._listing:
            if self._tools is None or time.monotonic() - self._listed_at > FRESH_S:
                listed = await self._list_all()
                self._tools, self._listed_at = listed, time.monotonic()
            return self._tools

    async def call(self, call: McpCall) -> McpResult:
        """Call a tool, and return its result.

        Raises:
            McpFailed: the server does not answer, answers with an error of the protocol, or asks for more input.
        """
        request = types.CallToolRequest(
            params=types.CallToolRequestParams(name=call.tool, arguments=dict(call.arguments))
        )
        result = await self._ask(self._get_client().session.send_request(request, _RESULT))
        if isinstance(result, types.InputRequiredResult):
            raise McpFailed(f"{self._label()} asks for more than arguments, which Starling gives to no server.")
        return contents.read_result(result)

    async def close(self) -> None:
        """End the server, and wait for its end, `CLOSE_S` seconds at most."""
        self._stopped.set()
        if not self._ready.done():
            self._task.cancel()
        await asyncio.wait((self._task,), timeout=CLOSE_S)
        self._task.cancel()

    async def _run(self) -> None:
        """Start the server, and hold the connection until `close` is called or the server ends.

        Raises nothing: `_ready` gets the failure of a start.
        """
        failure = "it ended"
        try:
            async with Client(
                self._open(),
                client_info=types.Implementation(name="starling", version=VERSION),
                cache=None,
                message_handler=self._handle_notification,
                read_timeout_seconds=self._server.timeout_s,
            ) as client:
                self._client = client
                self._ready.set_result(None)
                listening = asyncio.create_task(self._listen(client))
                try:
                    await self._stopped.wait()
                finally:
                    listening.cancel()
        except asyncio.CancelledError:
            failure = "it was stopped"
        except BaseException as error:  # noqa: BLE001 (a foreign server's failure; it is told to who waits)
            failure = str(error) if isinstance(error, McpFailed) else self._explain(error)
        finally:
            self._client = None
            if not self._ready.done():
                told = failure if failure.startswith("The ") else f"{self._label()} did not start: {failure}."
                self._ready.set_exception(McpFailed(told))

    def _open(self) -> Any:  # noqa: ANN401 (a transport of the package)
        """Return the transport: HTTP for a server with an address, else stdin and stdout of its program."""
        if self._server.url:
            return self._open_address()
        return open_stdio(self._server, self._secrets, self._limits, self.errors, self._stopped.set)

    @contextlib.asynccontextmanager
    async def _open_address(self) -> Any:  # noqa: ANN401 (as above)
        """Yield the streams of a server with an address, once its headers are filled in."""
        headers = await asyncio.to_thread(self._secrets.fill_in, self._server.headers or {})
        async with open_http(self._server.url, headers, self._limits) as streams:
            yield streams

    async def _list_all(self) -> McpTools:
        """Return the tools of the pages that the server sends, up to `MOST_PAGES` pages or about `MOST_TOOLS` tools.

        Raises:
            McpFailed: the server does not answer.
        """
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = types.PaginatedRequestParams(cursor=cursor)
            page = await self._ask(self._get_client().session.list_tools(params=params))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > contents.MOST_TOOLS:
                break
        return contents.read_tools(found, is_whole=cursor is None)

    async def _ask(self, answer: Awaitable[Answer]) -> Answer:
        """Await and return the answer to one request, within the time of the settings.

        Ends the connection if the server was given up or has closed it.

        Raises:
            McpFailed: the request failed, or there is no answer in time.
        """
        self._limits.begin_request()
        try:
            async with asyncio.timeout(self._server.timeout_s + 1):
                return await answer
        except TimeoutError:
            raise McpFailed(f"{self._label()} did not answer within {self._server.timeout_s:g} seconds.") from None
        except Exception as error:
            if self._limits.failure or getattr(error, "code", None) == types.CONNECTION_CLOSED:
                self._stopped.set()
            raise McpFailed(f"{self._label()} failed: {self._explain(error)}.") from error

    def _explain(self, error: BaseException) -> str:
        """Return the reason of a failure, a clause without secrets."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if self._limits.failure:
            return self._limits.failure
        if self._limits.status in UNAUTHORIZED:
            return f"it refuses the login (HTTP status {self._limits.status}); set `headers` in `mcp.servers`"
        if self._limits.status:
            return f"it answers with the HTTP status {self._limits.status}"
        if isinstance(error, MCPError):
            return self._explain_mcp_error(error)
        if isinstance(error, ValidationError):
            return "its answer has another form than the protocol says"
        name = type(error).__name__
        return f"{self._server.url} cannot be reached ({name})" if self._server.url else name

    def _explain_mcp_error(self, error: MCPError) -> str:
        """Return why a request failed, a clause: a time-out, the end of the server, or its own error message."""
        if error.code == types.REQUEST_TIMEOUT:
            return f"it did not answer within {self._server.timeout_s:g} seconds"
        return "it ended" if error.code == types.CONNECTION_CLOSED else f"it says: {self._clean(error.message)}"

    def _clean(self, text: str) -> str:
        """Return a server's own words, cut, on one line and without the secrets that it was given."""
        return contents.join_lines(self._secrets.remove(text))[:LONGEST_ERROR].rstrip(".")

    async def _listen(self, client: Client) -> None:
        """Discard the list of tools each time a server of the newest protocol says that these have changed."""
        with contextlib.suppress(Exception):  # an older server tells it without being asked, see `_handle_notification`
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._tools = None

    async def _handle_notification(self, message: object) -> None:
        """Discard the list of tools when the server says that these have changed."""
        if isinstance(message, types.ToolListChangedNotification):
            self._tools = None

    def _get_client(self) -> Client:
        """Return the client.

        Raises:
            McpFailed: the server has ended.
        """
        if self._client is None:
            raise McpFailed(f"{self._label()} has ended.")
        return self._client

    def _label(self) -> str:
        """Return the name of the server for messages: "The MCP server NAME"."""
        return f"The MCP server {self._server.name}"
