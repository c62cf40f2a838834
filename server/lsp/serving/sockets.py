"""Serving editors over TCP or WebSocket: each connection is a session of its own, for whoever knows the token.

Listens on the loopback interface unless `anywhere` says otherwise. Takes no WebSocket from a web page, nor under a name
that is not ours: a page's own name can be made to lead here. Start at `serve_tcp` and `serve_ws`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from models.local import allocator
from server.assembly import core
from server.lsp.language_server import StarlingServer, create_server
from server.lsp.serving import admission, lifetime, stdio, token_file
from server.lsp.serving.admission import Admission, Visitor
from server.lsp.serving.stdio import ServeError
from server.lsp.wire import framing, protocol, streams
from server.lsp.wire.framing import Frames, FramingError
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

logger = logging.getLogger(__name__)

HANDSHAKE_S = 5.0
BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and for whom.

    Attributes:
        host: address to listen on.
        port: 0 for any free one.
        anywhere: allow other machines to connect.
        token_file: where the token is kept from one start to the next; None for a new one in the runtime folder.
    """

    host: str
    port: int
    anywhere: bool = False
    token_file: Path | None = None


def serve_tcp(address: Address) -> NoReturn:
    """Serve editors that connect, until a signal ends us.

    Raises:
        ServeError: the address is not allowed or not free, or there can be no token.
    """
    _forever(address, _tcp)


def serve_ws(address: Address) -> NoReturn:
    """Serve editors that open a WebSocket; all else as for `serve_tcp`."""
    _forever(address, _ws)


def is_our_name(header: str, address: Address) -> bool:
    """Whether the `Host` of a request names this server as an editor would, and no name that leads here by chance.

    Names of others may lead to any address (DNS rebinding), so but for our own only numbers are taken.
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", address.host.lower()):
        return True
    try:
        number = ip_address(name)
    except ValueError:
        return False
    return address.anywhere or number.is_loopback


async def _tcp(address: Address, door: Admission) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _session(streams.SocketWriter(writer), door) as (server, visitor):
            await _until_exit(server, _receive(server, visitor, reader))
        await _closed(writer)

    listener = await asyncio.start_server(connected, address.host, address.port)
    async with listener:
        ended = _signalled()
        with _announced("tcp", listener.sockets[0].getsockname()[1], address, door):
            await ended


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Wait until what was written has gone; a client that does not read is not waited for."""
    try:
        async with asyncio.timeout(streams.DRAIN_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


async def _receive(server: StarlingServer, visitor: Visitor, reader: asyncio.StreamReader) -> None:
    frames = Frames(server.protocol.refuse_oversized, most=admission.MOST_BYTES)
    visitor.welcomed = lambda: setattr(frames, "max_body_bytes", framing.MAX_BODY_BYTES)
    try:
        while data := await reader.read(streams.READ_BYTES):
            for body in frames.feed(data):
                server.protocol.receive(body)
    except (OSError, FramingError) as error:
        await server.protocol.break_off(error)
    else:
        await server.protocol.end()


async def _ws(address: Address, door: Admission) -> None:
    from websockets.asyncio.server import serve as listen  # noqa: PLC0415 (only where WebSockets are served)

    async def connected(socket: ServerConnection) -> None:
        writer = streams.WebSocketWriter(socket)
        proven = socket.request is not None and door.knows(_bearer(socket.request))
        async with _session(writer, door, headers=False, proven=proven) as (server, visitor):
            await _until_exit(server, _receive_ws(server, visitor, socket))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), streams.DRAIN_S)

    async def checked(socket: ServerConnection, request: Request) -> Response | None:
        return await _refusal(socket, request, address, door)

    # browsers always send an Origin, editors none: no web page may talk to us
    async with listen(
        connected,
        address.host,
        address.port,
        origins=[None],
        process_request=checked,
        max_size=admission.MOST_BYTES,
        compression=None,  # on one machine it only costs
        open_timeout=HANDSHAKE_S,
    ) as listener:
        ended = _signalled()
        with _announced("ws", next(iter(listener.sockets)).getsockname()[1], address, door):
            await ended


async def _refusal(socket: ServerConnection, request: Request, address: Address, door: Admission) -> Response | None:
    """Return the answer to a request that gets no WebSocket, None for one that may."""
    names = request.headers.get_all("Host")
    if len(names) != 1 or not is_our_name(names[0], address):
        return socket.respond(HTTPStatus.FORBIDDEN, "Starling is not served under this name.\n")
    shown = _bearer(request)
    if shown is not None and not door.knows(shown):
        await asyncio.sleep(protocol.PENALTY_S)
        return socket.respond(HTTPStatus.UNAUTHORIZED, "The token is wrong.\n")
    return None


def _bearer(request: Request) -> str | None:
    """Return the token of a request's header, None for none."""
    shown = request.headers.get_all("Authorization")
    if not shown:
        return None
    return shown[0][len(BEARER) :].strip() if shown[0].lower().startswith(BEARER) else ""


async def _receive_ws(server: StarlingServer, visitor: Visitor, socket: ServerConnection) -> None:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 (only where WebSockets are served)

    visitor.welcomed = lambda: setattr(socket.protocol, "max_message_size", framing.MAX_BODY_BYTES)
    with contextlib.suppress(ConnectionClosed):  # a message that is too long ends it too, and says so
        async for message in socket:
            server.protocol.receive(message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass"))
    await server.protocol.end()


@contextlib.asynccontextmanager
async def _session(
    writer: streams.SocketWriter | streams.WebSocketWriter,
    door: Admission,
    *,
    headers: bool = True,
    proven: bool = False,
) -> AsyncIterator[tuple[StarlingServer, Visitor]]:
    """Yield a server for one connection, which waits to be admitted; everything of it is gone afterwards."""
    server = create_server(stdio.logging_built(core.build))
    server.exit_status = asyncio.get_running_loop().create_future()
    server.session.on_loaded = stdio.settle
    server.protocol.set_writer(writer, include_headers=headers)
    visitor = door.arrive(lambda reason: server.protocol.turn_away(None, reason), proven=proven)
    server.protocol.admission = visitor.examine
    try:
        yield server, visitor
    finally:
        visitor.gone()
        await server.session.close()
        writer.close()
        asyncio.get_running_loop().call_later(streams.DRAIN_S, _clean)


def _clean() -> None:
    """Give the system back what a session held: it is full of cycles, and glibc keeps what is freed in pieces."""
    gc.collect()
    allocator.note_work()


async def _until_exit(server: StarlingServer, receiving: Awaitable[None]) -> None:
    """Wait until the client says `exit` or is gone."""
    assert server.exit_status is not None  # noqa: S101 (`_session` set it)
    reading = asyncio.ensure_future(receiving)
    await asyncio.wait((reading, server.exit_status), return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


def _signalled() -> asyncio.Future[None]:
    """Return what is done once a signal asks us to end; from then on we have little time."""
    ended = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not ended.done():
            lifetime.end_by()
            ended.set_result(None)

    lifetime.on_signals(end)
    return ended


@contextlib.contextmanager
def _announced(scheme: str, port: int, address: Address, door: Admission) -> Iterator[None]:
    """Say where the server listens and where its token is; a file that nobody named goes with the server.

    This goes to standard error and not to the log, which is kept and has other readers.
    """
    file = address.token_file
    if file is None and (folder := paths.writable(paths.run_dir()).path) is not None:
        file = folder / f"serve-{port}.token"
    if file is not None and door.is_new:
        token_file.write(file, door.token)
    host = f"[{address.host}]" if ":" in address.host else address.host
    said = [f"starling: listening on {scheme}://{host}:{port}"]
    said += [f"starling: the token is {door.token}"] if door.is_new else []
    said += [f"starling: the token is in {file}"] if file is not None else []
    sys.stderr.write("\n".join([*said, ""]))
    sys.stderr.flush()
    try:
        yield
    finally:
        if file is not None and address.token_file is None:
            token_file.remove(file, door.token)


def _forever(address: Address, serving: Callable[[Address, Admission], Coroutine[Any, Any, None]]) -> NoReturn:
    _check(address)
    try:
        token = token_file.read(address.token_file) if address.token_file is not None else None
        door = Admission(token or token_file.new(), is_new=token is None)
        stdio.stay_quick()
        allocator.bound()
        asyncio.run(serving(address, door))
    except token_file.TokenFileError as error:
        raise ServeError(str(error)) from error
    except OSError as error:
        raise ServeError(f"cannot listen: {error.strerror or error}; choose another port") from error
    lifetime.end(0)


def _check(address: Address) -> None:
    try:
        loopback = address.host == "localhost" or ip_address(address.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not address.anywhere:
        raise ServeError(f"{address.host} can be reached from other machines; use 127.0.0.1")
