"""A hub on loopback that publishes one folder, with the faults a person meets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A hub for tests: its published files, its faults, and the requests that it got.

    Attributes:
        folder: its files are the repository's.
        token: the account that may read; "" for everybody.
        status: answered to everything instead, 0 for none.
        cut_after: the first download of weights breaks off after so many bytes; 0 for never.
        damaged: weights arrive with one byte changed.
        ranges: the first byte of each download of weights.
        seen_tokens: what came as authorization.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = ""
        self.status = 0
        self.cut_after = 0
        self.damaged = False
        self.ranges: list[int] = []
        self.seen_tokens: set[str] = set()
        self.url = ""

    def listing(self) -> dict[str, Any]:
        siblings = []
        for path in sorted(self.folder.iterdir()):
            data = path.read_bytes()
            one: dict[str, Any] = {"rfilename": path.name, "size": len(data), "blobId": "0" * 40}
            if path.suffix == ".safetensors":
                one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            siblings.append(one)
        return {"id": "someone/model", "sha": REVISION, "siblings": siblings, "private": False, "gated": False}


class Handler(BaseHTTPRequestHandler):
    """Answers for the hub that its class names."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.hub.seen_tokens.add(self.headers.get("Authorization", ""))
        if self.hub.status:
            self.send(self.hub.status, b"{}", {}, body=body)
        elif self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.send(403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "accept the licence"}, body=body)
        elif self.path.startswith("/api/"):
            self.send(200, json.dumps(self.hub.listing()).encode(), {"Content-Type": "application/json"}, body=body)
        else:
            self.file(self.hub.folder / self.path.partition("?")[0].rpartition("/")[2], body=body)

    def file(self, path: Path, *, body: bool) -> None:
        if not path.is_file():
            self.send(404, b"{}", {"X-Error-Code": "EntryNotFound"}, body=body)
            return
        data = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Repo-Commit": REVISION,
            "Accept-Ranges": "bytes",
        }
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if body and path.suffix == ".safetensors":
            self.hub.ranges.append(first)
            if self.hub.damaged:
                data = data[:-1] + bytes([data[-1] ^ 1])
            if self.hub.cut_after:
                end, self.hub.cut_after = self.hub.cut_after, 0
                self.send(200, data, headers, body=True, until=end)
                self.close_connection = True
                return
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self.send(206 if first else 200, data[first:], headers, body=body)

    def send(self, status: int, data: bytes, headers: dict[str, str], *, body: bool, until: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[:until])

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def serve_hub(hub: Hub) -> Iterator[Hub]:
    """Start `hub`; yield it while it listens."""
    handler = type("HandlerOfHub", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()
