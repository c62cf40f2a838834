"""`starling connect` in front of real servers that end, are killed, refuse, or have other folders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from server.lsp.front.session_memory import MOST_CHANGES
from server.lsp.serving.visitors import MOST_OF_ACCOUNT
from server.state import paths
from server.state.access.login_files import LoginFiles
from tests.server.access.certificates import write_certificate
from tests.wire import forking
from tests.wire.conftest import PROGRAM, WAIT_S, wait_for
from tests.wire.remote_servers import PASSWORD, BridgedEditor, RemoteServers, read_findings
from tests.wire.serving import RawSocket, build_initialize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

CODE = "import colorsys\n\nprint(1)\n"


@pytest.fixture
async def servers(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RemoteServers]:
    """Run a server with the account "ada", who is logged in."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    servers = RemoteServers(tmp_path, forking.choose_start(request))
    servers.add_account("ada")
    await servers.start()
    await servers.log_in("ada")
    try:
        yield servers
    finally:
        await servers.close()


async def test_a_session_goes_on_at_another_server(servers: RemoteServers) -> None:
    folder = servers.folder / "shared"
    uri = (folder / "a.py").as_uri()
    editor = await servers.connect()
    await editor.begin(folder.as_uri())
    await editor.open(uri, CODE)
    where = {"textDocument": {"uri": uri}}
    assert "colorsys" in str(await editor.list_findings(uri))
    change = {"range": {"start": {"line": 0, "character": 7}, "end": {"line": 0, "character": 15}}, "text": "tarfile"}
    await editor.notify(
        "textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}
    )

    await servers.stop(killed=True)
    while_away = await editor.send("textDocument/diagnostic", where)
    command = await editor.send("workspace/executeCommand", {"command": "starling.status", "arguments": [{}]})
    cancelled = await editor.send("textDocument/diagnostic", where)
    await editor.notify("$/cancelRequest", {"id": cancelled})
    await editor.open((folder / "b.py").as_uri(), "import zipfile\n\nprint(1)\n")
    await editor.wait_for_message("lost")
    assert (await editor.wait_for_answer(cancelled))["error"]["code"] == -32800
    await servers.start()

    answer = await editor.wait_for_answer(while_away)
    assert "tarfile" in str(read_findings(answer))  # the text is the one before the loss
    status = await editor.wait_for_answer(command)
    # it may have reached the connection just before its loss was seen
    assert status.get("result", {}).get("roots") == [str(folder)] or "connection" in status["error"]["message"]
    assert await editor.wait_for_message("again")
    assert "zipfile" in str(await editor.list_findings((folder / "b.py").as_uri()))

    await servers.stop()  # a clean end of the server is a loss, too
    await servers.start()
    assert (await editor.run("starling.status"))["result"]["roots"] == [str(folder)]
    assert await editor.end() == 0


async def test_what_ends_a_session_is_said_in_one_sentence(servers: RemoteServers) -> None:
    folder = servers.folder / "shared"
    editor = await servers.connect()
    await editor.begin(folder.as_uri())
    stored = await asyncio.to_thread(LoginFiles(servers.logins).read)
    servers.accounts.change("ada", disabled=True)
    said = await editor.read_errors()
    assert "refuses the login (the account of the access token does not exist here, or is disabled)" in said
    while not editor.process.stdout.at_eof():  # type: ignore[union-attr]
        with contextlib.suppress(asyncio.IncompleteReadError):
            await editor.take()
    assert any("disabled" in one for one in editor.shown)
    servers.accounts.change("ada", disabled=False)

    editor = await servers.connect()  # the server refuses the stored access token, and a person has to log in again
    await asyncio.to_thread(LoginFiles(servers.logins).write, {**stored, "expires": 0, "refresh": "gone"})
    answer = await editor.begin(folder.as_uri())
    assert answer["error"]["data"]["code"] == "login-needed"
    assert "ended or expired" in answer["error"]["message"]
    assert "run: starling login https://localhost" in await editor.read_errors()

    await asyncio.to_thread(LoginFiles(servers.logins).remove)
    answer = await (editor := await servers.connect()).begin(folder.as_uri())
    assert answer["error"]["data"]["code"] == "login-needed"
    assert "You are not logged in" in answer["error"]["message"]
    assert "Traceback" not in await editor.read_errors()


async def test_other_failures_are_said_in_one_sentence(servers: RemoteServers, tmp_path: Path) -> None:
    folder = servers.folder / "shared"
    (tmp_path / "other").mkdir()
    foreign, _ = write_certificate(tmp_path / "other")
    editor = await servers.connect("--ca", str(foreign))
    answer = await editor.begin(folder.as_uri())
    assert answer["error"]["data"]["code"] == "refused"
    assert "is not trusted" in answer["error"]["message"]
    assert "--ca" in await editor.read_errors()

    await servers.stop()
    editor = await servers.connect()
    answer = await editor.begin(folder.as_uri())
    assert answer["error"]["data"]["code"] == "unreachable"
    assert "nothing listens there" in answer["error"]["message"]
    assert "Traceback" not in await editor.read_errors()

    editor = await servers.connect("--map", "code=/srv")
    assert "--map takes two absolute folders" in await editor.read_errors()


async def test_an_account_with_too_many_sessions_is_told_so(servers: RemoteServers) -> None:
    token = str((await asyncio.to_thread(LoginFiles(servers.logins).read))["access"])
    trusted = ssl.create_default_context(cafile=servers.certificate)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MOST_OF_ACCOUNT):
            socket = await stack.enter_async_context(
                connect(f"wss://localhost:{servers.port}", ssl=trusted, compression=None)
            )
            await RawSocket(socket).send(build_initialize(token))
            assert "result" in await RawSocket(socket).receive()
        editor = await servers.connect()
        answer = await editor.begin((servers.folder / "shared").as_uri())
        assert "this account has as many sessions as it may have" in answer["error"]["message"]
        assert "refuses: this account" in await editor.read_errors()


async def test_folders_of_other_names_are_mapped(servers: RemoteServers) -> None:
    there = servers.folder / "shared" / "pro ject"
    there.mkdir()
    (there / "a.py").write_text("def total(items):\n    return sum(items)\n")
    editor = await servers.connect("--map", f"/home/ada/code={there}")
    fixes = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}
    can = {"textDocument": {"diagnostic": {}, "codeAction": fixes}}
    await editor.begin("file:///home/ada/code", rootPath="/home/ada/code", capabilities=can)
    assert (await editor.run("starling.status"))["result"]["roots"] == ["/home/ada/code"]
    uri = "file:///home/ada/code/b%20c.py"
    await editor.open(uri, f"import os, sys\n\ntotal('{there.as_uri()}')\n")
    where = {"textDocument": {"uri": uri}}
    report = (await editor.ask("textDocument/diagnostic", where))["result"]
    assert report["items"]
    paths: set[str] = set()
    async with asyncio.timeout(WAIT_S):
        while "/home/ada/code/a.py" not in paths:  # until it is indexed
            found = await editor.run("starling.search", query="total")
            paths = {one["path"] for one in found["result"]["hits"]}
    assert str(there) not in str(paths)
    actions = await editor.ask(
        "textDocument/codeAction",
        {**where, "range": report["items"][0]["range"], "context": {"diagnostics": report["items"]}},
    )
    assert uri in str(actions["result"])
    assert there.as_uri() not in str(actions["result"])
    assert await editor.end() == 0


async def test_name_and_password_of_a_login_come_from_a_pipe(servers: RemoteServers) -> None:
    async def log_in(*options: str, given: str) -> tuple[int | None, str]:
        """Run `starling login`; return its exit status and what it says."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM[0], PROGRAM[1], "login", servers.logins, "--ca", str(servers.certificate), *options,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await wait_for(process.communicate(given.encode()))
        assert PASSWORD not in (out + err).decode()
        return process.returncode, err.decode()

    files = LoginFiles(servers.logins)
    await asyncio.to_thread(files.remove)
    assert await log_in(given="") == (1, "starling: A login needs a name; give --user NAME.\n")
    status, said = await log_in(given=f"ada\nnot {PASSWORD}\n")
    assert (status, "name or password is wrong" in said) == (1, True)
    assert await asyncio.to_thread(files.read) == {}
    assert (await log_in(given=f"ada\n{PASSWORD}\n"))[0] == 0
    assert (await asyncio.to_thread(files.read))["refresh"]
    assert (await log_in("--remove", given=""))[0] == 0
    assert (await log_in("--user", "ada", given=f"{PASSWORD}\n"))[0] == 0


# A server of the test's own, which does what ours does not


class PlayedServer:
    """A server on this machine whose answers a test chooses.

    Attributes:
        port: where it listens.
        received: the messages of all connections.
        connections: the open connections, oldest first.
        statuses: HTTP errors for the next connections.
    """

    def __init__(self) -> None:
        self.port = 0
        self.received: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.statuses: list[HTTPStatus] = []
        self.got = asyncio.Condition()

    async def handle(self, socket: ServerConnection) -> None:
        """Answer `initialize`, and keep all messages."""
        self.connections.append(socket)
        async for text in socket:
            message = json.loads(text)
            if message.get("method") == "initialize":
                result = {"capabilities": {"positionEncoding": "utf-8"}}
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))
            async with self.got:
                self.received.append(message)
                self.got.notify_all()

    def check(self, socket: ServerConnection, _: Request) -> Response | None:
        """Refuse a connection with the next status, if there is one."""
        return socket.respond(self.statuses.pop(0), "not now\n") if self.statuses else None

    async def wait_until(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message that is `wanted`."""
        async with asyncio.timeout(WAIT_S), self.got:
            await self.got.wait_for(lambda: any(map(wanted, self.received)))
        return next(filter(wanted, self.received))


@pytest.fixture
async def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PlayedServer]:
    """Run such a server, with a stored login."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    stored = {"access": "a", "expires": time.time() + 900, "refresh": "r"}
    await asyncio.to_thread(LoginFiles("http://localhost:9").write, stored)
    own_server = PlayedServer()
    async with serve(own_server.handle, "127.0.0.1", 0, process_request=own_server.check, compression=None) as listener:
        own_server.port = next(iter(listener.sockets)).getsockname()[1]
        yield own_server


@contextlib.asynccontextmanager
async def connect_played(own_server: PlayedServer, *options: str) -> AsyncIterator[BridgedEditor]:
    """Run `starling connect` for the server in this block, with a session begun."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM[0], PROGRAM[1], "connect", f"ws://localhost:{own_server.port}", "--login", "http://localhost:9",
        *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    editor = BridgedEditor(process)
    try:
        await editor.begin("file:///home/ada/code")
        yield editor
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await wait_for(process.communicate())


async def test_a_server_cannot_lead_the_editor_out_of_a_mapped_folder(own_server: PlayedServer) -> None:
    async with connect_played(own_server, "--map", "/home/ada/code=/srv/code") as editor:
        (socket,) = own_server.connections
        begun = await own_server.wait_until(lambda one: one.get("method") == "initialize")
        assert begun["params"]["workspaceFolders"][0]["uri"] == "file:///srv/code"
        assert begun["params"]["processId"] is None

        async def propose(identity: int, uri: str) -> dict[str, Any]:
            """Have the server send an edit of `uri`; return the answer that it gets."""
            edit = {"changes": {uri: [{"newText": "x", "range": {}}]}}
            request = {"jsonrpc": "2.0", "id": identity, "method": "workspace/applyEdit", "params": {"edit": edit}}
            await socket.send(json.dumps(request))
            if identity > 1:
                while not any(one.get("id") == identity for one in editor.received):
                    await editor.take()
            return await own_server.wait_until(lambda one: one.get("id") == identity and "method" not in one)

        refused = await propose(1, "file:///srv/code/%2e%2e/../../home/ada/.profile")
        assert "was refused" in refused["error"]["message"]
        assert "result" in await propose(2, "file:///srv/code/a.py")
        edits = [
            one["params"]["edit"]["changes"] for one in editor.received if one.get("method") == "workspace/applyEdit"
        ]
        assert [list(one) for one in edits] == [["file:///home/ada/code/a.py"]]

        asked = await editor.send("textDocument/definition", {})
        await own_server.wait_until(lambda one: one.get("id") == asked)
        result = [{"uri": "file:///srv/code/../x", "range": {}}]
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": asked, "result": result}))
        assert "was refused" in (await editor.wait_for_answer(asked))["error"]["message"]


async def test_many_changes_are_kept_as_one_text(own_server: PlayedServer) -> None:
    uri = "file:///home/ada/code/a.py"
    async with connect_played(own_server) as editor:
        await editor.open(uri, "é = '")
        last = MOST_CHANGES + 50
        for number in range(last):
            place = {"line": 0, "character": 6 + number}  # in units of UTF-8
            change = {"range": {"start": place, "end": place}, "text": str(number % 10)}
            await editor.notify(
                "textDocument/didChange",
                {"textDocument": {"uri": uri, "version": 2 + number}, "contentChanges": [change]},
            )
        await own_server.wait_until(lambda one: one["params"].get("textDocument", {}).get("version") == last + 1)
        await asyncio.sleep(1.0)  # the text is rebuilt meanwhile
        own_server.received.clear()
        own_server.statuses += [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY]
        own_server.connections[0].transport.abort()
        asked = await editor.send("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        await own_server.wait_until(lambda one: one.get("id") == asked)
        assert own_server.statuses == []
        assert [one.get("method") for one in own_server.received][:3] == [
            "initialize",
            "initialized",
            "textDocument/didOpen",
        ]
        text = own_server.received[2]["params"]["textDocument"]["text"]
        for one in own_server.received[3:-1]:
            assert one["method"] == "textDocument/didChange"
            text += one["params"]["contentChanges"][0]["text"]
        assert text == "é = '" + "".join(str(number % 10) for number in range(last))
        assert len(own_server.received) < 100
