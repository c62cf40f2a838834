"""Real server processes and pytest-lsp's client. Nothing waits for a fixed time, only for states of the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

from tests.wire import forking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ROOT = Path(__file__).parents[2]
SCRIPTED = [sys.executable, str(Path(__file__).with_name("scripted_server.py"))]
PROGRAM = [sys.executable, str(ROOT / "starling_lsp.py"), "serve"]
WAIT_S = 60.0  # for anything that must happen; a slow machine is no failure

INLINE = types.TextDocumentClientCapabilities(inline_completion=types.InlineCompletionClientCapabilities())


@dataclass
class Session:
    """One client, its server, and the workspace they work in."""

    client: LanguageClient
    workspace: Path
    home: Path

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The server's process."""
        assert self.client._server is not None
        return self.client._server

    async def initialize(
        self, *roots: Path, encoding: str = "utf-16", ready: bool = True, **options: Any
    ) -> types.InitializeResult:
        """Initialize the session as an editor that shows inline completions does; `options` override its parameters.

        With `ready`, also wait until the program is loaded: a completion that is requested before waits three seconds
        for it, which are too few on a busy machine. Return the server's answer to `initialize`.
        """
        capabilities = types.ClientCapabilities(
            text_document=INLINE,
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(encoding)]),
            notebook_document=types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities()),
            workspace=types.WorkspaceClientCapabilities(workspace_folders=True),
        )
        folders = [types.WorkspaceFolder(root.as_uri(), root.name) for root in roots or (self.workspace,)]
        # so that all suggestions are the model's, however slow the machine is
        quiet = {"completion": {"recall": False, "timeoutMs": 60_000}}
        given = {"process_id": os.getpid(), "workspace_folders": folders, "capabilities": capabilities}
        given = {**given, "initialization_options": quiet, **options}
        result = await wait_for(self.client.initialize_session(types.InitializeParams(**given)))
        if ready:
            await self.wait_for_status(lambda status: status["state"] == "ready")
        return result

    def write(self, relative: str, text: str | bytes) -> Path:
        """Write a file of the workspace and return its path."""
        path = self.workspace / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def open(self, uri: str, text: str, *, language: str = "python", version: int = 1) -> str:
        item = types.TextDocumentItem(uri, language, version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, version: int, line: int, character: int, text: str) -> None:
        place = types.Position(line, character)
        change = types.TextDocumentContentChangePartial(types.Range(place, place), text)
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def ask(self, uri: str, line: int, character: int, *, invoked: bool = False) -> Awaitable[Any]:
        """Request an inline completion and return its answer, to be awaited."""
        kind = types.InlineCompletionTriggerKind
        context = types.InlineCompletionContext(kind.Invoked if invoked else kind.Automatic)
        params = types.InlineCompletionParams(
            context, types.TextDocumentIdentifier(uri), types.Position(line, character)
        )
        return asyncio.ensure_future(self.client.text_document_inline_completion_async(params))

    async def list_suggestions(self, uri: str, line: int, character: int, *, invoked: bool = True) -> list[str]:
        """Return the texts that are suggested at a place."""
        answer = await wait_for(self.ask(uri, line, character, invoked=invoked))
        return [str(item.insert_text) for item in answer.items]

    async def execute(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Execute the `starling.*` command `name` and return its result as plain JSON."""
        params = types.ExecuteCommandParams(name, [arguments])
        result = await wait_for(self.client.workspace_execute_command_async(params))
        return dict(to_plain_json(result))

    async def wait_for_status(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Poll `starling.status` until the result is `wanted`, and return it; fail after `WAIT_S`."""
        end = time.monotonic() + WAIT_S
        while True:
            status = await self.execute("starling.status")
            if wanted(status):
                return status
            assert time.monotonic() < end, status
            await asyncio.sleep(0.05)

    async def wait_for_index(self, files: int) -> dict[str, Any]:
        """Wait until the index is ready with exactly `files` files; return the status."""
        return await self.wait_for_status(
            lambda s: s["index"] and s["index"]["state"] == "ready" and s["index"]["files"] == files
        )

    def list_processes(self) -> list[psutil.Process]:
        """Return the server's process and all processes below it."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    async def shut_down(self) -> None:
        """Send `shutdown` and `exit`, and wait until the server and all its processes have ended."""
        processes = self.list_processes()
        await wait_for(self.client.shutdown_session())
        await wait_for_exit(processes)


def to_plain_json(value: Any) -> Any:
    """Return `value`, in which the client has turned JSON objects into named tuples, as plain JSON."""
    if hasattr(value, "_asdict"):
        return {name: to_plain_json(inner) for name, inner in value._asdict().items()}
    if isinstance(value, list):
        return [to_plain_json(inner) for inner in value]
    return value


async def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Return the result of `awaitable`; fail if it does not come within `WAIT_S`."""
    return await asyncio.wait_for(awaitable, WAIT_S)


async def wait_for_exit(processes: list[psutil.Process]) -> None:
    """Wait until all of `processes` have ended; fail after `WAIT_S`."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=WAIT_S)
    assert alive == []


@pytest.fixture(autouse=True, scope="session")
def _fork_server(fork_server: None) -> None:
    """Have the process run from which servers are forked."""


@pytest.fixture
async def start(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Awaitable[Session]]]:
    """Yield a function that starts a server with its client; kill servers that still run when the test ends.

    Servers are forks, unless the test is marked `real_start`; `tests.wire.forking` says what differs.
    """
    sessions: list[Session] = []

    starts = forking.choose_start(request)

    async def begin(
        *, command: list[str] = SCRIPTED, reply: str = "completed()", token_s: float = 0.0, load_s: float = 0.0
    ) -> Session:
        workspace, home, script = tmp_path / "workspace", tmp_path / "home", tmp_path / "script.json"
        workspace.mkdir(exist_ok=True)
        script.write_text(json.dumps({"reply": reply, "token_s": token_s, "load_s": load_s}), encoding="utf-8")
        quiet = {"STARLING_MODEL__HINT": "false"}  # every test begins in a new home, and all would be a first start
        environment = {**quiet, **os.environ, "STARLING_HOME": str(home), "SCRIPT": str(script)}
        client = make_test_lsp_client()
        with starts():
            await client.start_io(command[0], *command[1:], env=environment, cwd=workspace, limit=1 << 27)
        sessions.append(Session(client, workspace, home))
        return sessions[-1]

    yield begin
    for session in sessions:
        with contextlib.suppress(ProcessLookupError):
            session.process.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await wait_for(session.client.stop())
