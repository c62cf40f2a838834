"""TCP and WebSocket: each client with the token gets a session of its own; no other connection costs anything."""

from __future__ import annotations

import asyncio
import stat
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from lsprotocol import types
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.lsp.serving import admission
from server.lsp.wire import framing
from tests.wire import forking
from tests.wire.conftest import PROGRAM, to_plain_json, wait_for
from tests.wire.serving import Serving, build_frame, build_initialize, parse_bodies, run_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pytest_lsp import LanguageClient

BOTH = pytest.mark.parametrize("server", ["tcp", "ws"], indirect=True)
TCP = pytest.mark.parametrize("server", ["tcp"], indirect=True)
WS = pytest.mark.parametrize("server", ["ws"], indirect=True)
STATUS = {"jsonrpc": "2.0", "id": 2, "method": "workspace/executeCommand", "params": {"command": "starling.status"}}


@pytest.fixture
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Serving]:
    """Run and yield a server on the transport that the test's parameter names."""
    async with run_server(tmp_path, request.param, starts=forking.choose_start(request)) as one:
        yield one


async def open_document(client: LanguageClient, text: str) -> int:
    """Open an untitled document; return the number of documents open in its session."""
    item = types.TextDocumentItem("untitled:1", "python", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    status = await wait_for(client.workspace_execute_command_async(types.ExecuteCommandParams("starling.status")))
    return int(to_plain_json(status)["open_documents"])


async def leave(client: LanguageClient) -> None:
    """Shut the session down and close the connection."""
    await wait_for(client.shutdown_session())
    await wait_for(client.stop())
    if isinstance(writer := client.protocol.writer, asyncio.StreamWriter):  # which the client itself leaves open
        writer.close()
        await wait_for(writer.wait_closed())


@pytest.mark.real_start
@BOTH
async def test_each_connection_is_a_session_of_its_own_and_the_server_outlives_them(server: Serving) -> None:
    one, other = await server.connect_editor(), await server.connect_editor()
    assert await open_document(one, "x = 1\n" * 500_000) == 1
    status = await wait_for(other.workspace_execute_command_async(types.ExecuteCommandParams("starling.status")))
    assert to_plain_json(status)["open_documents"] == 0
    await leave(one)
    assert await open_document(other, "y") == 1
    await leave(other)
    later = await server.connect_editor()
    assert await open_document(later, "z") == 1
    await leave(later)


# Who does not know the token


WRONG = [None, "", "x" * 43, "almost", 5, ["x"], {"x": 1}]
FIRST = [
    STATUS,
    {"jsonrpc": "2.0", "method": "initialized", "params": {}},
    {"jsonrpc": "2.0", "method": "initialize", "params": {}},
    {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": {}}},
    {"jsonrpc": "2.0", "id": "x", "result": {"answer": "Apply"}},
    [STATUS],
    "text",
    {"jsonrpc": "1.0"},
]


@pytest.mark.real_start  # a fork has a child of its own
@BOTH
async def test_without_the_token_initialize_is_refused_in_a_sentence_and_the_connection_ends(
    server: Serving, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "secret.py").write_text("x = 1\n")
    before = set(server.home.rglob("*"))

    async def try_token(shown: object) -> None:
        raw = await server.connect_raw()
        token = server.token[:-1] if shown == "almost" else shown
        await raw.send(build_initialize(token, workspaceFolders=[{"uri": folder.as_uri(), "name": "w"}]))
        await raw.send({"jsonrpc": "2.0", "method": "initialized", "params": {}}, STATUS)
        (answer,) = await raw.receive_all()
        assert (answer["id"], answer["error"]["code"]) == (1, -32803)
        assert "token is missing or wrong" in answer["error"]["message"]
        assert server.token not in str(answer)

    await asyncio.gather(*map(try_token, WRONG))
    assert set(server.home.rglob("*")) == before
    assert psutil.Process(server.process.pid).children(recursive=True) == []


@BOTH
async def test_nothing_but_initialize_comes_first(server: Serving) -> None:
    for first in FIRST:
        raw = await server.connect_raw()
        await raw.send(first, build_initialize(server.token), STATUS)
        answers = await raw.receive_all()
        assert [answer["error"]["message"] for answer in answers] == ["the first message must be initialize"]


@BOTH
async def test_a_second_try_needs_another_connection(server: Serving) -> None:
    raw = await server.connect_raw()
    await raw.send(build_initialize("wrong"), build_initialize(server.token, 2), STATUS)
    (answer,) = await raw.receive_all()
    assert answer["id"] == 1
    await leave(await server.connect_editor())


@BOTH
async def test_a_silent_connection_is_closed(server: Serving) -> None:
    begun = asyncio.get_running_loop().time()
    raw = await server.connect_raw()
    (answer,) = await raw.receive_all()
    assert "no initialize came within" in answer["error"]["message"]
    assert asyncio.get_running_loop().time() - begun > admission.WAIT_S - 1


@BOTH
async def test_many_waiting_connections_do_not_keep_a_person_out(server: Serving) -> None:
    crowd = [await server.connect_raw() for _ in range(admission.MOST_WAITING + 5)]
    client = await server.connect_editor()
    (first,) = await crowd[0].receive_all()
    assert "too many connections" in first["error"]["message"]
    await leave(client)


@TCP
async def test_before_the_token_a_message_must_be_short(server: Serving) -> None:
    raw = await server.connect_raw()
    await raw.send(b" " * (admission.MOST_BYTES + 1))
    (answer,) = await raw.receive_all()
    assert "left unread" in answer["error"]["message"]


@WS
async def test_before_the_token_a_message_on_a_web_socket_must_be_short(server: Serving) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}", compression=None) as socket:
        with pytest.raises(ConnectionClosed, match="1009"):
            await wait_for(_send_and_receive(socket, b" " * (admission.MOST_BYTES + 1)))


# The token


@BOTH
async def test_the_token_is_in_one_file_that_only_its_owner_can_read(server: Serving) -> None:
    assert server.token_file.read_text().strip() == server.token
    assert stat.S_IMODE(server.token_file.stat().st_mode) == 0o600
    assert server.home in server.token_file.parents
    client = await server.connect_editor()
    assert await open_document(client, "x") == 1
    await leave(client)
    held = [path for path in server.home.rglob("*") if path.is_file() and server.token.encode() in path.read_bytes()]
    assert held == [server.token_file]
    server.process.terminate()
    await wait_for(server.process.wait())
    assert not server.token_file.exists()


@pytest.mark.parametrize("transport", ["tcp", "ws"])
async def test_a_named_file_keeps_the_token_from_one_start_to_the_next(tmp_path: Path, transport: str) -> None:
    file = tmp_path / "token"
    async with run_server(tmp_path, transport, "--token-file", str(file)) as first:
        assert first.token_file == file
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        token = first.token
    async with run_server(tmp_path, transport, f"--token-file={file}") as second:
        assert second.token == ""  # it is known already
        await leave(await second.connect_editor(token))


@WS
async def test_a_web_socket_may_send_the_token_in_its_request(server: Serving) -> None:
    address, right = f"ws://127.0.0.1:{server.port}", {"Authorization": f"Bearer {server.token}"}
    async with connect(address, compression=None, additional_headers=right) as socket:
        await socket.send(build_frame(build_initialize()).partition(b"\r\n\r\n")[2])
        assert b'"capabilities"' in (await wait_for(socket.recv())).encode()  # type: ignore[union-attr]
    for wrong in ("Bearer wrong", server.token, f"Basic {server.token}"):
        with pytest.raises(InvalidStatus, match="401"):
            await wait_for(connect(address, additional_headers={"Authorization": wrong}).__aenter__())


# Web pages


@TCP
async def test_a_web_page_that_posts_is_not_taken_for_an_editor(server: Serving) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = b'{"jsonrpc":"2.0","id":1,"method":"shutdown"}'
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert await wait_for(reader.read()) == b""
    writer.close()
    await writer.wait_closed()


@WS
async def test_a_web_page_gets_no_web_socket(server: Serving) -> None:
    right = {"Authorization": f"Bearer {server.token}"}
    for origin in ("https://evil.example", f"http://127.0.0.1:{server.port}", "null"):
        with pytest.raises(InvalidStatus, match="403"):
            await wait_for(
                connect(f"ws://127.0.0.1:{server.port}", origin=origin, additional_headers=right).__aenter__()  # type: ignore[arg-type]
            )


@WS
async def test_a_web_socket_is_accepted_only_under_our_own_host_names(server: Serving) -> None:
    for name in ("evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "[", ""):
        assert await request_handshake(server, name.format(port=server.port)) == b"403"
    for name in ("localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "127.0.0.1"):
        assert await request_handshake(server, name.format(port=server.port)) == b"101"


async def request_handshake(server: Serving, host: str) -> bytes:
    """Request a WebSocket under the host name `host`; return the HTTP status of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [
        "GET / HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {server.token}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Version: 13", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    status = (await wait_for(reader.readline())).split()[1]
    writer.close()
    return status


# Bounds


@pytest.mark.real_start
@TCP
async def test_a_message_that_is_too_long_is_answered_and_skipped(server: Serving) -> None:
    raw: Any = await server.connect_raw()
    await raw.send(build_initialize(server.token))
    before = psutil.Process(server.process.pid).memory_info().rss
    raw.writer.write(b"Content-Length: 300000000\r\n\r\n")
    highest = 0
    for _ in range(300):
        raw.writer.write(b" " * 1_000_000)
        await wait_for(raw.writer.drain())
        highest = max(highest, psutil.Process(server.process.pid).memory_info().rss)
    await raw.send(STATUS, {"jsonrpc": "2.0", "id": 3, "method": "shutdown"}, {"jsonrpc": "2.0", "method": "exit"})
    answers = await raw.receive_all()
    assert [answer["id"] for answer in answers] == [1, None, 2, 3]
    assert "300,000,000 bytes was left unread" in answers[1]["error"]["message"]
    assert highest - before < 50_000_000


@pytest.mark.real_start
@WS
async def test_a_message_on_a_web_socket_that_is_too_long_ends_the_connection(server: Serving) -> None:
    process, raw = psutil.Process(server.process.pid), await server.connect_raw()
    await raw.send(build_initialize(server.token))
    await raw.receive()
    before = process.memory_info().rss
    with pytest.raises(ConnectionClosed, match="1009"):
        await wait_for(_send_and_receive(raw.socket, b" " * 300_000_000))  # type: ignore[attr-defined]
    assert process.memory_info().rss - before < 50_000_000
    await leave(await server.connect_editor())


async def _send_and_receive(socket: Any, data: bytes) -> None:
    """Send `data`, then receive until the connection ends."""
    await socket.send(data)
    while True:
        await socket.recv()


@TCP
async def test_a_text_of_fifty_megabytes_is_opened(server: Serving) -> None:
    raw: Any = await server.connect_raw()
    text = "x = 'é'\n" * 6_250_000
    item = {"uri": "untitled:1", "languageId": "plaintext", "version": 1, "text": text}
    opening = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}}
    assert len(build_frame(opening)) < framing.MAX_BODY_BYTES
    await raw.send(build_initialize(server.token), opening, STATUS)
    raw.writer.write_eof()
    answers = await raw.receive_all()
    assert answers[-1]["result"]["open_documents"] == 1


@TCP
async def test_requests_before_the_end_are_answered(server: Serving) -> None:
    raw: Any = await server.connect_raw()
    await raw.send(build_initialize(server.token), STATUS)
    raw.writer.write_eof()
    assert [answer["id"] for answer in await raw.receive_all()] == [1, 2]


@BOTH
async def test_the_number_of_sessions_is_bounded(server: Serving) -> None:
    crowd = []
    for number in range(admission.MOST_SESSIONS):
        one = await server.connect_raw()
        await one.send(build_initialize(server.token, number))
        assert (await one.receive())["id"] == number
        crowd.append(one)
    late = await server.connect_raw()
    await late.send(build_initialize(server.token))
    (answer,) = await late.receive_all()
    assert "are connected already" in answer["error"]["message"]
    await crowd[0].send({"jsonrpc": "2.0", "method": "exit"})
    await crowd[0].receive_all()
    await leave(await server.connect_editor())


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_an_address_that_others_reach_is_refused_unless_it_is_allowed(option: str) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM[1:],
        option,
        "0.0.0.0:0",
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await wait_for(server.communicate())
    assert server.returncode not in (0, None)
    assert b"0.0.0.0" in said


def test_the_stream_of_a_server_is_read_as_frames() -> None:
    assert parse_bodies(build_frame({"id": 1}) + build_frame({"id": 2})) == [{"id": 1}, {"id": 2}]


@pytest.mark.real_start
@TCP
async def test_ended_sessions_leave_little_memory_behind(server: Serving) -> None:
    process = psutil.Process(server.process.pid)
    text = "def area(x):\n    return x * x\n\n\n" * 2_000

    async def run_session(number: int) -> None:
        raw = await server.connect_raw()
        await raw.send(build_initialize(server.token), {"jsonrpc": "2.0", "method": "initialized", "params": {}})
        for document in range(3):
            item = {"uri": f"untitled:{document}", "languageId": "python", "version": 1, "text": f"{text}# {number}"}
            await raw.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}})
        place = {"textDocument": {"uri": "untitled:0"}, "position": {"line": 1, "character": 10}}
        asked = {**place, "context": {"triggerKind": 1}}
        await raw.send({"jsonrpc": "2.0", "id": 2, "method": "textDocument/inlineCompletion", "params": asked})
        while (await raw.receive()).get("id") != 2:
            pass
        await raw.send({"jsonrpc": "2.0", "id": 8, "method": "shutdown"}, {"jsonrpc": "2.0", "method": "exit"})
        assert 8 in {answer.get("id") for answer in await raw.receive_all()}
        await raw.close()

    for number in range(4):  # every process loads some objects once
        await run_session(number)
    before = process.memory_info().rss
    for number in range(10):
        await run_session(number)
    await asyncio.sleep(3)  # the server frees the memory of ended sessions after some time
    assert process.memory_info().rss - before < 30_000_000
    assert process.num_threads() < 10
    assert len(process.children()) <= 1


@pytest.mark.real_start
@TCP
async def test_ten_sessions_of_one_workspace_share_its_processes_until_the_last_one_leaves(
    server: Serving, tmp_path: Path
) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("def zebra():\n    return 1\n")
    workspace = [types.WorkspaceFolder(folder.as_uri(), "workspace")]
    clients = [await server.connect_editor(workspace_folders=workspace) for _ in range(10)]

    async def wait_for_index(client: LanguageClient) -> None:
        asked = types.ExecuteCommandParams("starling.status")
        while True:
            status = to_plain_json(await wait_for(client.workspace_execute_command_async(asked)))
            if status["index"] and status["index"]["state"] == "ready":
                assert status["index"]["files"] == 1
                return
            await asyncio.sleep(0.1)

    async def wait_for_children(most: int) -> None:
        async with asyncio.timeout(20):
            while len(process.children(recursive=True)) > most:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)

    process = psutil.Process(server.process.pid)
    async with asyncio.timeout(60):
        await asyncio.gather(*map(wait_for_index, clients))
    await wait_for_children(3)  # one indexes, one analyses for it, one watches
    shared = set(process.children())
    assert shared
    for client in clients[:-1]:
        await leave(client)
    assert shared & set(process.children())
    await leave(clients[-1])
    await wait_for_children(0)
