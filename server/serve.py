"""Serving editors: over standard input and output, TCP, or WebSocket.

Over stdio one editor, whose end is ours. Over TCP and WebSocket each connection is a session of its own, and the
process stays until it is told to end. Listens on the loopback interface unless `anywhere` says otherwise, and takes no
WebSocket from a web page: whoever connects may read the workspace. Start at `serve_stdio`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from server import core, lifetime, streams
from server.app import create_server
from server.framing import Frames, FramingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection

    from server.app import StarlingServer
    from server.core import Builder

logger = logging.getLogger(__name__)

SWITCH_S = 0.0005


class ServeError(Exception):
    """The address cannot be served; the message says why and what to do."""


def serve_stdio(build: Builder = core.build) -> NoReturn:
    """Serve the editor that started us, then end the process; `build` makes the session's core."""
    reading, writing = streams.claim_stdio()
    _stay_quick()
    status = asyncio.run(_stdio(reading, writing, build))
    lifetime.end(status)


def serve_tcp(host: str, port: int, *, anywhere: bool = False, ready: Callable[[int], None] | None = None) -> NoReturn:
    """Serve editors that connect to `host:port`, until a signal ends us.

    Args:
        host: address to listen on.
        port: 0 for any free one.
        anywhere: allow other machines to connect.
        ready: called with the port once it listens.

    Raises:
        ServeError: the address is not allowed or not free.
    """
    _check(host, anywhere=anywhere)
    _forever(_tcp(host, port, ready or _announced("tcp", host)))


def serve_ws(host: str, port: int, *, anywhere: bool = False, ready: Callable[[int], None] | None = None) -> NoReturn:
    """Serve editors that open a WebSocket to `host:port`; all else as for `serve_tcp`."""
    _check(host, anywhere=anywhere)
    _forever(_ws(host, port, ready or _announced("ws", host)))


def logging_built(build: Builder) -> Builder:
    """`build`, and the process's log as the settings of the newest core say."""

    def built(roots: Sequence[Path], options: object, old: core.Core | None) -> core.Core:
        from server import log, paths  # noqa: PLC0415 (structlog, after `initialize`)

        new = build(roots, options, old)
        if old is None or old.settings.log != new.settings.log:
            problem = log.configure(new.settings.log, paths.log_dir())
            new = replace(new, problems=(*new.problems, *filter(None, [problem])))
        return new

    return built


async def _stdio(reading: int, writing: int, build: Builder) -> int:
    server = create_server(logging_built(build))
    loop = asyncio.get_running_loop()
    server.exit_status = loop.create_future()
    writer = streams.DescriptorWriter(writing, broken=lambda: server.stop(1))
    server.protocol.set_writer(writer)
    server.session.on_loaded = _settle
    server.session.on_begin = lambda: lifetime.on_death(server.session.client.process, lambda: server.stop(1))
    streams.read_in_thread(reading, server.protocol.receive, lambda: server.stop(1))
    lifetime.on_signals(lambda: server.stop(0))
    status = await server.exit_status
    lifetime.end_by()
    await server.session.close()
    writer.close()
    return status


async def _tcp(host: str, port: int, ready: Callable[[int], None]) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _session(streams.SocketWriter(writer)) as server:
            await _until_exit(server, _receive(server, reader))
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(connected, host, port)
    ready(listener.sockets[0].getsockname()[1])
    async with listener:
        await _until_signal()


async def _receive(server: StarlingServer, reader: asyncio.StreamReader) -> None:
    frames = Frames()
    try:
        while data := await reader.read(streams.READ_BYTES):
            for body in frames.feed(data):
                server.protocol.receive(body)
    except (OSError, FramingError) as error:
        logger.warning("the connection cannot go on: %s", error)


async def _ws(host: str, port: int, ready: Callable[[int], None]) -> None:
    from websockets.asyncio.server import serve  # noqa: PLC0415 (only where WebSockets are served)

    async def connected(socket: ServerConnection) -> None:
        writer = streams.WebSocketWriter(socket)
        async with _session(writer, headers=False) as server:
            await _until_exit(server, _receive_ws(server, socket))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), streams.DRAIN_S)

    # browsers always send an Origin, editors none: no web page may talk to us
    async with serve(connected, host, port, origins=[None], max_size=None) as listener:
        ready(next(iter(listener.sockets)).getsockname()[1])
        await _until_signal()


async def _receive_ws(server: StarlingServer, socket: ServerConnection) -> None:
    async for message in socket:
        server.protocol.receive(message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass"))


@contextlib.asynccontextmanager
async def _session(
    writer: streams.SocketWriter | streams.WebSocketWriter, *, headers: bool = True
) -> AsyncIterator[StarlingServer]:
    server = create_server(logging_built(core.build))
    server.exit_status = asyncio.get_running_loop().create_future()
    server.session.on_loaded = _settle
    server.protocol.set_writer(writer, include_headers=headers)
    try:
        yield server
    finally:
        await server.session.close()
        writer.close()


async def _until_exit(server: StarlingServer, receiving: Awaitable[None]) -> None:
    """Until the client says `exit` or is gone."""
    assert server.exit_status is not None  # noqa: S101 (`_session` set it)
    reading = asyncio.ensure_future(receiving)
    await asyncio.wait((reading, server.exit_status), return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()


async def _until_signal() -> None:
    ended = asyncio.get_running_loop().create_future()
    lifetime.on_signals(lambda: None if ended.done() else ended.set_result(None))
    await ended
    lifetime.end_by()


def _forever(serving: Awaitable[None]) -> NoReturn:
    async def run() -> None:
        await serving

    _stay_quick()
    try:
        asyncio.run(run())
    except OSError as error:
        raise ServeError(f"cannot listen: {error.strerror or error}; choose another port") from error
    lifetime.end(0)


def _stay_quick() -> None:
    """Look for garbage in cycles less often, and change threads more often: both come in the middle of a key.

    A look takes up to milliseconds. A key goes through four threads, and each change waits until whatever is analysed
    or reviewed meanwhile has had its turn, which is five milliseconds unless told otherwise.
    """
    gc.set_threshold(10_000, 20, 20)
    gc.freeze()  # what was imported is not looked through before the answer to `initialize`, for which that is 30 ms
    gc.enable()  # `server.cli.serve` holds it off until here
    sys.setswitchinterval(SWITCH_S)


@functools.cache  # once: a later session's objects go with it
def _settle() -> None:
    """What is loaded once stays: it is not to be looked through for garbage again, which takes 25 ms."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _check(host: str, *, anywhere: bool) -> None:
    from ipaddress import ip_address  # noqa: PLC0415 (not needed over stdio)

    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not anywhere:
        raise ServeError(f"{host} can be reached from other machines, which could read your code; use 127.0.0.1")


def _announced(scheme: str, host: str) -> Callable[[int], None]:
    return lambda port: logger.warning("listening on %s://%s:%d", scheme, host, port)
