"""A real server on a socket, its output at the start, and connections that send it any bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pytest_lsp import make_test_lsp_client
from websockets.asyncio.client import connect

from tests.wire import forking
from tests.wire.conftest import PROGRAM, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager

    from pytest_lsp import LanguageClient
    from websockets.asyncio.client import ClientConnection

    Starts = Callable[[], AbstractContextManager[None]]


@dataclass
class Serving:
    """One server.

    Attributes:
        transport: "tcp" or "ws".
        port: the port.
        token: the token that it printed at the start; "" if it printed none.
        token_file: the file of the token, as printed at the start.
        process: its process.
        home: the folder of its files.
        opened: raw connections, which are closed before the server ends.
    """

    transport: str
    port: int
    token: str
    token_file: Path
    process: asyncio.subprocess.Process
    home: Path
    opened: list[Raw] = field(default_factory=list)

    async def connect_editor(self, token: str | None = None, **params: Any) -> LanguageClient:
        """Connect an editor, with `token` in place of the right one if given, and initialize its session."""
        client = make_test_lsp_client()
        await (client.start_tcp if self.transport == "tcp" else client.start_ws)("127.0.0.1", self.port)
        options = {"starling": {"token": self.token if token is None else token}}
        given = {"process_id": None, "root_uri": None, "capabilities": types.ClientCapabilities(), **params}
        given = {"initialization_options": options, **given}
        await wait_for(client.initialize_session(types.InitializeParams(**given)))
        return client

    async def connect_raw(self) -> Raw:
        """Open and return a connection on which a test sends any messages."""
        if self.transport == "ws":
            socket = await wait_for(connect(f"ws://127.0.0.1:{self.port}", compression=None, max_size=None))
            raw: Raw = RawSocket(socket)
        else:
            raw = RawStream(*await wait_for(asyncio.open_connection("127.0.0.1", self.port)))
        self.opened.append(raw)
        return raw


class Raw:
    """Any bytes there, any answers back."""

    async def send(self, *messages: object) -> None:
        """Send messages; do nothing if the other side has closed the connection."""
        raise NotImplementedError

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        raise NotImplementedError

    async def receive_all(self) -> list[dict[str, Any]]:
        """Return all messages until the server closes the connection."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the connection, if it is open."""
        raise NotImplementedError


class RawStream(Raw):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *messages: object) -> None:
        with contextlib.suppress(OSError):
            self.writer.write(b"".join(map(build_frame, messages)))
            await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        header = await wait_for(self.reader.readuntil(b"\r\n\r\n"))
        return parse_bodies(header + await wait_for(self.reader.readexactly(int(re.findall(rb"\d+", header)[0]))))[0]

    async def receive_all(self) -> list[dict[str, Any]]:
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await wait_for(self.reader.read(1 << 20)):
                said += data
        return parse_bodies(said)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await wait_for(self.writer.wait_closed())


class RawSocket(Raw):
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: object) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        return dict(json.loads(await wait_for(self.socket.recv())))

    async def receive_all(self) -> list[dict[str, Any]]:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        found = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                found.append(json.loads(await wait_for(self.socket.recv())))
        return found

    async def close(self) -> None:
        if not self.socket.transport.is_closing():
            await wait_for(self.socket.close())


def build_frame(message: object) -> bytes:
    """Return a message of the base protocol with its header; `message` is JSON, or the body as bytes."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def parse_bodies(stream: bytes) -> list[dict[str, Any]]:
    """Return the messages in the bytes that a server sent; fail if one is not strictly JSON."""
    found = []
    while stream:
        header, _, rest = stream.partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", header)[1])  # type: ignore[index]
        found.append(json.loads(rest[:length], parse_constant=_refuse_constant))
        stream = rest[length:]
    return found


def _refuse_constant(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def build_initialize(token: object = None, identity: object = 1, **params: object) -> dict[str, Any]:
    """Return a request `initialize` with the id `identity`, and with `token` in its options unless it is None."""
    options = {} if token is None else {"initializationOptions": {"starling": {"token": token}}}
    given = {"processId": None, "rootUri": None, "capabilities": {}, **options, **params}
    return {"jsonrpc": "2.0", "id": identity, "method": "initialize", "params": given}


@contextlib.asynccontextmanager
async def run_server(
    folder: Path, transport: str, *options: str, starts: Starts = forking.fork_servers, **environment: str
) -> AsyncIterator[Serving]:
    """Run a server on a free port in this block; fail if it does not end cleanly or prints the token again."""
    home = folder / "home"
    ours = {"STARLING_HOME": str(home), "STARLING_MODEL__ENABLED": "false", **environment}
    with starts():
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, f"--{transport}", "127.0.0.1:0", *options,
            env={**os.environ, **ours}, stderr=asyncio.subprocess.PIPE, cwd=folder,
        )  # fmt: skip
    assert process.stderr is not None
    said = (await wait_for(process.stderr.readuntil(b"token is in "))).decode()
    file = Path((await wait_for(process.stderr.readline())).decode().strip())
    port = re.search(rf"listening on {transport}://127\.0\.0\.1:(\d+)\n", said)
    token = re.search(r"the token is (\S+)\n", said)
    assert port is not None, said
    rest = asyncio.ensure_future(process.stderr.read())
    server = Serving(transport, int(port[1]), token[1] if token else "", file, process, home)
    try:
        yield server
    finally:
        for connection in server.opened:
            await connection.close()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert await wait_for(process.wait()) == 0
        assert token is None or token[1].encode() not in await wait_for(rest)
