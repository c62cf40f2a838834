"""`starling acp` beside a language server on the same workspace: two processes, unsaved texts, approved changes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from models.scripted.scripted_server import ScriptedServer
from server.pairing.announcements import find_announcements
from tests.wire.acp_editor import Editor, start_editor
from tests.wire.conftest import PROGRAM, WAIT_S, wait_for_exit
from tests.wire.test_gate import EDITING, Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

SAVED = "def area(r):\n    return 3 * r * r\n"
UNSAVED = "import math\n\n\ndef area(r):\n    return 3.14 * r * r\n"
CHANGED = UNSAVED.replace("3.14", "math.pi")
EDIT = {"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."}
CLOSED = {"path": "other.py", "replacements": [{"old": "1", "new": "2"}]}
SCRIPT = (
    '=== Choose who of a team\n{"role": "coder"}\n'
    f"=== the closed one\n@times 1\n@call edit_file {json.dumps(CLOSED)}\n=== the closed one\nDone.\n"
    f"=== use pi\n@times 1\n@call read_file {json.dumps({'path': 'area.py'})}\n"
    f"=== use pi\n@times 1\n@call edit_file {json.dumps(EDIT)}\n=== use pi\nIt uses math.pi.\n"
)


class Beside:
    """A language server with an open, unsaved file, and `starling acp` on the same workspace.

    Attributes:
        server: the language server and its client.
        person: the person at the client of the language server.
        agents: the client of `starling acp`.
        path: the open file.
    """

    def __init__(self, server: Session, person: Person, agents: Editor, path: Path) -> None:
        self.server, self.person, self.agents, self.path = server, person, agents, path

    def begin_turn(self, session: str, request: str = "use pi") -> asyncio.Task[str]:
        """Send a prompt to the agents; return the task of its end."""
        return asyncio.create_task(self.agents.ask(session, request))

    async def apply_edit(self, *, tell: bool = True) -> None:
        """Take the edit that the language server sends, and apply it to the open document."""
        applying, applied = await self.person.take_request(types.WORKSPACE_APPLY_EDIT)
        (change,) = applying.edit.document_changes
        document = types.VersionedTextDocumentIdentifier(2, self.path.as_uri())
        changes = [types.TextDocumentContentChangePartial(edit.range, edit.new_text) for edit in reversed(change.edits)]
        if tell:
            self.server.client.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))
        applied.set_result(types.ApplyWorkspaceEditResult(applied=True))

    async def kill_server(self, answer: asyncio.Future[Any] | None = None) -> None:
        """Kill the language server before its request gets `answer`, and wait until its processes have ended."""
        processes = self.server.list_processes()
        processes[0].kill()
        if answer is not None:
            answer.cancel()
        await wait_for_exit(processes)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a scripted endpoint as the person's chat model."""
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield


@pytest.fixture
async def beside(start: Start, endpoint: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Beside]:
    """Yield a language server with an unsaved file, and agents that have just been started."""
    del endpoint
    server = await start(command=PROGRAM)
    person = Person(server)
    path = server.write("area.py", SAVED)
    server.write("other.py", "a = 1\n")
    info = types.ClientInfo("A Test", "7")
    await server.initialize(capabilities=EDITING, client_info=info)
    server.open(path.as_uri(), UNSAVED)
    monkeypatch.setenv("STARLING_HOME", str(server.home))
    async with asyncio.timeout(WAIT_S):
        while not find_announcements([server.workspace]):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.02)
    async with start_editor(server.workspace, server.home) as agents:
        yield Beside(server, person, agents, path)


def read_thoughts(agents: Editor) -> str:
    """Return the notes that the agents' client was sent."""
    return agents.read_text("agent_thought_chunk")


async def test_agents_read_the_unsaved_text_and_change_it_in_the_editor(beside: Beside) -> None:
    session = await beside.agents.begin()
    turn = beside.begin_turn(session)
    await beside.apply_edit()
    assert await turn == "end_turn"
    assert beside.path.read_text() == SAVED  # the person saves it
    ((asked, _),) = beside.agents.questions  # one question, in the client of the agents
    (diff,) = [one for one in asked.content or () if one.type == "diff"]
    assert (diff.old_text, diff.new_text) == (UNSAVED, CHANGED)
    assert beside.person.requests.empty()
    assert "A Test 7 is open on this workspace" in read_thoughts(beside.agents)
    result = beside.agents.list_updates("tool_call_update")[-1]
    assert result.status == "completed"
    shown = await beside.server.execute("starling.approvals")
    assert [(one["client"], one["verdict"]) for one in shown["approvals"]] == [("a test", "applied")]
    assert await beside.agents.ask(session, "use pi") == "end_turn"
    assert read_thoughts(beside.agents).count("is open on this workspace") == 1


async def test_a_file_that_is_not_open_is_written_to_the_disk(beside: Beside) -> None:
    session = await beside.agents.begin()
    assert await beside.agents.ask(session, "the closed one") == "end_turn"
    assert (beside.server.workspace / "other.py").read_text() == "a = 2\n"
    assert beside.person.requests.empty()


async def test_an_editor_that_leaves_while_the_person_decides_costs_nothing(beside: Beside) -> None:
    async def kill_then_approve(_: Editor) -> str:
        await beside.kill_server()
        return "approve"

    beside.agents.choose = kill_then_approve
    session = await beside.agents.begin()
    assert await beside.agents.ask(session, "use pi") == "end_turn"
    assert beside.path.read_text() == SAVED
    failed = beside.agents.list_updates("tool_call_update")[-1]
    assert failed.status == "failed"
    assert "area.py has changed" in str(failed.content)


async def test_an_editor_that_leaves_while_it_applies_is_said_so_and_the_disk_not_written(beside: Beside) -> None:
    session = await beside.agents.begin()
    turn = beside.begin_turn(session)
    _, answer = await beside.person.take_request(types.WORKSPACE_APPLY_EDIT)
    await beside.kill_server(answer)
    assert await turn == "end_turn"
    assert beside.path.read_text() == SAVED
    failed = beside.agents.list_updates("tool_call_update")[-1]
    assert failed.status == "failed"
    assert "did not say whether it changed area.py" in str(failed.content)


async def test_an_editor_that_lies_is_found_out(beside: Beside) -> None:
    session = await beside.agents.begin()
    turn = beside.begin_turn(session)
    await beside.apply_edit(tell=False)
    assert await turn == "end_turn"
    assert beside.agents.list_updates("tool_call_update")[-1].status == "failed"
    assert beside.path.read_text() == SAVED


async def test_without_an_editor_the_disk_is_read_and_the_person_told(tmp_path: Path, endpoint: None) -> None:
    del endpoint
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "area.py").write_text(UNSAVED)
    async with start_editor(workspace, tmp_path / "home") as agents:
        session = await agents.begin()
        assert await agents.ask(session, "use pi") == "end_turn"
        assert "No editor with Starling's language server is open on this workspace" in read_thoughts(agents)
    assert (workspace / "area.py").read_text() == CHANGED


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
async def test_what_the_server_leaves_in_the_run_folder_is_private_and_goes(beside: Beside) -> None:
    (announcement,) = find_announcements([beside.server.workspace])
    made = [announcement.file, announcement.socket]
    assert {one.stat().st_mode & 0o777 for one in made} == {0o600}
    await beside.server.shut_down()
    assert not any(one.exists() for one in made)
