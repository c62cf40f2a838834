"""Real MCP servers, over stdio and streamable HTTP: started when needed, called, ended; and those that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import psutil
import pytest

from agents.ports.mcp_servers import McpCall, McpFailed
from server.mcp_client import pool as pools
from server.mcp_client.definitions import ServerDefinition
from server.mcp_client.pool import ServerPool
from tests.server.mcp_client.bench import WAIT_S, call, define_demo, define_raw, open_pool, serve_demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def list_children() -> set[int]:
    """Return the ids of all living descendants of this process."""
    alive = (one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE)
    return {one.pid for one in alive}


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Fail a test after which a process of its own still runs."""
    before = list_children()
    yield
    assert list_children() <= before


async def test_tools_of_a_program_are_listed_called_and_listed_again_when_they_change() -> None:
    async with open_pool(define_demo()) as pool:
        assert [(one.name, one.about) for one in pool.servers] == [("demo", "For tests.")]
        tools = await pool.list_tools("demo")
        assert {"add", "echo", "fail"} <= {one.name for one in tools.tools}
        (add,) = (one for one in tools.tools if one.name == "add")
        assert (add.description, add.schema["required"], tools.left_out) == ("Add two numbers.", ["first"], 0)
        assert await call(pool, "add", "demo", first=2, second=3) == "5"
        failed = await pool.call(McpCall("demo", "fail", {}))
        assert (failed.failed, failed.text) == (True, "Error executing tool fail")
        assert "Demo 1.0" in await pool.describe("demo")
        assert await call(pool, "learn", "demo") == "done"
        await wait_for_tool(pool, "demo", "learned")
        assert await call(pool, "learned", "demo") == "hello"


async def test_tools_at_an_address_are_listed_and_called() -> None:
    with serve_demo() as url:
        async with open_pool(ServerDefinition("demo", url=url, timeout_s=WAIT_S)) as pool:
            assert pool.servers[0].location == url
            assert "echo" in {one.name for one in (await pool.list_tools("demo")).tools}
            assert await call(pool, "echo", "demo", text="caf\u00e9") == "caf\u00e9"
            assert len(await call(pool, "grow", "demo", size=150_000)) == 150_000


async def wait_for_tool(pool: ServerPool, server: str, tool: str) -> None:
    """Wait until a server is known to have a tool."""
    deadline = time.monotonic() + WAIT_S
    while tool not in {one.name for one in (await pool.list_tools(server)).tools}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_server_starts_at_its_first_use_and_only_once() -> None:
    before = list_children()
    async with open_pool(define_raw(), define_raw(name="other")) as pool:
        assert list_children() == before
        await asyncio.gather(*(pool.list_tools("raw") for _ in range(5)))
        assert len(list_children() - before) == 1


async def test_a_server_gets_a_clean_environment_and_its_own_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_API_KEY", "hunter2")
    monkeypatch.setenv("STARLING_CHAT__URL", "http://localhost")
    monkeypatch.setenv("DEMO_SOURCE", "from here")
    monkeypatch.setenv("PYTHONPATH", "modules")
    monkeypatch.chdir(tmp_path)
    async with open_pool(define_raw(env={"DEMO": "<${env:DEMO_SOURCE}>"})) as pool:
        said = json.loads(await call(pool, "environment"))
    assert said["folder"] == os.environ["HOME"]
    environment = said["environment"]
    assert environment["DEMO"] == "<from here>"
    assert {"PATH", "HOME"} <= set(environment)
    assert not {"MY_API_KEY", "STARLING_CHAT__URL", "DEMO_SOURCE", "PYTHONPATH"} & set(environment)


async def test_an_older_server_says_that_its_tools_have_changed() -> None:
    async with open_pool(define_raw()) as pool:
        assert [one.name for one in (await pool.list_tools("raw")).tools] == ["tool"]
        await call(pool, "learn")
        await wait_for_tool(pool, "raw", "learned")


async def test_only_text_of_a_result_is_shown() -> None:
    async with open_pool(define_raw()) as pool:
        said = await call(pool, "contents")
    assert said == "[image, image/png: not shown]\n[a link to a file: file:///a.txt]\nof b"


async def test_a_server_that_ends_in_a_call_is_started_again_for_the_next_one() -> None:
    async with open_pool(define_raw()) as pool:
        with pytest.raises(McpFailed, match="The MCP server raw failed: it ended"):
            await call(pool, "end")
        assert await call(pool, "echo", text="again") == "again"


async def test_a_call_that_takes_too_long_or_is_cancelled_ends() -> None:
    async with open_pool(define_raw(timeout_s=0.5), define_raw(name="other")) as pool:
        await pool.list_tools("raw")
        with pytest.raises(McpFailed, match=r"did not answer within 0\.5 seconds"):
            await call(pool, "sleep")
        begun = time.monotonic()
        with pytest.raises(McpFailed, match="the request was cancelled"):
            await pool.call(McpCall("other", "sleep", {}), cancelled=lambda: time.monotonic() - begun > 1)


@pytest.mark.parametrize(("misdeed", "said"), [
    ("flood", "it sends without end"),
    ("line", "it sends a message of more than 8 MB"),
    ("junk", "it prints text that is no message"),
    ("hang", "did not answer within 1 seconds"),
])  # fmt: skip
async def test_a_server_that_misbehaves_in_a_call_is_a_sentence(misdeed: str, said: str) -> None:
    async with open_pool(define_raw(misdeed, timeout_s=1.0 if misdeed == "hang" else WAIT_S)) as pool:
        assert (await pool.list_tools("raw")).tools[0].name == "tool"
        with pytest.raises(McpFailed, match=said):
            await call(pool, "tool")


async def test_a_server_that_does_not_start_is_a_sentence_and_is_not_tried_at_once_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_pool(define_raw("dead"), ServerDefinition("gone", "no-such-program")) as pool:
        with pytest.raises(McpFailed, match="The MCP server raw did not start: it ended") as first:
            await pool.list_tools("raw")
        assert "hunter2" not in str(first.value)
        assert "I am out of order" in pool.read_errors("raw"), "for the person alone"
        begun = time.monotonic()
        with pytest.raises(McpFailed, match="did not start"):
            await pool.list_tools("raw")
        assert time.monotonic() - begun < 0.2
        with pytest.raises(McpFailed, match="there is no program no-such-program; name one on your PATH"):
            await pool.list_tools("gone")
        with pytest.raises(McpFailed, match="There is no MCP server 'other'; there are: raw, gone"):
            await pool.list_tools("other")
        monkeypatch.setattr(pools, "RETRY_S", 0.0)
        with pytest.raises(McpFailed, match="did not start"):
            await pool.list_tools("raw")


async def test_a_program_of_the_folder_that_starling_is_in_is_not_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "evil"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join((".", "", os.environ["PATH"])))
    for command in ("evil", "./evil"):
        async with open_pool(ServerDefinition("evil", command)) as pool:
            with pytest.raises(McpFailed, match="there is no program"):
                await pool.list_tools("evil")
    assert not (tmp_path / "ran").exists()


async def test_a_server_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from server.mcp_client import connection  # noqa: PLC0415 (an extra)

    monkeypatch.setattr(connection, "START_S", 0.5)
    async with open_pool(define_raw("silent")) as pool:
        with pytest.raises(McpFailed, match=r"The MCP server raw did not start within 0\.5 seconds"):
            await pool.list_tools("raw")


async def test_lists_are_bounded_and_bad_names_left_out() -> None:
    async with open_pool(define_raw("many")) as pool:
        many = await pool.list_tools("raw")
        assert (len(many.tools), many.left_out) == (1000, 9000)
    async with open_pool(define_raw("names")) as pool:
        names = await pool.list_tools("raw")
        assert ([one.name for one in names.tools], names.left_out) == (["good"], 5)
    async with open_pool(define_raw("pages")) as pool:
        pages = await pool.list_tools("raw")
        assert 0 < len(pages.tools) <= 20
        assert pages.left_out
    async with open_pool(define_raw("large")) as pool:
        large, small = (await pool.list_tools("raw")).tools
        assert (large.problem, large.schema, small.problem) == ("its schema has more than 30,000 characters", {}, "")
    async with open_pool(define_raw("malformed")) as pool:
        with pytest.raises(McpFailed, match="its answer has another form than the protocol says"):
            await pool.list_tools("raw")
    async with open_pool(define_raw("greeting")) as pool:
        assert (await pool.list_tools("raw")).tools


@pytest.mark.parametrize("misdeed", ["stubborn", "children"])
async def test_a_server_that_does_not_want_to_end_is_killed_with_its_children(misdeed: str) -> None:
    async with open_pool(define_raw(misdeed)) as pool:
        await pool.list_tools("raw")
        children = re.findall(r"child (\d+)", pool.read_errors("raw"))
        begun = time.monotonic()
        await asyncio.to_thread(pool.close)
        assert time.monotonic() - begun < 9
    for child in children:
        assert not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == psutil.STATUS_ZOMBIE


async def test_a_closed_pool_and_a_missing_package_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ServerPool([define_raw()])
    pool.close()
    pool.close()
    with pytest.raises(McpFailed, match="this workspace is closed"):
        await pool.list_tools("raw")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        McpFailed, match=r"need the package mcp, which is not installed; .* uv tool install '\.\[mcp\]'"
    ):
        await ServerPool([define_raw()]).list_tools("raw")


async def test_an_address_that_nobody_serves_is_a_sentence() -> None:
    async with open_pool(ServerDefinition("gone", url="http://127.0.0.1:9/mcp")) as pool:
        with pytest.raises(McpFailed, match=r"did not start: http://127\.0\.0\.1:9/mcp cannot be reached"):
            await pool.list_tools("gone")


class Refusing(BaseHTTPRequestHandler):
    """Answers by the path: a status, a redirect to another address, a compressed or an endless answer."""

    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Answer a request."""
        self.seen.append(f"{self.path} {self.headers.get('Authorization')}")
        self.rfile.read(int(self.headers["Content-Length"]))
        status = {"/401": 401, "/500": 500, "/away": 307}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if self.path == "/away":
            self.send_header("Location", "http://localhost:9/mcp")
        if self.path == "/gzip":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):
            while self.path == "/endless":
                self.wfile.write(b" " * 1_000_000)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """Yield the address of a server that refuses everything, in its own way."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("path", "said"), [
    ("401", r"it refuses the login \(HTTP status 401\); set `headers`"),
    ("500", "it answers with the HTTP status 500"),
    ("away", "it says: Redirect to .* not followed"),
    ("gzip", "it sends compressed answers"),
    ("endless", "it sends without end"),
])  # fmt: skip
async def test_an_address_that_refuses_is_a_sentence_without_the_key(
    refusing: str, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    monkeypatch.setenv("MY_KEY", "hunter2hunter2")
    headers = {"Authorization": "Bearer ${env:MY_KEY}"}
    async with open_pool(ServerDefinition("web", url=f"{refusing}/{path}", headers=headers)) as pool:
        with pytest.raises(McpFailed, match=said) as failed:
            await pool.list_tools("web")
    assert "hunter2" not in str(failed.value)
    assert f"/{path} Bearer hunter2hunter2" in Refusing.seen


async def test_a_secret_that_is_not_there_is_named() -> None:
    for reference, said in (("env:NO_KEY", "The environment variable NO_KEY"), ("keyring:none", "keyring")):
        server = ServerDefinition("web", url="http://127.0.0.1:9/", headers={"a": f"${{{reference}}}"})
        async with open_pool(server) as pool:
            with pytest.raises(McpFailed, match=said):
                await pool.list_tools("web")
