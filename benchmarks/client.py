"""A minimal language client over stdio, which adds little to a measured time.

A thread reads messages and notes when each arrived before it parses them; the caller's thread writes. Requests of the
server are answered from a table. Start at `Client`.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

WAIT_S = 120.0
KEPT_NOTIFICATIONS = 10_000

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"didSave": True},
        "inlineCompletion": {"dynamicRegistration": False},
        "completion": {},
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    },
    "window": {"workDoneProgress": True},
    "workspace": {
        "configuration": True,
        "workspaceFolders": True,
        "didChangeWatchedFiles": {"dynamicRegistration": True},
    },
}


class ClientError(Exception):
    """The server did not answer, or answered with an error."""


@dataclass
class Pending:
    """A request that was sent, and its answer once there is one; times in seconds of `time.perf_counter`."""

    method: str
    sent_s: float
    done_s: float = 0.0
    result: Any = None
    error: dict[str, Any] | None = None
    event: threading.Event = field(default_factory=threading.Event)

    @property
    def took_ms(self) -> float:
        """Milliseconds from before the request was written to the arrival of its answer."""
        return (self.done_s - self.sent_s) * 1000

    def wait(self, timeout_s: float = WAIT_S) -> Any:  # noqa: ANN401 - JSON
        """Wait for the answer and return its result.

        Raises:
            ClientError: there is no answer in time, or it is an error.
        """
        if not self.event.wait(timeout_s):
            raise ClientError(f"{self.method}: no answer in {timeout_s:g} s")
        if self.error is not None:
            raise ClientError(f"{self.method}: {self.error}")
        return self.result


class Client:
    """A language server as a child process, with this object as its only client."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path) -> None:
        """Start `command` in `folder`, and store the time in `started_s` (seconds of `time.perf_counter`)."""
        self.configuration: dict[str, Any] = {}
        self.notifications: deque[tuple[float, str, Any]] = deque(maxlen=KEPT_NOTIFICATIONS)
        self.pending: dict[int, Pending] = {}
        self._next = 0
        self._writing = threading.Lock()
        self._ended = False  # the server has closed its output
        self.started_s = time.perf_counter()
        self.process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment) if environment is not None else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self._reader = threading.Thread(target=self._read, name="client-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the server."""
        self.close()

    # Sending

    def request(self, method: str, params: Any) -> Pending:  # noqa: ANN401 - JSON
        """Send a request; return the pending answer without waiting."""
        return self.send(method, params)[1]

    def send(self, method: str, params: Any) -> tuple[int, Pending]:  # noqa: ANN401 - JSON
        """Send a request; return its id, which `cancel` takes, and the pending answer."""
        self._next += 1
        number = self._next
        body = encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        pending = Pending(method, time.perf_counter())
        self.pending[number] = pending
        self._write(body)
        if self._ended:  # the reading thread may have failed the pending requests before this one was among them
            self._fail(pending)
        return number, pending

    def notify(self, method: str, params: Any) -> None:  # noqa: ANN401 - JSON
        """Send a notification."""
        self._write(encode({"jsonrpc": "2.0", "method": method, "params": params}))

    def cancel(self, number: int) -> None:
        """Cancel the request with the id `number`."""
        self.notify("$/cancelRequest", {"id": number})

    # A session

    def initialize(self, root: Path, options: Any = None) -> Pending:  # noqa: ANN401 - JSON
        """Open `root` as the workspace with the settings `options`; return the answered request `initialize`."""
        self.configuration = options or {}
        pending = self.request(
            "initialize",
            {
                "processId": None,
                "clientInfo": {"name": "starling-benchmarks"},
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
                "capabilities": CAPABILITIES,
                "initializationOptions": options,
            },
        )
        pending.wait()
        self.notify("initialized", {})
        return pending

    def run_command(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 - JSON
        """Run a command of the server; wait for its result and return it."""
        return self.request("workspace/executeCommand", {"command": name, "arguments": list(arguments)}).wait()

    def wait_until(
        self, ready: Callable[[], bool], what: str, *, timeout_s: float = WAIT_S, poll_s: float = 0.02
    ) -> None:
        """Poll `ready` every `poll_s` seconds until it returns true.

        Raises:
            ClientError: it did not return true within `timeout_s`; the message names `what`.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline:
                raise ClientError(f"waited {timeout_s:g} s in vain for {what}")
            time.sleep(poll_s)

    def close(self) -> None:
        """Shut the server down, and kill it if it does not exit within 10 s. Idempotent."""
        if self.process.poll() is None:
            try:
                self.request("shutdown", None).wait(10)
                self.notify("exit", None)
                self.process.wait(10)
            except (ClientError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self._reader.join(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    # The wire

    def _write(self, body: bytes) -> None:
        """Write an encoded message to the server; raise ClientError if it accepts no more."""
        assert self.process.stdin is not None
        try:
            with self._writing:
                self.process.stdin.write(body)
        except OSError as error:
            raise ClientError(f"the server takes no more messages: {error}") from error

    def _read(self) -> None:
        """Handle the server's messages until its output ends, then fail all pending requests; runs in a thread."""
        assert self.process.stdout is not None
        stream = _Buffered(self.process.stdout)
        while (message := stream.read_message()) is not None:
            arrived = time.perf_counter()
            self._handle(json.loads(message), arrived)
        self._ended = True
        for pending in list(self.pending.values()):
            self._fail(pending)

    @staticmethod
    def _fail(pending: Pending) -> None:
        """Complete a pending request with an error; keep an earlier error."""
        pending.error = pending.error or {"message": "the server has gone"}
        pending.event.set()

    def _handle(self, message: dict[str, Any], arrived_s: float) -> None:
        """Complete a pending request, answer a request of the server, or store a notification."""
        if "method" not in message:
            pending = self.pending.pop(message["id"])
            pending.done_s, pending.result, pending.error = arrived_s, message.get("result"), message.get("error")
            pending.event.set()
        elif "id" in message:
            result = self._answer(message["method"], message.get("params"))
            self._write(encode({"jsonrpc": "2.0", "id": message["id"], "result": result}))
        else:
            self.notifications.append((arrived_s, message["method"], message.get("params")))

    def _answer(self, method: str, params: Any) -> Any:  # noqa: ANN401 - JSON
        """Return this client's result for a server's request: its settings, that no edit is applied, or None."""
        if method == "workspace/configuration":
            return [self.configuration for _ in params["items"]]
        if method == "workspace/applyEdit":
            return {"applied": False}
        return None


class _Buffered:
    """A reader of whole messages from a pipe, which it reads in large pieces."""

    def __init__(self, raw: IO[bytes]) -> None:
        self.raw = raw
        self.buffer = b""

    def read_message(self) -> bytes | None:
        """Return the body of the next message; None at the end of the stream."""
        while (at := self.buffer.find(b"\r\n\r\n")) < 0:
            if not self._fill():
                return None
        head = self.buffer[:at].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        end = at + 4 + length
        while len(self.buffer) < end:
            if not self._fill():
                return None
        body, self.buffer = self.buffer[at + 4 : end], self.buffer[end:]
        return body

    def _fill(self) -> bool:
        """Read the next piece; return False at the end of the stream."""
        piece = self.raw.read(1 << 16)
        self.buffer += piece or b""
        return bool(piece)


def encode(message: dict[str, Any]) -> bytes:
    """Return `message` as JSON-RPC bytes, header included."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class TextBuffer:
    """A document as an editor holds it: each edit is sent to the server as an incremental change."""

    def __init__(self, client: Client, uri: str, text: str, language: str = "python") -> None:
        """Open the document on the server."""
        self.client, self.uri, self.text, self.version = client, uri, text, 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        client.notify("textDocument/didOpen", {"textDocument": item})

    def find_position(self, offset: int) -> dict[str, int]:
        """Return the LSP position (UTF-16) of a code-point offset."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        units = len(self.text[line_start:offset].encode("utf-16-le", "surrogatepass")) // 2
        return {"line": self.text.count("\n", 0, line_start), "character": units}

    def replace(self, start: int, end: int, new: str) -> None:
        """Replace the code points [start, end) by `new` and send the change."""
        change = {"range": {"start": self.find_position(start), "end": self.find_position(end)}, "text": new}
        self.text = self.text[:start] + new + self.text[end:]
        self.version += 1
        self.client.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self.uri, "version": self.version}, "contentChanges": [change]},
        )

    def ask(self, offset: int, *, invoked: bool = False) -> tuple[int, Pending]:
        """Request inline completions at a code-point offset; return the id and the pending answer."""
        params = {
            "textDocument": {"uri": self.uri},
            "position": self.find_position(offset),
            "context": {"triggerKind": 1 if invoked else 2},  # LSP 3.18: Invoked 1, Automatic 2
        }
        return self.client.send("textDocument/inlineCompletion", params)

    def close(self) -> None:
        """Close the document on the server."""
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})


def read_items(result: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the items of an inline completion's result, which may be null, a list or an object."""
    if result is None:
        return []
    return list(result["items"] if isinstance(result, dict) else result)
