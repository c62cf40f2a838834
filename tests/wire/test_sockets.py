"""TCP and WebSocket: sessions of their own, and no way in for web pages."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types
from pytest_lsp import make_test_lsp_client
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.wire.conftest import PROGRAM, plain, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pytest_lsp import LanguageClient


@pytest.fixture
async def ports(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """The port of a server on the transport that the test's parameter names."""
    environment = {**os.environ, "STARLING_HOME": str(tmp_path / "home"), "STARLING_MODEL__ENABLED": "false"}
    command = [*PROGRAM, f"--{request.param}", "127.0.0.1:0"]
    server = await asyncio.create_subprocess_exec(
        *command, env=environment, stderr=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert server.stderr is not None
    announced = await within(server.stderr.readuntil(b"://127.0.0.1:"))
    assert request.param.encode() in announced
    yield int(re.match(rb"\d+", await within(server.stderr.readline()))[0])  # type: ignore[index]
    server.terminate()
    assert await within(server.wait()) == 0


async def connected(transport: str, port: int) -> LanguageClient:
    client = make_test_lsp_client()
    await (client.start_tcp if transport == "tcp" else client.start_ws)("127.0.0.1", port)
    capabilities = types.ClientCapabilities()
    params = types.InitializeParams(process_id=None, root_uri=None, capabilities=capabilities)
    await within(client.initialize_session(params))
    return client


async def opened(client: LanguageClient, text: str) -> int:
    item = types.TextDocumentItem("untitled:1", "python", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    status = await within(client.workspace_execute_command_async(types.ExecuteCommandParams("starling.status")))
    return int(plain(status)["open_documents"])


async def left(client: LanguageClient) -> None:
    await within(client.shutdown_session())
    await within(client.stop())
    if isinstance(writer := client.protocol.writer, asyncio.StreamWriter):  # which the client itself leaves open
        writer.close()
        await within(writer.wait_closed())


@pytest.mark.parametrize(("ports", "transport"), [("tcp", "tcp"), ("ws", "ws")], indirect=["ports"])
async def test_each_connection_is_a_session_of_its_own_and_the_server_outlives_them(ports: int, transport: str) -> None:
    one, other = await connected(transport, ports), await connected(transport, ports)
    assert await opened(one, "x = 1\n" * 500_000) == 1
    status = await within(other.workspace_execute_command_async(types.ExecuteCommandParams("starling.status")))
    assert plain(status)["open_documents"] == 0
    await left(one)
    assert await opened(other, "y") == 1
    await left(other)
    later = await connected(transport, ports)
    assert await opened(later, "z") == 1
    await left(later)


@pytest.mark.parametrize("ports", ["tcp"], indirect=True)
async def test_what_a_web_page_posts_is_not_taken_for_an_editor(ports: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", ports)
    body = b'{"jsonrpc":"2.0","id":1,"method":"shutdown"}'
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert await within(reader.read()) == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("ports", ["ws"], indirect=True)
async def test_a_web_page_gets_no_web_socket(ports: int) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        await within(connect(f"ws://127.0.0.1:{ports}", origin="https://evil.example").__aenter__())  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_an_address_that_others_reach_is_refused_unless_it_is_allowed(option: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM[1:],
        option,
        "0.0.0.0:0",
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await within(server.communicate())
    assert server.returncode not in (0, None)
    assert b"0.0.0.0" in said
