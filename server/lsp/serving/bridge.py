"""A bridge from an editor's standard input and output to a server on the network, over a WebSocket.

So every editor that can start a program can use a server with accounts. Passes messages on, with folders mapped, and
without the editor's process id, which means nothing on another machine. If the connection is lost, it connects again,
perhaps to another server under the same name, opens the documents again, and repeats requests that change nothing; all
others get an error. Start at `run_bridge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import sys
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed

from server.lsp.front.session_memory import (
    OWN_ID,
    REQUEST_FAILED,
    SessionMemory,
    find_message,
    make_error,
    parse,
)
from server.lsp.serving.outages import Outage
from server.lsp.serving.remote_server import (
    NEEDS_LOGIN,
    OPEN_S,
    REFUSED,
    BridgeError,
    UnreachableError,
    find_token,
    open_connection,
)
from server.lsp.serving.uri_maps import OutsideError
from server.lsp.wire import streams

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from websockets.asyncio.client import ClientConnection

    from server.lsp.front.session_memory import OpenText
    from server.lsp.serving.remote_server import Target

logger = logging.getLogger(__name__)

CLOSE_S = 5.0
START_S = 3.0  # within which a first connection is tried again
READ_S = 5.0  # for the editor's first message, which is answered with the reason if there is no connection
STEADY_S = 10.0  # that a connection has to last, so that the next one is tried at once
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0
MOST_WAITING_BYTES = 1 << 27  # read from the editor and not sent yet
CANCELLED = -32800  # LSP's error code
ERROR, WARNING, INFORMATION = 1, 2, 3  # LSP's kinds of messages
INTERRUPTED = "The connection to the server was lost while it worked on this. Ask once more."


async def run_bridge(target: Target) -> None:
    """Connect the editor at standard input and output to the server, until the editor ends.

    Raises:
        BridgeError: the server cannot be reached at the start, or refuses. The editor was told, too.
    """
    await Bridge(target).run()


class Bridge:
    """The bridge of one session; used on one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._memory = SessionMemory(INTERRUPTED)
        self._has_initialize = asyncio.Event()
        self._shows_login = False  # the editor itself says that a login is needed
        self._editor_ended = asyncio.Event()
        self._outgoing: asyncio.Queue[bytes | None] | None = None  # to the server; None without a connection
        self._waiting_bytes = 0  # in that queue
        self._sent: frozenset[int | str] = frozenset()  # unanswered requests that the lost connection had
        self._outage = Outage(self._tell_lost, self._fail_waiting)
        self._was_connected = False
        self._background: set[asyncio.Task[None]] = set()
        self._is_typed = sys.stdin is not None and sys.stdin.isatty()
        reading, writing = streams.claim_stdio()
        self._writer = streams.DescriptorWriter(writing, self._end_input)
        streams.read_in_thread(reading, streams.Receiver(self._take, self._skip, lambda _: self._end_input()))

    async def run(self) -> None:
        """Pass messages until the editor ends. Raises BridgeError."""
        try:
            with contextlib.suppress(UnreachableError):
                await find_token(self._target)  # also without any message of an editor
            await self._pass_until_end()
        except BridgeError as error:
            await self._report_failure(error)
            raise
        finally:
            await asyncio.to_thread(self._writer.close)

    async def _pass_until_end(self) -> None:
        """Pass messages until the editor ends, and then a little while for the last answers. Raises BridgeError."""
        working = asyncio.ensure_future(self._keep_connected())
        ended = asyncio.ensure_future(self._editor_ended.wait())
        await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if self._outgoing is not None:  # a server that got `exit` closes the connection itself
            await asyncio.wait((working,), timeout=CLOSE_S)
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return None

    async def _keep_connected(self) -> None:
        """Connect, and connect again whenever the connection is lost, until the editor ends. Raises BridgeError."""
        loop = asyncio.get_running_loop()
        begun, delay = loop.time(), FIRST_DELAY_S
        await self._has_initialize.wait()
        while True:
            reason = "the server has closed it"
            try:
                socket = await open_connection(self._target)
                at = loop.time()
                await self._serve(socket)
                delay = FIRST_DELAY_S if loop.time() - at > STEADY_S else delay
            except UnreachableError as error:
                reason = str(error).rstrip(".")
                if not self._was_connected and loop.time() - begun > START_S:
                    raise
            if self._editor_ended.is_set() or self._memory.is_shut_down:
                return
            self._outage.begin(reason)
            await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)
            delay = min(delay * 2, LONGEST_DELAY_S)

    # From the editor

    def _take(self, body: bytes) -> None:
        """Note a message of the editor and send it on; without a connection, it is only noted."""
        body = self._target.maps.map_to_server(body)
        if not self._has_initialize.is_set():
            body, self._shows_login = read_initialize(body)
        method = self._memory.note_client(body)
        self._has_initialize.set()
        if method == "late":
            return
        if self._outgoing is not None:
            self._waiting_bytes += len(body)
            self._outgoing.put_nowait(body if self._waiting_bytes <= MOST_WAITING_BYTES else None)
        elif method == "$/cancelRequest":
            self._cancel(body)
        elif self._outage.is_long:
            self._fail_waiting()
        for uri in self._memory.choose_long_texts():
            self._run_in_background(self._rebuild_text(self._memory.texts[uri]))
        if method == "exit":
            self._end_input()

    def _skip(self, length: int) -> None:
        """Log that a message of the editor was too long."""
        logger.warning("a message of %d bytes was left out", length)

    def _end_input(self) -> None:
        """Note that the editor sends or reads no more, and send what is waiting."""
        self._editor_ended.set()
        if self._outgoing is not None:
            self._outgoing.put_nowait(None)

    def _cancel(self, body: bytes) -> None:
        """Answer the request that the editor cancels by the message `body` while there is no connection."""
        params = parse(body).get("params")
        identity = params.get("id") if isinstance(params, dict) else None
        if isinstance(identity, int | str) and self._memory.pending.pop(identity, None) is not None:
            self._write(make_error(identity, CANCELLED, "cancelled"))

    async def _rebuild_text(self, text: OpenText) -> None:
        """Replace the changes of an open document in the memory by its whole text."""
        from server.lsp.serving.whole_texts import rebuild_opening  # noqa: PLC0415 (pygls, seldom needed)

        changes = tuple(text.changes)
        opened = await asyncio.to_thread(rebuild_opening, text.opened, changes, self._memory.encoding)
        if text.is_asked:
            text.replace_first(len(changes), opened)

    def _run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` on the event loop."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # The connection

    async def _serve(self, socket: ClientConnection) -> None:
        """Bring the server to the session's state, and pass messages until the connection ends.

        Raises:
            BridgeError: the server refuses the session.
        """
        try:
            await self._resume(socket)
            receiving = asyncio.ensure_future(self._receive_all(socket))
            sending = asyncio.ensure_future(self._send_all(socket))
            try:
                await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait((receiving,), timeout=CLOSE_S)
            finally:
                self._outgoing = None
                self._sent = frozenset(self._memory.pending)
                sending.cancel()
                receiving.cancel()
                await asyncio.gather(sending, receiving, return_exceptions=True)
        except ConnectionClosed as error:
            raise UnreachableError("the server has closed the connection") from error
        finally:
            socket.transport.abort()
        if self._memory.refusal:
            raise BridgeError(f"{self._target.url} refuses: {self._memory.refusal}.", REFUSED)

    async def _resume(self, socket: ClientConnection) -> None:
        """Bring a server to the session's state, and settle all requests.

        Raises:
            UnreachableError: it does not take the session now, because there are too many, or does not answer.
            ConnectionClosed: the connection has ended.
        """
        if replayed := self._memory.list_replayed():
            await socket.send(replayed[0])
            try:
                async with asyncio.timeout(OPEN_S):
                    await self._await_answer(socket)
            except TimeoutError as error:
                raise UnreachableError(f"{self._target.url} does not answer.") from error
        outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        for body in self._memory.end_shown():
            self._write(body)
        repeated, answers = self._memory.settle_pending(frozenset(self._memory.pending) - self._sent)
        for body in answers:
            self._write(body)
        for body in (*self._memory.list_replayed()[1:], *repeated):  # the first one is answered already
            outgoing.put_nowait(body)
        self._outgoing, self._waiting_bytes, self._was_connected = outgoing, 0, True
        if self._outage.end():
            self._show(INFORMATION, f"Starling is connected to {self._target.url} again.")
        if self._editor_ended.is_set():
            outgoing.put_nowait(None)

    async def _await_answer(self, socket: ClientConnection) -> None:
        """Receive messages until the repeated `initialize` is answered. Raises UnreachableError, ConnectionClosed."""
        while True:
            body = _encode(await socket.recv())
            message = parse(body)
            if message.get("id") != OWN_ID or "method" in message:
                self._pass_to_editor(body)
            elif "error" in message:
                raise UnreachableError(f"{self._target.url} refuses: {find_message(message)}.")
            else:
                return

    async def _send_all(self, socket: ClientConnection) -> None:
        """Send the editor's messages until its input ends, or the server takes too few. Raises ConnectionClosed."""
        assert self._outgoing is not None  # noqa: S101 (`_resume` sets it)
        outgoing = self._outgoing
        while (body := await outgoing.get()) is not None:
            await socket.send(body)
            self._waiting_bytes = max(0, self._waiting_bytes - len(body))
        if not self._editor_ended.is_set():
            logger.warning("the server reads too slowly; connecting again")
            socket.transport.abort()

    async def _receive_all(self, socket: ClientConnection) -> None:
        """Write the server's messages to the editor until the connection is closed."""
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                self._pass_to_editor(_encode(message))

    # To the editor

    def _pass_to_editor(self, body: bytes) -> None:
        """Note a message of the server and write it to the editor; refuse it if it leaves a mapped folder."""
        try:
            mapped = self._target.maps.map_to_editor(body)
        except OutsideError as error:
            self._refuse(body, str(error))
            return
        if self._memory.note_server(body):
            self._write(mapped)

    def _refuse(self, body: bytes, reason: str) -> None:
        """Keep a message of the server from the editor; the request or answer gets an error."""
        logger.warning("a message of the server is refused: %s", reason)
        message = parse(body)
        identity = message.get("id")
        if not isinstance(identity, int | str):
            return
        refusal = make_error(identity, REQUEST_FAILED, f"This message was refused: {reason}.")
        if "method" not in message:
            if self._memory.note_server(body):
                self._write(refusal)
        elif self._outgoing is not None:
            self._outgoing.put_nowait(refusal)

    def _tell_lost(self) -> None:
        """Tell the person that the connection is lost."""
        self._show(
            WARNING, f"The connection to {self._target.url} is lost ({self._outage.reason}). Starling connects again."
        )

    def _fail_waiting(self) -> None:
        """Answer all requests with an error, because there is no connection for long."""
        reason = f"There is no connection to {self._target.url} ({self._outage.reason})."
        for body in self._memory.fail_pending(reason):
            self._write(body)

    async def _report_failure(self, error: BridgeError) -> None:
        """Tell the editor why the session ends, or does not begin: in answers to its requests, else in a message."""
        if not self._has_initialize.is_set() and not self._is_typed:
            waiting = {asyncio.ensure_future(one.wait()) for one in (self._has_initialize, self._editor_ended)}
            await asyncio.wait(waiting, timeout=READ_S, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
        begun = self._was_connected and not self._memory.refusal
        for body in self._memory.fail_pending(str(error), {"code": error.code, "retry": False}):
            self._write(body)
        if begun and not (self._shows_login and error.code == NEEDS_LOGIN):
            self._show(ERROR, str(error))

    def _show(self, kind: int, text: str) -> None:
        """Show a message of a `kind` to the person."""
        params = {"type": kind, "message": text}
        self._write(json.dumps({"jsonrpc": "2.0", "method": "window/showMessage", "params": params}).encode())

    def _write(self, body: bytes) -> None:
        """Write a message to the editor."""
        self._writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


def read_initialize(body: bytes) -> tuple[bytes, bool]:
    """Return the message `body` without the process id of an `initialize`, and whether its editor asks for logins.

    Returns any other text unchanged, and False.
    """
    message = parse(body)
    params = message.get("params")
    if not isinstance(params, dict):
        return body, False
    found: object = params
    for name in ("capabilities", "experimental", "starling", "login"):
        found = found.get(name) if isinstance(found, dict) else None
    if not params.get("processId"):
        return body, found is True
    return json.dumps({**message, "params": {**params, "processId": None}}).encode(), found is True


def _encode(message: str | bytes) -> bytes:
    """Return a message of a WebSocket as bytes."""
    return message if isinstance(message, bytes) else message.encode("utf-8", "surrogatepass")
