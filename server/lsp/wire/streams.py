"""Byte streams of a connection: a reader of standard input, and writers that never block the event loop.

Only the protocol may write to standard output: `claim_stdio` redirects everything that a library or a child process
prints to standard error. Start at `claim_stdio`.
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
MOST_UNREAD_BYTES = 1 << 25  # sent and not read yet; a client with more has stopped reading
MOST_AHEAD_BYTES = 1 << 24  # read and not handled yet
MESSAGE_BYTES = 1 << 10  # memory of a waiting message besides its body


@dataclass(frozen=True, slots=True)
class Receiver:
    """Callbacks for a stream that is read, called on the event loop.

    Attributes:
        message: called with each message's body.
        oversized: called with the length in bytes of a message that was too long and is skipped.
        ended: called once at the end of input, with the error that ended it, or None.
    """

    message: Callable[[bytes], None]
    oversized: Callable[[int], None]
    ended: Callable[[Exception | None], None]


def claim_stdio() -> tuple[int, int]:
    """Return private descriptors of standard input and output; descriptor 0 is then empty, and 1 is standard error."""
    sys.stdout.flush()
    reading, writing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (exists on Windows only)

        msvcrt.setmode(reading, os.O_BINARY)
        msvcrt.setmode(writing, os.O_BINARY)
    return reading, writing


def read_in_thread(descriptor: int, received: Receiver) -> None:
    """Read `descriptor` in a thread and call `received` on the running event loop.

    The thread reads at most `MOST_AHEAD_BYTES` ahead of the messages that are handled.
    """
    loop = asyncio.get_running_loop()
    ahead = _ReadAhead()

    def handle(body: bytes) -> None:
        """Pass a message to the receiver, and count it as handled even if that fails."""
        try:
            received.message(body)
        finally:
            ahead.mark_handled(body)

    def read() -> None:
        """Read messages until the end of input or an error, and hand them to the event loop; runs in the thread."""
        frames = Frames(lambda length: _call_on_loop(loop, received.oversized, length))
        problem: Exception | None = None
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            try:
                while data := os.read(descriptor, READ_BYTES):
                    for body in frames.feed(data):
                        ahead.add(body)
                        loop.call_soon_threadsafe(handle, body)
            except (OSError, FramingError) as error:
                problem = error
            loop.call_soon_threadsafe(received.ended, problem)

    threading.Thread(target=read, name="reader", daemon=True).start()


def _call_on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[int], None], length: int) -> None:
    """Have `call` called with `length` on the event loop; for another thread."""
    loop.call_soon_threadsafe(call, length)


class DescriptorWriter:
    """A writer for pygls to a file descriptor; its thread blocks when the client does not read, not the caller."""

    def __init__(self, descriptor: int, broken: Callable[[], None]) -> None:
        """Start the writer; `broken` is called on the event loop if the client closes its end or stops reading."""
        self._descriptor = descriptor
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._unread = _UnreadBytes(self._report_broken)
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Send `data` after all earlier data, without waiting; drop it once the client has stopped reading."""
        if self._unread.add(data):
            self._queue.put(data)

    def close(self) -> None:
        """Send all that is queued, waiting at most `DRAIN_S` seconds."""
        self._queue.put(None)
        self._thread.join(DRAIN_S)

    def _report_broken(self) -> None:
        """Call `broken` on the event loop."""
        self._loop.call_soon_threadsafe(self._broken)  # any thread may send

    def _write(self) -> None:
        """Write all queued messages to the descriptor; runs in the thread."""
        while (data := self._queue.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
                self._unread.mark_read(data)
            except OSError as error:
                logger.warning("the client reads no more: %s", error)
                with contextlib.suppress(RuntimeError):  # the loop is closed already
                    self._loop.call_soon_threadsafe(self._broken)
                return


class SocketWriter:
    """A writer for pygls to a TCP connection; asyncio buffers what the client has not read."""

    def __init__(self, stream: asyncio.StreamWriter) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Send `data` after all earlier data, without waiting; cut the connection if the client has stopped reading."""
        if self._stream.is_closing():
            return
        if self._stream.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            logger.warning(UNREAD)
            self._stream.transport.abort()
            return
        self._stream.write(data)

    def close(self) -> None:
        """Send all that is buffered, then close the connection."""
        self._stream.close()


class WebSocketWriter:
    """A writer for pygls to a WebSocket; each message is one text frame."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = _UnreadBytes(self._abort)
        self._sending = asyncio.ensure_future(self._send())

    def write(self, data: bytes) -> None:
        """Send `data` after all earlier data, without waiting; cut the connection if the client has stopped reading."""
        if self._unread.add(data):
            self._queue.put_nowait(data)

    def close(self) -> None:
        """Stop sending; the caller closes the connection."""
        self._sending.cancel()

    async def drain(self) -> None:
        """Wait until all queued messages are sent; for ever if the connection is closed before."""
        await self._queue.join()

    async def _send(self) -> None:
        """Send all queued messages, one after the other."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 (only where WebSockets are served)

        with contextlib.suppress(ConnectionClosed):
            while True:
                data = await self._queue.get()
                await self._socket.send(data.decode())
                self._unread.mark_read(data)
                self._queue.task_done()

    def _abort(self) -> None:
        """Stop sending and cut the connection, without a closing handshake."""
        self._sending.cancel()
        self._socket.transport.abort()


class _ReadAhead:
    """The number of bytes that were read and are not handled yet; the reading thread waits while there are too many."""

    def __init__(self) -> None:
        self.held = 0
        self._room = threading.Condition()

    def add(self, body: bytes) -> None:
        """Wait until fewer than `MOST_AHEAD_BYTES` are unhandled, then count `body`."""
        with self._room:
            self._room.wait_for(lambda: self.held < MOST_AHEAD_BYTES)
            self.held += len(body) + MESSAGE_BYTES

    def mark_handled(self, body: bytes) -> None:
        """Count `body` as handled."""
        with self._room:
            self.held -= len(body) + MESSAGE_BYTES
            self._room.notify()


class _UnreadBytes:
    """The number of bytes that were sent and the client has not read; for too many, `broken` is called once."""

    def __init__(self, broken: Callable[[], None]) -> None:
        self._broken = broken
        self._sent = 0
        self._read = 0  # only one thread changes each counter
        self._given_up = False

    def add(self, data: bytes) -> bool:
        """Count `data` as sent; return False if the client has stopped reading, so that nothing may be sent."""
        behind = self._sent - self._read  # without this message, so that one long answer can always be sent
        self._sent += len(data)
        if not self._given_up and behind > MOST_UNREAD_BYTES:
            self._given_up = True
            logger.warning(UNREAD)
            self._broken()
        return not self._given_up

    def mark_read(self, data: bytes) -> None:
        """Count `data` as read by the client, or at least taken by the system's buffer."""
        self._read += len(data)
