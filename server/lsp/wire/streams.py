"""How bytes come and go: standard input and output, and writers that never hold up the event loop.

Standard output belongs to the protocol alone: `claim_stdio` takes it away from everything else in the process, so a
library that prints, or a child that writes, reaches standard error. Start at `claim_stdio`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable  # noqa: TC003 (of a record's fields)
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from server.lsp.wire.framing import Frames, FramingError

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)

UNREAD = "the client has stopped reading; the connection ends"

READ_BYTES = 1 << 20
DRAIN_S = 2.0
MOST_UNREAD_BYTES = 1 << 25  # sent and not read yet; a client so far behind has stopped reading for good
MOST_AHEAD_BYTES = 1 << 24  # read and not handled yet
MESSAGE_BYTES = 1 << 10  # what a small message takes while it waits


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who takes what is read, on the event loop.

    Attributes:
        message: takes one message's body.
        oversized: takes the length of a message that was too long to be read.
        ended: takes the end of input, with what is wrong with it, None for nothing.
    """

    message: Callable[[bytes], None]
    oversized: Callable[[int], None]
    ended: Callable[[Exception | None], None]


def claim_stdio() -> tuple[int, int]:
    """Private descriptors of standard input and output; from now on 0 is empty and 1 is standard error."""
    sys.stdout.flush()
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (exists there only)

        msvcrt.setmode(reading, os.O_BINARY)
        msvcrt.setmode(writing, os.O_BINARY)
    return reading, writing


def read_in_thread(descriptor: int, received: Receiver) -> None:
    """Hand what comes to `received` on the running event loop, in order, and read no further ahead than is bearable."""
    loop = asyncio.get_running_loop()
    ahead = _Ahead()

    def handle(body: bytes) -> None:
        try:
            received.message(body)
        finally:
            ahead.taken(body)

    def read() -> None:
        frames = Frames(lambda length: _tell(loop, received.oversized, length))
        problem: Exception | None = None
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            try:
                while data := os.read(descriptor, READ_BYTES):
                    for body in frames.feed(data):
                        ahead.add(body)
                        loop.call_soon_threadsafe(handle, body)
            except (OSError, FramingError) as error:
                problem = error
            loop.call_soon_threadsafe(received.ended, problem)

    threading.Thread(target=read, name="reader", daemon=True).start()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[int], None], length: int) -> None:
    loop.call_soon_threadsafe(call, length)


class DescriptorWriter:
    """pygls' writer over a file descriptor, with its own thread: a client that does not read blocks nobody.

    `broken` is called on the event loop when the client's end is closed, or it has not read for too long.
    """

    def __init__(self, descriptor: int, broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._unread = _Unread(self._end)
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Send after what was sent before."""
        if self._unread.add(data):
            self._queue.put(data)

    def close(self) -> None:
        """Send what is left, if the client still reads."""
        self._queue.put(None)
        self._thread.join(DRAIN_S)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._broken)  # any thread may send

    def _write(self) -> None:
        while (data := self._queue.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
                self._unread.taken(data)
            except OSError as error:
                logger.warning("the client reads no more: %s", error)
                with contextlib.suppress(RuntimeError):  # the loop has ended before us
                    self._loop.call_soon_threadsafe(self._broken)
                return


class SocketWriter:
    """pygls' writer over a TCP connection; asyncio keeps what the client has not read yet."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Send after what was sent before."""
        if self._stream.is_closing():
            return
        if self._stream.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            logger.warning(UNREAD)
            self._stream.transport.abort()
            return
        self._stream.write(data)

    def close(self) -> None:
        """Send what is left, then close."""
        self._stream.close()


class WebSocketWriter:
    """pygls' writer over a WebSocket: text frames, as browsers expect, one after the other."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = _Unread(self._give_up)
        self._sending = asyncio.ensure_future(self._send())

    def write(self, data: bytes) -> None:
        """Send after what was sent before."""
        if self._unread.add(data):
            self._queue.put_nowait(data)

    def close(self) -> None:
        """Stop sending; the connection is closed by whoever serves it."""
        self._sending.cancel()

    async def drain(self) -> None:
        """Wait until all is sent."""
        await self._queue.join()

    async def _send(self) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 (only where WebSockets are served)

        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await self._queue.get()
                await self._socket.send(data.decode())
                self._unread.taken(data)
                self._queue.task_done()

    def _give_up(self) -> None:
        self._sending.cancel()
        self._socket.transport.abort()


class _Ahead:
    """How much was read and is not handled yet; the reading thread waits while that is too much."""

    def __init__(self) -> None:
        self.held = 0
        self._room = threading.Condition()

    def add(self, body: bytes) -> None:
        """Count a body that is to be handled, once there is room for it."""
        with self._room:
            self._room.wait_for(lambda: self.held < MOST_AHEAD_BYTES)
            self.held += len(body) + MESSAGE_BYTES

    def taken(self, body: bytes) -> None:
        """Count a body as handled."""
        with self._room:
            self.held -= len(body) + MESSAGE_BYTES
            self._room.notify()


class _Unread:
    """How much the client has been sent and has not read; `broken` is called once, on the event loop, for too much."""

    def __init__(self, broken: Callable[[], None]) -> None:
        self._broken = broken
        self._sent = 0
        self._read = 0  # each is counted by one thread alone
        self._given_up = False

    def add(self, data: bytes) -> bool:
        """Count what is to be sent; false when nothing is to be sent any more."""
        behind = self._sent - self._read  # without this message, which may be long: an answer in full
        self._sent += len(data)
        if not self._given_up and behind > MOST_UNREAD_BYTES:
            self._given_up = True
            logger.warning(UNREAD)
            self._broken()
        return not self._given_up

    def taken(self, data: bytes) -> None:
        """Count what the client has read, or the system for it."""
        self._read += len(data)
