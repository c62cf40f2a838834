"""A small server that speaks as llama.cpp, vLLM, TGI or Ollama do, byte for byte as their sources write it.

Their sources: llama.cpp `tools/server/server-task.cpp` and `server-context.cpp`, vLLM `vllm/entrypoints/openai`, TGI
`router/src/server.rs` and `lib.rs`, Ollama `server/routes.go` and `api/types.go`. The events of llama.cpp were also
recorded from a running server (see docs/models.md).
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"


@dataclass(frozen=True)
class Said:
    """One response.

    Attributes:
        body: pieces of the body, in order.
        status: HTTP status.
        kind: content type.
        holds: whether the connection stays open after the last piece, until the client closes it.
    """

    body: tuple[bytes, ...]
    status: int = 200
    kind: str = JSON
    holds: bool = False


@dataclass
class Engine:
    """A server with fixed responses.

    Attributes:
        url: its address.
        asked: the path and the body of each POST request, in order.
        hung_up: set once a client closed a connection that was held.
    """

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def run_engine(responses: Mapping[str, Said | list[Said]]) -> Iterator[Engine]:  # noqa: C901 - with its handler
    """Run a server that answers by path; of a list each response is used once, the last one for ever."""
    engine, over = Engine(), threading.Event()
    left = {path: list(said) if isinstance(said, list) else [said] for path, said in responses.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            engine.asked.append((self.path, body))
            self._answer()

        def _answer(self) -> None:
            found = left.get(self.path) or [say_json({"error": "not here"}, 404)]
            said = found.pop(0) if len(found) > 1 else found[0]
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in said.body:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if said.holds:
                self._wait_for_the_client()
                return
            self.wfile.write(b"0\r\n\r\n")

        def _wait_for_the_client(self) -> None:
            self.connection.settimeout(0.05)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    if not self.connection.recv(1):
                        break
            else:
                return
            engine.hung_up.set()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            engine.hung_up.set()

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        engine.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield engine
        finally:
            over.set()
            server.shutdown()
            thread.join()


def say_json(value: object, status: int = 200) -> Said:
    """Return a response with one JSON value."""
    return Said((json.dumps(value).encode(),), status)


def say_events(*events: object, done: bool = True, holds: bool = False, space: str = " ") -> Said:
    """Return a response of server-sent events; TGI writes no `space`, and only OpenAI's forms end with a mark."""
    pieces = [f"data:{space}{json.dumps(event)}\n\n".encode() for event in events]
    return Said(tuple([*pieces, b"data: [DONE]\n\n"] if done else pieces), kind=SSE, holds=holds)


def say_lines(*events: object, holds: bool = False) -> Said:
    """Return a response of JSON lines."""
    return Said(tuple(json.dumps(event).encode() + b"\n" for event in events), kind=NDJSON, holds=holds)
