"""Serving editors over TCP or WebSocket: each connection is a separate session, admitted with the token.

Listens on the loopback interface unless `Address.anywhere` is set, which needs accounts and TLS. Refuses WebSockets
from web pages; without accounts also those under foreign host names, which may be made to lead here (DNS rebinding).
Start at `serve_tcp` and `serve_ws`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from models.local import allocator
from server.access.addresses import FORWARDED, choose_address, find_address
from server.access.encryption import TlsError
from server.access.records import TokenRefused, TokenUncheckedError
from server.assembly import core
from server.lsp.language_server import StarlingServer, create_server
from server.lsp.serving import admission, lifetime, stdio, token_file
from server.lsp.serving.admission import Admission, Arrival, ConnectionAdmission
from server.lsp.serving.login_listener import make_tls, make_visitors, read_access_settings, serve_logins
from server.lsp.serving.stdio import ServeError
from server.lsp.wire import framing, protocol, streams
from server.lsp.wire.framing import Frames, FramingError
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

    from server.access.identities import Identity
    from server.lsp.serving.address import Address

logger = logging.getLogger(__name__)

HANDSHAKE_S = 5.0
BEARER = "bearer "
SUBPROTOCOL = "lsp"
NEEDS_ACCOUNTS = (
    "Other machines can connect only with accounts: add --login HOST:PORT, where people log in, or set `access.issuer`"
)


def serve_tcp(address: Address) -> NoReturn:
    """Serve editors over TCP until a signal, then end the process.

    Raises:
        ServeError: the address is not allowed or not free, or the token file cannot be read or written.
    """
    _serve_until_signal(address, _listen_tcp)


def serve_ws(address: Address) -> NoReturn:
    """Serve editors over WebSocket until a signal, then end the process. Raises as `serve_tcp`."""
    _serve_until_signal(address, _listen_ws)


def names_this_server(header: str, address: Address) -> bool:
    """Return whether `header`, the `Host` of a request, names this server as an editor would.

    Accepts "localhost", the configured host and loopback IP addresses (with `anywhere` all IP addresses). Other names
    may lead to any address (DNS rebinding) and are refused.
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


async def _listen_tcp(address: Address, control: Admission) -> None:
    """Serve each TCP connection as a session of its own, until a signal."""

    async def handle_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection as a session, until it is closed."""
        peer = find_address(writer, {}, behind_proxy=False)
        async with _open_session(streams.SocketWriter(writer), control, Arrival(peer=peer)) as (server, connection):
            await receive_until_exit(server, _receive(server, connection, reader))
        await _wait_until_closed(writer)

    tls = make_tls(address)
    listener = await asyncio.start_server(
        handle_connection, address.host, address.port, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S if tls else None
    )
    async with listener, serve_logins(address, control, tls):
        ended = _watch_signals()
        with _announce("tcp" if tls is None else "tls", listener.sockets[0].getsockname()[1], address, control):
            await ended


async def _wait_until_closed(writer: asyncio.StreamWriter) -> None:
    """Wait at most `DRAIN_S` seconds until all is sent and the connection is closed; abort it if it is not."""
    try:
        async with asyncio.timeout(streams.DRAIN_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


async def _receive(server: StarlingServer, connection: ConnectionAdmission, reader: asyncio.StreamReader) -> None:
    """Hand all messages of a TCP connection to the protocol; end the session at the end of input or on an error."""
    frames = Frames(server.protocol.refuse_oversized, max_body_bytes=admission.MOST_BYTES)
    connection.on_admitted = lambda: setattr(frames, "max_body_bytes", framing.MAX_BODY_BYTES)
    try:
        while data := await reader.read(streams.READ_BYTES):
            for body in frames.feed(data):
                if server.protocol.admission is not None:
                    await connection.prepare(body)
                server.protocol.receive(body)
    except (OSError, FramingError) as error:
        await server.protocol.end_after_error(error)
    else:
        await server.protocol.end()


async def _listen_ws(address: Address, control: Admission) -> None:
    """Serve each WebSocket as a session of its own, until a signal."""
    from websockets.asyncio.server import serve as listen  # noqa: PLC0415 (only where WebSockets are served)

    async def handle_connection(socket: ServerConnection) -> None:
        """Serve one WebSocket as a session, until it is closed."""
        writer = streams.WebSocketWriter(socket)
        proven = socket.request is not None and control.is_token(_read_bearer(socket.request))
        arrival = Arrival(proven, identities.pop(socket, None), _find_peer(socket, address))
        async with _open_session(writer, control, arrival, headers=False) as (server, connection):
            await receive_until_exit(server, _receive_ws(server, connection, socket))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), streams.DRAIN_S)

    async def check_request(socket: ServerConnection, request: Request) -> Response | None:
        """Return the HTTP error for a request, None to accept it; keep the account of its access token."""
        if control.visitors is None:
            return await _find_refusal(socket, request, address, control)
        shown = _read_bearer(request)
        if shown is None:
            return None  # the client may send the token in `initialize`
        try:
            identities[socket] = await control.visitors.identify(shown, _find_peer(socket, address, request))
        except TokenRefused as error:
            await asyncio.sleep(protocol.PENALTY_S)
            is_later = isinstance(error, TokenUncheckedError)
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE if is_later else HTTPStatus.UNAUTHORIZED, f"{error}\n")
        return None

    def choose_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Return the one subprotocol of this server if the client offers it, else None."""
        return next((one for one in offered if one == SUBPROTOCOL), None)

    identities: WeakKeyDictionary[ServerConnection, Identity] = WeakKeyDictionary()
    tls = make_tls(address)

    # browsers always send an Origin, editors none, so that no web page can connect
    async with (
        listen(
            handle_connection,
            address.host,
            address.port,
            origins=[None],
            process_request=check_request,
            max_size=admission.MOST_BYTES,
            compression=None,  # costs more than it saves on one machine
            open_timeout=HANDSHAKE_S + protocol.PENALTY_S,
            select_subprotocol=choose_subprotocol,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_S if tls else None,
        ) as listener,
        serve_logins(address, control, tls),
    ):
        ended = _watch_signals()
        with _announce("ws" if tls is None else "wss", next(iter(listener.sockets)).getsockname()[1], address, control):
            await ended


async def _find_refusal(
    socket: ServerConnection, request: Request, address: Address, control: Admission
) -> Response | None:
    """Return the HTTP error for a request with a foreign host name or a wrong token; None for an acceptable one.

    A request without a token is acceptable here, because the client may send the token in `initialize`. The error for a
    wrong token is delayed by `PENALTY_S`.
    """
    names = request.headers.get_all("Host")
    if len(names) != 1 or not names_this_server(names[0], address):
        return socket.respond(HTTPStatus.FORBIDDEN, "Starling is not served under this name.\n")
    shown = _read_bearer(request)
    if shown is not None and not control.is_token(shown):
        await asyncio.sleep(protocol.PENALTY_S)
        return socket.respond(HTTPStatus.UNAUTHORIZED, "The token is wrong.\n")
    return None


def _find_peer(socket: ServerConnection, address: Address, request: Request | None = None) -> str:
    """Return the address of the client of a WebSocket, behind a proxy the one that the proxy has added."""
    found = request or socket.request
    forwarded = found.headers.get_all(FORWARDED) if found is not None else []
    peer = socket.remote_address
    headers = {FORWARDED: forwarded[-1]} if forwarded else {}
    return choose_address(str(peer[0]) if peer else "", headers, behind_proxy=address.behind_proxy)


def _read_bearer(request: Request) -> str | None:
    """Return the token in the request's `Authorization` header; None without that header, "" for other schemes."""
    shown = request.headers.get_all("Authorization")
    if not shown:
        return None
    return shown[0][len(BEARER) :].strip() if shown[0].lower().startswith(BEARER) else ""


async def _receive_ws(server: StarlingServer, connection: ConnectionAdmission, socket: ServerConnection) -> None:
    """Hand all messages of a WebSocket to the protocol; end the session when the connection ends."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 (only where WebSockets are served)

    connection.on_admitted = lambda: setattr(socket.protocol, "max_message_size", framing.MAX_BODY_BYTES)
    with contextlib.suppress(ConnectionClosed):  # also after a message that is too long, with that reason
        async for message in socket:
            body = message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")
            if server.protocol.admission is not None:
                await connection.prepare(body)
            server.protocol.receive(body)
    await server.protocol.end()


@contextlib.asynccontextmanager
async def _open_session(
    writer: streams.SocketWriter | streams.WebSocketWriter,
    control: Admission,
    arrival: Arrival,
    *,
    headers: bool = True,
) -> AsyncIterator[tuple[StarlingServer, ConnectionAdmission]]:
    """Yield a server for one connection, and the connection's admission; close both at the end.

    Args:
        writer: sends messages to the client.
        control: the admission control.
        arrival: what is known of the connection.
        headers: whether messages have a `Content-Length` header.
    """
    server = create_server(stdio.wrap_with_logging(core.build))
    server.exit_status = asyncio.get_running_loop().create_future()
    server.session.on_loaded = stdio.freeze_loaded_objects
    server.protocol.set_writer(writer, include_headers=headers)
    connection = control.register(lambda reason: server.protocol.reject_client(None, reason), arrival)
    connection.on_visit = lambda visit: setattr(server.session, "visit", visit)
    server.protocol.admission = connection.admit
    try:
        yield server, connection
    finally:
        connection.release()
        await server.session.close()
        writer.close()
        asyncio.get_running_loop().call_later(streams.DRAIN_S, free_memory)


def free_memory() -> None:
    """Collect the reference cycles of a closed session, and request that free memory is returned to the system."""
    gc.collect()
    allocator.note_work()


async def receive_until_exit(server: StarlingServer, receiving: Awaitable[None]) -> None:
    """Run `receiving` until the connection is closed or the client sends `exit`; raises its errors."""
    assert server.exit_status is not None  # noqa: S101 (`_open_session` sets it)
    reading = asyncio.ensure_future(receiving)
    await asyncio.wait((reading, server.exit_status), return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


def _watch_signals() -> asyncio.Future[None]:
    """Return a future that is done after SIGTERM or SIGINT; the signal also sets the deadline for ending."""
    ended = asyncio.get_running_loop().create_future()

    def end() -> None:
        """Set the deadline and complete the future; only the first call has an effect."""
        if not ended.done():
            lifetime.set_deadline()
            ended.set_result(None)

    lifetime.call_on_signals(end)
    return ended


@contextlib.contextmanager
def _announce(scheme: str, port: int, address: Address, control: Admission) -> Iterator[None]:
    """Write a new token to its file, and print the address, the new token and the file; delete the file at the end.

    A file that the user named is not deleted; a token that was read from it is neither written nor printed. Prints to
    standard error and not to the log, which is kept and may have other readers.
    """
    file = address.token_file
    if control.token and file is None and (folder := paths.ensure_writable(paths.run_dir()).path) is not None:
        file = folder / f"serve-{port}.token"
    if file is not None and control.is_new:
        token_file.write(file, control.token)
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"starling: listening on {scheme}://{host}:{port}"]
    lines += [f"starling: the token is {control.token}"] if control.is_new and control.token else []
    lines += [f"starling: the token is in {file}"] if file is not None else []
    sys.stderr.write("\n".join([*lines, ""]))
    sys.stderr.flush()
    try:
        yield
    finally:
        if file is not None and address.token_file is None:
            token_file.remove(file, control.token)


def _serve_until_signal(
    address: Address, serving: Callable[[Address, Admission], Coroutine[Any, Any, None]]
) -> NoReturn:
    """Check the address, prepare the token, run `serving` and end the process. Raises ServeError."""
    _check_address(address)
    try:
        control = _make_admission(address)
        stdio.tune_for_latency()
        allocator.limit_memory()
        asyncio.run(serving(address, control))
    except (token_file.TokenFileError, TlsError) as error:
        raise ServeError(str(error)) from error
    except OSError as error:
        raise ServeError(f"cannot listen: {error.strerror or error}; choose another port") from error
    lifetime.end(0)


def _check_address(address: Address) -> None:
    """Raise ServeError unless other machines are allowed to connect or the address is a loopback one.

    Host names other than "localhost" count as addresses that other machines can reach.
    """
    try:
        loopback = address.host == "localhost" or ip_address(address.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not address.anywhere:
        raise ServeError(f"{address.host} can be reached from other machines; use 127.0.0.1")
    if not loopback and address.certificate is None and not address.behind_proxy:
        raise ServeError(f"{address.host} can be reached from other machines; give a certificate for TLS")


def _make_admission(address: Address) -> Admission:
    """Return the admission control for `address`: by accounts if people can log in, else by a token.

    Raises:
        ServeError: other machines can connect and there are no accounts, or packages for accounts are missing.
        TokenFileError: the token file cannot be read.
    """
    alone = address.login is None and not address.anywhere and not address.behind_proxy
    issuer = read_access_settings(alone=alone).issuer
    if address.login is None and not issuer:
        if address.anywhere or address.behind_proxy:
            raise ServeError(NEEDS_ACCOUNTS)
        token = token_file.read(address.token_file) if address.token_file is not None else None
        return Admission(token or token_file.generate(), is_new=token is None)
    if address.token_file is not None:
        raise ServeError("a server with accounts has no token; leave --token-file out")
    return Admission("", visitors=make_visitors(logs_in=address.login is not None))
