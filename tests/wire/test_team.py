"""The team over the wire: real servers, a scripted endpoint, a person who is asked, two clients, a killed server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from models.scripted.scripted_server import ScriptedServer
from tests.wire.conftest import PROGRAM, WAIT_S, to_plain_json, wait_for
from tests.wire.test_gate import EDITING, Person, kill_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

BEFORE = "import math\n\n\ndef area(r):\n    return 3.14 * r * r\n"
EDIT = {"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."}
SCRIPT = (
    "=== go on\nI go on.\n"
    f"=== use pi\n@times 1\n@call edit_file {json.dumps(EDIT)}\nI edit.\n"
    "=== use pi\nIt uses math.pi.\n"
    "=== think\n@hang\n"
)


class Talk:
    """A session with the team in one client.

    Attributes:
        session: the client and its server.
        person: the person at the client.
        events: everything that was streamed.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.person = Person(session)
        self.events: list[dict[str, Any]] = []
        session.client.protocol.fm.features.pop(types.PROGRESS, None)  # pytest-lsp takes only work-done progress

        @session.client.feature(types.PROGRESS)
        def take_progress(params: types.ProgressParams) -> None:
            if params.token == "t":
                self.events.append(dict(to_plain_json(params.value)))

    def ask(self, request: str, **arguments: Any) -> asyncio.Future[dict[str, Any]]:
        """Send a request to the team; return the future of its result."""
        return asyncio.ensure_future(
            self.session.execute("starling.ask", request=request, partial_token="t", **arguments)
        )

    async def wait_for_event(self, kind: str) -> dict[str, Any]:
        """Wait until an event of this kind was streamed, and return it."""
        async with asyncio.timeout(WAIT_S):
            while not (found := [one for one in self.events if one["kind"] == kind]):  # noqa: ASYNC110 (pytest-lsp's)
                await asyncio.sleep(0.01)
        return found[0]


@pytest.fixture
def _endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set a scripted endpoint as the person's chat model."""
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
        yield


async def begin(start: Start) -> tuple[Talk, Path]:
    """Start a server and open a file; return the talk and the file."""
    session = await start(command=PROGRAM)
    talk = Talk(session)
    await session.initialize(capabilities=EDITING)
    path = session.write("area.py", BEFORE)
    session.open(path.as_uri(), BEFORE)
    return talk, path


async def approve_and_apply(talk: Talk, path: Path) -> None:
    """Answer the question about the edit with yes, and apply it to the open document."""
    (_, diff), answer = await talk.person.take_question()
    assert "-    return 3.14 * r * r" in diff
    answer.set_result(types.MessageActionItem("Apply"))
    applying, applied = await talk.person.take_request(types.WORKSPACE_APPLY_EDIT)
    (change,) = applying.edit.document_changes
    document = types.VersionedTextDocumentIdentifier(2, path.as_uri())
    changes = [types.TextDocumentContentChangePartial(edit.range, edit.new_text) for edit in reversed(change.edits)]
    talk.session.client.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))
    applied.set_result(types.ApplyWorkspaceEditResult(applied=True))


@pytest.mark.usefixtures("_endpoint")
async def test_an_answer_streams_and_an_edit_is_applied_in_the_editor_after_a_yes(start: Start) -> None:
    talk, path = await begin(start)
    asking = talk.ask("@coder use pi", mode="act")
    await approve_and_apply(talk, path)
    result = await wait_for(asking)
    assert (result["status"], result["text"]) == ("done", "It uses math.pi.")
    kinds = list(dict.fromkeys(one["kind"] for one in talk.events))
    assert kinds == ["session", "agent", "text", "call", "result"]
    assert "".join(one["text"] for one in talk.events if one["kind"] == "text") == "I edit.It uses math.pi."
    assert path.read_text() == BEFORE  # the person saves it
    shown = await talk.session.execute("starling.session", session=result["session"])
    assert [one["kind"] for one in shown["history"]] == ["person", "agent", "result", "agent"]


@pytest.mark.usefixtures("_endpoint")
async def test_a_second_client_is_refused_with_a_sentence_until_the_first_cancels(start: Start) -> None:
    talk, _ = await begin(start)
    asking = talk.ask("@ask think")
    name = (await talk.wait_for_event("session"))["session"]
    await talk.wait_for_event("agent")
    other, _ = await begin(start)
    owner = f"an editor on .+, process {talk.session.process.pid}"
    with pytest.raises(Exception, match=rf"is open in {owner}; close it there, or start another session"):
        await wait_for(other.ask("@ask go on", session=name))
    assert (await talk.session.execute("starling.cancel", session=name))["cancelled"]
    assert (await wait_for(asking))["status"] == "cancelled"
    assert (await wait_for(other.ask("@ask go on", session=name)))["text"] == "I go on."


@pytest.mark.usefixtures("_endpoint")
async def test_a_session_of_a_killed_server_is_resumed_at_once_and_nothing_is_edited(start: Start) -> None:
    talk, path = await begin(start)
    asking = talk.ask("@coder use pi", mode="act")
    _, answer = await talk.person.take_question()
    name = (await talk.wait_for_event("session"))["session"]
    await kill_server(talk.session, answer, asking)
    other, _ = await begin(start)
    (listed,) = (await other.session.execute("starling.sessions"))["sessions"]
    assert (listed["id"], listed["state"], listed["owner"]) == (name, "error", "")
    assert (await wait_for(other.ask("@coder go on", session=name)))["text"] == "I go on."
    shown = await other.session.execute("starling.session", session=name)
    assert [one["text"] for one in shown["history"]] == ["@coder use pi", "I edit.", "@coder go on", "I go on."]
    assert path.read_text() == BEFORE
    (approval,) = (await other.session.execute("starling.approvals"))["approvals"]
    assert approval["status"] in {"expired", "failed"}
