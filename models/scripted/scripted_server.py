"""A scripted model over real HTTP, in several dialects and with faults, for trying a setup and for tests.

Serves OpenAI's chat completions, completions and embeddings, Anthropic's messages, and Ollama's chat and generate, on
one port of this machine, with answers from a script in plain text (`models.scripted.scripts`). Start at
`ScriptedServer`; `starling models script` starts one.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from models.scripted import server_dialects
from models.scripted.scripted_completion import TOKEN
from models.scripted.scripted_embedder import ScriptedEmbedder
from models.scripted.scripts import Script, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

LARGEST_BODY = 32 << 20  # bytes of a request
POLL_S = 0.01
NAME = "scripted"


class ScriptedServer:
    """HTTP server that answers from a script, on its own threads. A context manager: it starts and closes the server.

    Attributes:
        script: the answers.
        key: API key required of every request; "" for none.
        owner: owner of the models in the server's list.
        requests: the body of each request, in order.
        headers: the headers of each request, with names in lower case.
        hung_up: number of clients that disconnected before their answer was complete.
        connections: number of connections that were opened.
        ending: set by `close`.
    """

    def __init__(
        self, script: Script | str, *, host: str = "127.0.0.1", port: int = 0, key: str = "", owner: str = NAME
    ) -> None:
        """Open the port; requests are answered once `start` was called.

        Args:
            script: the answers.
            host: an address of this machine.
            port: the port; 0 for any free one.
            key: API key required of every request; "" for none.
            owner: owner of the models in the server's list, by which clients recognize the kind of server.

        Raises:
            OSError: the port is taken.
        """
        self.script = Script.parse(script) if isinstance(script, str) else script
        self.key = key
        self.owner = owner
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hung_up = 0
        self.connections = 0
        self.ending = threading.Event()
        self._http = _Http((host, port), _Handler)
        self._http.scripted = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(POLL_S,), name="scripted", daemon=True)

    @property
    def url(self) -> str:
        """URL of the server, without a path."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> Self:
        """Answer requests from now on, on a thread; return this server."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop the server, and end answers that hang."""
        self.ending.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Http(http.server.ThreadingHTTPServer):
    """The HTTP server of a `ScriptedServer`."""

    daemon_threads = True
    block_on_close = True
    scripted: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing to stderr: an error is a client that disconnected."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """Handler of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Http

    def setup(self) -> None:
        """Count the connection, and send each piece without delay."""
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.scripted.connections += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Write nothing to stderr."""

    def do_GET(self) -> None:
        """Answer a GET request: the list of models, or status 404."""
        if self.path.endswith("/models"):
            self._send_json(
                200,
                {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": self.server.scripted.owner}]},
            )
        elif self.path.endswith("/api/tags"):
            self._send_json(200, {"models": [{"name": NAME, "model": NAME}]})
        else:
            self._send_json(404, {"error": {"message": "there is nothing here"}})

    def do_POST(self) -> None:
        """Answer a POST request from the script, or embed texts, or send an error status; record body and headers."""
        server, dialect = self.server.scripted, server_dialects.choose_dialect(self.path)
        size = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(min(size, LARGEST_BODY)))
        except ValueError:
            self._send_json(400, {"error": {"message": "that is no JSON"}})
            return
        server.requests.append(body)
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        given = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if server.key and given != server.key:
            self._send_json(401, {"error": {"message": f"Incorrect API key provided: {given}"}})
        elif isinstance(body, dict) and self.path.endswith("/embeddings"):
            self._answer_embeddings(body.get("input"))
        elif dialect is None or not isinstance(body, dict):
            self._send_json(404, {"error": {"message": "there is nothing here"}})
        elif (turn := server.script.take(server_dialects.extract_text(body))) is None:
            self._send_json(400, {"error": {"message": "the script has nothing to say to that"}})
        else:
            self._answer(turn, dialect.adapt_to(body), body)

    def _answer_embeddings(self, given: object) -> None:
        """Send the vectors of the texts in `given`; they do not depend on the script."""
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self._send_json(400, {"error": {"message": "input is a text, or a list of texts"}})
            return
        made = ScriptedEmbedder().embed(texts)
        data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(made.vectors)]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        self._send_json(200, {"object": "list", "model": NAME, "data": data, "usage": usage})

    def _answer(self, turn: Turn, dialect: server_dialects.ServerDialect, body: dict[str, Any]) -> None:
        """Send the answer of `turn`, with its delays and faults."""
        if turn.status:
            headers = {"Retry-After": turn.retry_after} if turn.retry_after else {}
            self._send_json(turn.status, {"error": {"message": turn.text or f"scripted status {turn.status}"}}, headers)
            return
        if turn.trouble == "hang":
            self._wait(float("inf"))
            self.close_connection = True
            return
        if not self._wait(turn.first_token_s):
            return
        if not body.get("stream", dialect.streams_unasked):
            self._send_json(200, dialect.make_whole(turn))
            return
        self.send_response(200)
        self.send_header("Content-Type", dialect.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for piece in self._iterate_events(turn, dialect):
                self._send_chunk(piece)
            self._send_chunk(b"")
        except OSError:
            self._count_disconnected()

    def _iterate_events(self, turn: Turn, dialect: server_dialects.ServerDialect) -> Iterator[bytes]:
        """Yield the events of a streamed answer, with its delays and faults.

        Raises:
            OSError: the script breaks the connection, or the client has disconnected.
        """
        if turn.trouble == "malformed":
            yield dialect.frame_text('{"choices": [{"del')
            return
        if turn.trouble == "wrong-form":
            yield dialect.frame({"hello": "world"})
            return
        yield from dialect.begin(turn)
        for place, token in enumerate(TOKEN.findall(turn.text)):
            if place == turn.break_after:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_WR)
                raise OSError
            if place and not self._wait(turn.token_s):
                raise OSError
            yield from dialect.frame_token(token)
        yield from dialect.end(turn)

    def _wait(self, wait_s: float) -> bool:
        """Wait for `wait_s` seconds; return False if the client disconnects or the server ends."""
        end = time.monotonic() + wait_s
        while not self.server.scripted.ending.is_set():
            if (left := end - time.monotonic()) <= 0:
                return True
            if select.select([self.connection], [], [], min(left, POLL_S))[0]:
                with contextlib.suppress(OSError):
                    if self.connection.recv(1, socket.MSG_PEEK):
                        time.sleep(POLL_S)
                        continue
                self._count_disconnected()
                return False
        self.close_connection = True
        return False

    def _count_disconnected(self) -> None:
        """Count a client that disconnected, once, and close the connection."""
        if not self.close_connection:
            self.server.scripted.hung_up += 1
        self.close_connection = True

    def _send_chunk(self, piece: bytes) -> None:
        """Send `piece` as a chunk of the body; b"" ends the body."""
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def _send_json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        """Send a response with `status`, the JSON `value` as its body, and additional `headers`."""
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, said in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, said)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
