"""The front: passes messages between the editor and the resident server, and continues the session if that one dies.

Two threads: one reads the editor, one the resident server. Each message is first noted in the session's memory, then
passed on unchanged. If the resident server ends without having been asked to, a new one is started and brought to the
same state; requests that change nothing are asked again, all others get an error. Front and resident server talk about
a session by messages that begin with `CONTROL` and never reach the editor. Start at `run`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time

from server.lsp.front import address, link
from server.lsp.front.session_memory import OpenText, SessionMemory, make_error
from server.lsp.wire.framing import MAX_BODY_BYTES, Frames, FramingError

CONTROL = b'{"starling":'
READ_BYTES = 1 << 18
END_S = 12.0  # for the session to be closed: longer than the resident server may take
CRASH_WINDOW_S = 60.0
MOST_CRASHES = 3  # in `CRASH_WINDOW_S`; after the second one, no other window shares the process
INVALID_REQUEST = -32600
GIVEN_UP = (
    f"Starling's process has ended {MOST_CRASHES} times within a minute, so Starling stops here. Its log says why: run "
    "`starling logs`. Start the language server again to go on."
)


def run() -> None:
    """Serve the editor on stdin and stdout through the resident server, then end the process.

    Returns None at once, without having read anything, if there can be no resident server; stderr then says why.
    """
    try:
        connection = link.connect(address.find_address())
    except (link.NoResidentError, OSError) as error:
        sys.stderr.write(f"starling: the resident server cannot be used ({error}); this process serves by itself.\n")
        return
    front = Front(connection)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    front.serve()
    os._exit(front.status)  # the other thread may still read


class Front:
    """One session's front.

    Attributes:
        status: exit status for this process, once the session has ended.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.status = 1
        self._connection = connection
        self._memory = SessionMemory()
        self._lock = threading.Lock()  # of the memory, and of what is sent to the resident server
        self._writing = threading.Lock()  # of what is sent to the editor
        self._ended = threading.Event()
        self._is_ending = False  # the editor has ended the session
        self._crashes: list[float] = []
        self._asked: dict[int, tuple[str, OpenText, int]] = {}  # whole texts that were asked for
        self._tickets = 0

    def serve(self) -> None:
        """Pass messages until the session has ended."""
        threading.Thread(target=self._read_resident, name="resident", daemon=True).start()
        threading.Thread(target=self._read_editor, name="editor", daemon=True).start()
        self._ended.wait()

    # From the editor

    def _read_editor(self) -> None:
        """Read the editor's messages until the end of input; runs in a thread."""
        frames = Frames(self._refuse_oversized)
        try:
            while data := os.read(0, READ_BYTES):
                for body in frames.feed(data):
                    self._pass_to_resident(body)
        except FramingError as error:
            self._write_to_editor(make_error(None, INVALID_REQUEST, f"the connection ends: {error}"))
        except OSError:
            pass
        with self._lock:
            self._is_ending = True
            self._half_close()
        self._end_later()

    def _refuse_oversized(self, length: int) -> None:
        """Tell the editor of a message of `length` bytes that is too long and is skipped."""
        sentence = f"a message of {length:,} bytes was left unread; {MAX_BODY_BYTES:,} are the most"
        self._write_to_editor(make_error(None, INVALID_REQUEST, sentence))

    def _pass_to_resident(self, body: bytes) -> None:
        """Note a message of the editor and pass it on; while there is no resident server, it is only noted."""
        if body.startswith(CONTROL):
            return
        with self._lock:
            method = self._memory.note_client(body)
            if method == "late":
                return
            self._is_ending = self._is_ending or method == "exit"
            self._send(body)
            for uri in self._memory.choose_long_texts():
                self._ask_for_text(uri)
        if method == "exit":
            self._end_later()

    def _ask_for_text(self, uri: str) -> None:
        """Ask the resident server for the whole text of the document `uri`; the lock is held."""
        text = self._memory.texts[uri]
        self._tickets += 1
        self._asked[self._tickets] = (uri, text, len(text.changes))
        self._send(json.dumps({"starling": "text", "ticket": self._tickets, "uri": uri}).encode())

    def _send(self, body: bytes) -> None:
        """Send a message to the resident server; a lost connection is noticed by the thread that reads it."""
        with contextlib.suppress(OSError):
            self._connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def _half_close(self) -> None:
        """Tell the resident server that nothing more will come."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def _end_later(self) -> None:
        """End the session in `END_S` at the latest."""
        timer = threading.Timer(END_S, self._ended.set)
        timer.daemon = True
        timer.start()

    # From the resident server

    def _read_resident(self) -> None:
        """Read the resident server's messages until the session has ended; runs in a thread."""
        while not self._ended.is_set():
            self._read_connection(self._connection)
            if self._ended.is_set():
                return
            with self._lock:
                if self._is_ending or not self._continue_session():
                    self.status = 0 if self._memory.is_shut_down else 1
                    self._ended.set()

    def _read_connection(self, connection: socket.socket) -> None:
        """Pass on the messages that come from `connection` until it ends."""
        frames = Frames(lambda _: None)
        try:
            while data := connection.recv(READ_BYTES):
                for body in frames.feed(data):
                    if body.startswith(CONTROL):
                        self._handle_control(json.loads(body))
                        continue
                    with self._lock:
                        is_for_editor = self._memory.note_server(body)
                    if is_for_editor:
                        self._write_to_editor(body)
        except (OSError, FramingError):
            pass

    def _handle_control(self, said: dict[str, object]) -> None:
        """Handle a message of the resident server about the session."""
        if said["starling"] == "end":
            self.status = int(str(said["status"]))
            self._ended.set()
        elif said["starling"] == "text" and (asked := self._asked.pop(int(str(said["ticket"])), None)):
            _, text, count = asked
            document = said["document"]
            message = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}}
            with self._lock:
                if text.is_asked:
                    text.replace_first(count, json.dumps(message).encode() if document is not None else None)

    def _write_to_editor(self, body: bytes) -> None:
        """Write a message to stdout; end the session if the editor has closed it."""
        view = memoryview(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        try:
            with self._writing:
                while view:
                    view = view[os.write(1, view) :]
        except OSError:
            self._ended.set()

    def _continue_session(self) -> bool:
        """Start or find another resident server after the loss of one, and continue the session there.

        The lock is held. Returns False if that cannot be: requests are then answered with an error.
        """
        now = time.monotonic()
        self._crashes = [at for at in self._crashes if now - at < CRASH_WINDOW_S]
        self._crashes.append(now)
        self._connection.close()
        self._asked.clear()
        reason = GIVEN_UP
        if len(self._crashes) < MOST_CRASHES:
            alone = str(os.getpid()) if len(self._crashes) > 1 else ""
            try:
                self._connection = link.connect(address.find_address(alone))
            except (link.NoResidentError, OSError) as error:
                reason = f"Starling's process has ended and cannot be started again: {error}."
            else:
                self._replay()
                return True
        for body in self._memory.fail_pending(reason):
            self._write_to_editor(body)
        self._write_to_editor(_make_message(reason))
        return False

    def _replay(self) -> None:
        """Bring the new resident server to the session's state, and settle all requests; the lock is held."""
        for body in self._memory.end_shown():
            self._write_to_editor(body)
        for body in self._memory.list_replayed():
            self._send(body)
        repeated, answers = self._memory.settle_pending()
        for body in answers:
            self._write_to_editor(body)
        for body in repeated:
            self._send(body)


def _make_message(text: str) -> bytes:
    """Return a message that shows `text` to the person as an error."""
    params = {"type": 1, "message": text}
    return json.dumps({"jsonrpc": "2.0", "method": "window/showMessage", "params": params}).encode()
