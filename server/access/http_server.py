"""A small HTTP server for the endpoints of accounts: one request for each connection, everything bounded.

Bounds: connections in all and of one address, bytes of the head and the body, time for the request and the answer.
Parses with h11, knows no endpoint. Start at `HttpServer.handle_connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from server.access.addresses import find_address
from server.access.attempts import group_address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

logger = logging.getLogger(__name__)

MOST_HEAD_BYTES = 16_384
MOST_BODY_BYTES = 8_192
REQUEST_S = 10.0  # until the whole request has come
ANSWER_S = 30.0  # until the answer is sent
CLOSE_S = 2.0
MOST_CONNECTIONS = 200
MOST_OF_ADDRESS = 20
READ_BYTES = 16_384
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"connection", b"close"),
]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request.

    Attributes:
        method: the method, such as "GET".
        path: the path without the query.
        headers: the headers by name in small letters; of several with one name the last.
        body: the body.
        address: the address of the client.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    address: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer to a request.

    Attributes:
        status: the status.
        body: an object to send as JSON.
        headers: further headers.
    """

    status: int
    body: object
    headers: tuple[tuple[str, str], ...] = field(default=())


class HttpServer:
    """Serves requests on connections of asyncio; used on one event loop."""

    def __init__(self, answer: Callable[[HttpRequest], Awaitable[HttpAnswer]], *, behind_proxy: bool) -> None:
        """Store `answer`, which answers a request, and whether a reverse proxy names the clients' addresses."""
        self._answer = answer
        self._behind_proxy = behind_proxy
        self._open: Counter[str] = Counter()

    async def handle_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close the connection; close it at once if there are too many."""
        peer = group_address(find_address(writer, {}, behind_proxy=False))
        most = MOST_CONNECTIONS if self._behind_proxy else MOST_OF_ADDRESS  # all connections are the proxy's
        if self._open.total() >= MOST_CONNECTIONS or self._open[peer] >= most:
            writer.transport.abort()
            return
        self._open[peer] += 1
        try:
            with contextlib.suppress(OSError, TimeoutError):
                await self._serve(reader, writer)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), CLOSE_S)
        finally:
            writer.transport.abort()
            self._open[peer] -= 1
            if not self._open[peer]:
                del self._open[peer]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, and send its answer or an error; send nothing if the request does not come in time.

        Raises:
            OSError, TimeoutError: the connection has ended, or a time is over.
        """
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD_BYTES)
        try:
            async with asyncio.timeout(REQUEST_S):
                request = await self._read(connection, reader, writer)
        except h11.RemoteProtocolError as error:
            answer = HttpAnswer(error.error_status_hint, {"error": "invalid_request"})
        else:
            if request is None:
                return
            answer = request if isinstance(request, HttpAnswer) else await self._answer_safely(request)
        async with asyncio.timeout(ANSWER_S):
            await _send(connection, writer, answer)

    async def _answer_safely(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer to `request`; the status 500 or 503 if there is none, which is logged."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answer(request)
        except TimeoutError:
            return HttpAnswer(503, {"error": "temporarily_unavailable"})
        except Exception:  # BLE001 allows this because the error is logged; a request must not end the server
            logger.exception("a request for %s failed", request.path[:100])
            return HttpAnswer(500, {"error": "server_error"})

    async def _read(
        self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> HttpRequest | HttpAnswer | None:
        """Return the request, the answer to one with too large a body, or None if the client closes the connection.

        Raises:
            h11.RemoteProtocolError: it is no HTTP, or its head is too large.
        """
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
                connection.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MOST_BODY_BYTES:
                    return HttpAnswer(413, {"error": "invalid_request"})
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                address = find_address(writer, headers, behind_proxy=self._behind_proxy)
                path = head.target.decode("latin-1").partition("?")[0]
                return HttpRequest(head.method.decode("latin-1"), path, headers, bytes(body), address)
            else:  # the connection is closed
                return None


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, answer: HttpAnswer) -> None:
    """Send `answer`; nothing if the state of the connection does not allow that any more."""
    body = json.dumps(answer.body).encode()
    more = [(name.encode("ascii"), value.encode("latin-1")) for name, value in answer.headers]
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode()), *more]
    try:
        writer.write(connection.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
        writer.write(connection.send(h11.Data(data=body)) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
    except h11.LocalProtocolError:
        return
    await writer.drain()
