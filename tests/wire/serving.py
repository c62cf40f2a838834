"""A real server on a socket, what it says when it starts, and the bytes that anybody may send to it."""

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
from tests.wire.conftest import PROGRAM, within

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
        port: where it listens.
        token: what it asks for, as it said on stderr; "" when it said none.
        token_file: the file that it named.
        process: its own.
        home: the folder of its files.
        opened: connections that end with the server at the latest.
    """

    transport: str
    port: int
    token: str
    token_file: Path
    process: asyncio.subprocess.Process
    home: Path
    opened: list[Raw] = field(default_factory=list)

    async def client(self, token: str | None = None, **params: Any) -> LanguageClient:
        """An editor that has begun a session."""
        client = make_test_lsp_client()
        await (client.start_tcp if self.transport == "tcp" else client.start_ws)("127.0.0.1", self.port)
        options = {"starling": {"token": self.token if token is None else token}}
        given = {"process_id": None, "root_uri": None, "capabilities": types.ClientCapabilities(), **params}
        given = {"initialization_options": options, **given}
        await within(client.initialize_session(types.InitializeParams(**given)))
        return client

    async def raw(self) -> Raw:
        """A connection that says what it likes."""
        if self.transport == "ws":
            socket = await within(connect(f"ws://127.0.0.1:{self.port}", compression=None, max_size=None))
            raw: Raw = RawSocket(socket)
        else:
            raw = RawStream(*await within(asyncio.open_connection("127.0.0.1", self.port)))
        self.opened.append(raw)
        return raw


class Raw:
    """Any bytes there, any answers back."""

    async def send(self, *messages: object) -> None:
        """Send messages, whether the other side still listens or not."""
        raise NotImplementedError

    async def answer(self) -> dict[str, Any]:
        """The next that comes."""
        raise NotImplementedError

    async def answers(self) -> list[dict[str, Any]]:
        """All that comes until the connection is closed."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Close the connection, if it is open."""
        raise NotImplementedError


class RawStream(Raw):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *messages: object) -> None:
        with contextlib.suppress(OSError):
            self.writer.write(b"".join(map(frame, messages)))
            await self.writer.drain()

    async def answer(self) -> dict[str, Any]:
        header = await within(self.reader.readuntil(b"\r\n\r\n"))
        return bodies(header + await within(self.reader.readexactly(int(re.findall(rb"\d+", header)[0]))))[0]

    async def answers(self) -> list[dict[str, Any]]:
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await within(self.reader.read(1 << 20)):
                said += data
        return bodies(said)

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await within(self.writer.wait_closed())


class RawSocket(Raw):
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: object) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await self.socket.send(json.dumps(message))

    async def answer(self) -> dict[str, Any]:
        return dict(json.loads(await within(self.socket.recv())))

    async def answers(self) -> list[dict[str, Any]]:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        found = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                found.append(json.loads(await within(self.socket.recv())))
        return found

    async def leave(self) -> None:
        if not self.socket.transport.is_closing():
            await within(self.socket.close())


def frame(message: object) -> bytes:
    """A message as the base protocol has it; bytes are taken as they are."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def bodies(stream: bytes) -> list[dict[str, Any]]:
    """The messages that a server sent, each strictly JSON."""
    found = []
    while stream:
        header, _, rest = stream.partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", header)[1])  # type: ignore[index]
        found.append(json.loads(rest[:length], parse_constant=_no_json))
        stream = rest[length:]
    return found


def _no_json(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")


def initialize(token: object = None, identity: object = 1, **params: object) -> dict[str, Any]:
    """A request that begins a session, with a token perhaps."""
    options = {} if token is None else {"initializationOptions": {"starling": {"token": token}}}
    given = {"processId": None, "rootUri": None, "capabilities": {}, **options, **params}
    return {"jsonrpc": "2.0", "id": identity, "method": "initialize", "params": given}


@contextlib.asynccontextmanager
async def serving(
    folder: Path, transport: str, *options: str, starts: Starts = forking.forked, **environment: str
) -> AsyncIterator[Serving]:
    """A server on a free port, until the end of the block."""
    home = folder / "home"
    ours = {"STARLING_HOME": str(home), "STARLING_MODEL__ENABLED": "false", **environment}
    with starts():
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, f"--{transport}", "127.0.0.1:0", *options,
            env={**os.environ, **ours}, stderr=asyncio.subprocess.PIPE, cwd=folder,
        )  # fmt: skip
    assert process.stderr is not None
    said = (await within(process.stderr.readuntil(b"token is in "))).decode()
    file = Path((await within(process.stderr.readline())).decode().strip())
    port = re.search(rf"listening on {transport}://127\.0\.0\.1:(\d+)\n", said)
    token = re.search(r"the token is (\S+)\n", said)
    assert port is not None, said
    rest = asyncio.ensure_future(process.stderr.read())
    server = Serving(transport, int(port[1]), token[1] if token else "", file, process, home)
    try:
        yield server
    finally:
        for connection in server.opened:
            await connection.leave()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert await within(process.wait()) == 0
        assert token is None or token[1].encode() not in await within(rest)
