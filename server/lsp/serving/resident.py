"""The resident server: one process that serves all windows of a user in one environment, through their fronts.

Each connection is a session of its own; grammars, code and the models' weights are shared. It ends once no window has
been open for `IDLE_S`, or when its socket was deleted, so that no front can find it. Another process at the same
address is kept out by a lock. Start at `serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from typing import TYPE_CHECKING, NoReturn

from models.host.folder_trust import explain_distrust
from models.host.peers import describe_foreign_peer
from models.local import allocator
from server.assembly import core
from server.lsp.front.front import CONTROL
from server.lsp.front.link import FULL, GREETING
from server.lsp.language_server import create_server
from server.lsp.serving import lifetime, sockets, stdio
from server.lsp.wire import streams
from server.lsp.wire.framing import Frames, FramingError
from starling_files import FILE_MODE, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from server.assembly.core import Builder
    from server.lsp.language_server import StarlingServer

logger = logging.getLogger(__name__)

IDLE_S = 300.0
SWEEP_S = 1.0
MOST_WINDOWS = 64
BACKLOG = 128


def serve(path: Path, build: Builder = core.build) -> NoReturn:
    """Serve the fronts that connect to the socket `path` until no window is open any more, then end the process.

    The exit status is 0 also if another process serves there.

    Raises:
        ServeError: the socket cannot be made there.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 (not before the answer to `initialize` of other transports)

    try:
        make_folder(path.parent)
        if why := explain_distrust(path.parent):
            raise stdio.ServeError(f"The folder of the resident server's socket cannot be trusted: {why}.")
        lock = FileLock(path.with_suffix(".lock"), timeout=0, mode=FILE_MODE)
        lock.acquire()
    except Timeout:
        lifetime.end(0)
    except OSError as error:
        raise stdio.ServeError(f"{path} cannot be made: {error.strerror or error}") from error
    stdio.tune_for_latency()
    allocator.limit_memory()
    try:
        with _listen(path) as listener:
            asyncio.run(_Resident(build, path, lock.release).serve(listener))
    except OSError as error:
        raise stdio.ServeError(f"{path} cannot be listened on: {error.strerror or error}") from error
    lifetime.end(0)


@contextlib.contextmanager
def _listen(path: Path) -> Iterator[socket.socket]:
    """Yield a listening socket at `path`, which only this user can open; delete its file at the end if it is ours."""
    path.unlink(missing_ok=True)  # of a process that was killed: this one holds the lock
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        inode = path.lstat().st_ino
        listener.listen(BACKLOG)
        listener.setblocking(False)
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                if path.lstat().st_ino == inode:
                    path.unlink()


class _Resident:
    """The process's windows, and the time since which there is none."""

    def __init__(self, build: Builder, path: Path, release: Callable[[], object]) -> None:
        """Begin without windows; `release` lets another process serve at the `path` of the socket."""
        self._build = build
        self._path = path
        self._release = release
        self._windows = 0
        self._idle_since = time.monotonic()
        self._sessions: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Accept fronts until a signal comes, the process is idle for long enough, or its socket is deleted."""
        inode = self._path.lstat().st_ino
        ended = asyncio.get_running_loop().create_future()

        def end() -> None:
            """Complete the future; only the first call has an effect."""
            if not ended.done():
                ended.set_result(None)

        lifetime.call_on_signals(end)
        server = await asyncio.start_unix_server(self._accept, sock=listener)
        async with server:
            while not ended.done():
                await asyncio.wait((ended,), timeout=SWEEP_S)
                is_found = _has_inode(self._path, inode)
                if not is_found:
                    self._release()
                if not self._windows and (not is_found or time.monotonic() - self._idle_since > IDLE_S):
                    break
            server.close()
            if _has_inode(self._path, inode):
                self._path.unlink()  # no front may find a process that is about to end
            lifetime.set_deadline()
            for session in tuple(self._sessions):
                session.cancel()
            if self._sessions:
                await asyncio.wait(self._sessions, timeout=streams.DRAIN_S)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin the session of a front that has connected, unless it is another user's or there are too many."""
        if who := describe_foreign_peer(writer.get_extra_info("socket")):
            logger.warning("the resident server refused a connection of %s", who)
            writer.transport.abort()
            return
        if self._windows >= MOST_WINDOWS:
            writer.write(FULL)
            writer.close()
            return
        writer.write(GREETING)
        self._windows += 1
        session = asyncio.ensure_future(self._run_session(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._end_session)

    def _end_session(self, session: asyncio.Task[None]) -> None:
        """Forget an ended session; log the error that ended it, if any."""
        self._sessions.discard(session)
        if not session.cancelled() and (error := session.exception()) is not None:
            logger.error("a session has failed", exc_info=error)

    async def _run_session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one front until its session has ended."""
        try:
            await self._serve_front(reader, writer)
        finally:
            self._windows -= 1
            self._idle_since = time.monotonic()
            writer.close()

    async def _serve_front(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one front; at the end tell it the exit status of the session."""
        server = create_server(stdio.wrap_with_logging(self._build))
        loop = asyncio.get_running_loop()
        server.exit_status = loop.create_future()
        stdio.follow_session(server)
        sending = streams.SocketWriter(writer)
        server.protocol.set_writer(sending)
        try:
            await sockets.receive_until_exit(server, _receive(server, reader, writer))
        finally:
            await server.session.close()
            status = server.exit_status.result() if server.exit_status.done() else 1
            _send_control(writer, {"starling": "end", "status": status})
            loop.call_later(streams.DRAIN_S, sockets.free_memory)


async def _receive(server: StarlingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand all messages of a front to the protocol, and answer what the front itself asks for."""
    frames = Frames(server.protocol.refuse_oversized)
    try:
        while data := await reader.read(streams.READ_BYTES):
            for body in frames.feed(data):
                if body.startswith(CONTROL):
                    _send_control(writer, _answer_front(server, json.loads(body)))
                else:
                    server.protocol.receive(body)
    except (OSError, FramingError) as error:
        await server.protocol.end_after_error(error)
    else:
        await server.protocol.end()


def _answer_front(server: StarlingServer, asked: dict[str, object]) -> dict[str, object]:
    """Return the answer to a front that asks for the text of a document: None for one that is not open or too large."""
    open_text = server.session.documents.get(str(asked["uri"]))
    document = None
    if open_text is not None and not open_text.oversized:
        document = {
            "uri": asked["uri"],
            "languageId": open_text.language,
            "version": open_text.version,
            "text": open_text.text,
        }
    return {**asked, "document": document}


def _send_control(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    """Send the front a message about the session."""
    body = json.dumps(message).encode()
    assert body.startswith(CONTROL)  # noqa: S101 (its key comes first)
    if not writer.is_closing():
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)


def _has_inode(path: Path, inode: int) -> bool:
    """Return whether the file at `path` is there and has that inode."""
    try:
        return path.lstat().st_ino == inode
    except OSError:
        return False
