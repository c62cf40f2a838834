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
from queue import SimpleQueue
from typing import TYPE_CHECKING

from server.framing import Frames, FramingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)

UNREAD = "the client has stopped reading; the connection ends"

READ_BYTES = 1 << 20
DRAIN_S = 2.0
MOST_UNREAD_BYTES = 1 << 27  # sent and not read yet; a client so far behind has stopped reading for good


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


def read_in_thread(descriptor: int, received: Callable[[bytes], None], ended: Callable[[], None]) -> None:
    """Hand each message body to `received` on the running event loop; `ended` at the end of input or of sense."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        frames = Frames()
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            try:
                while data := os.read(descriptor, READ_BYTES):
                    for body in frames.feed(data):
                        loop.call_soon_threadsafe(received, body)
            except (OSError, FramingError) as error:
                logger.warning("input cannot be read on: %s", error)
            loop.call_soon_threadsafe(ended)

    threading.Thread(target=read, name="reader", daemon=True).start()


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


class _Unread:
    """How much the client has been sent and has not read; `broken` is called once, on the event loop, for too much."""

    def __init__(self, broken: Callable[[], None]) -> None:
        self._broken = broken
        self._sent = 0
        self._read = 0  # each is counted by one thread alone
        self._given_up = False

    def add(self, data: bytes) -> bool:
        """Count what is to be sent; false when nothing is to be sent any more."""
        self._sent += len(data)
        if not self._given_up and self._sent - self._read > MOST_UNREAD_BYTES:
            self._given_up = True
            logger.warning(UNREAD)
            self._broken()
        return not self._given_up

    def taken(self, data: bytes) -> None:
        """Count what the client has read, or the system for it."""
        self._read += len(data)
