"""The gate over the wire: a real server process, a client that asks its person, files on the disk."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from lsprotocol import types

from server.lsp.editor.confirm_request import CONFIRM
from tests.wire.conftest import WAIT_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

PROPOSING = [sys.executable, str(Path(__file__).with_name("proposing_server.py"))]
EDITING = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(
        apply_edit=True,
        workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
        text_document_content=types.TextDocumentContentClientCapabilities(),
    ),
    window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(support=True)),
    general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
)
CHOOSING = attrs.evolve(EDITING, experimental={"starling": {"confirm": True, "hunks": True}})


class Person:
    """The person at a session's client; requests of the server wait in `requests` until a test answers them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.requests: asyncio.Queue[tuple[str, Any, asyncio.Future[Any]]] = asyncio.Queue()
        for method in (
            types.WINDOW_SHOW_MESSAGE_REQUEST,
            types.WINDOW_SHOW_DOCUMENT,
            types.WORKSPACE_APPLY_EDIT,
            CONFIRM,
        ):
            session.client.protocol.fm.features.pop(method, None)  # pytest-lsp has its own answer to some
            session.client.feature(method)(self._make_handler(method))

    def _make_handler(self, method: str) -> Callable[[Any], Awaitable[Any]]:
        """Return a handler that queues the request and answers it once a test sets the future."""

        async def take(params: Any) -> Any:
            answer = asyncio.get_running_loop().create_future()
            await self.requests.put((method, params, answer))
            return await answer

        return take

    async def take_request(self, method: str) -> tuple[Any, asyncio.Future[Any]]:
        """Return the parameters of the server's next request, which must be `method`, and the future for its answer."""
        came, params, answer = await wait_for(self.requests.get())
        assert came == method
        return params, answer

    async def take_question(self) -> tuple[Any, asyncio.Future[Any]]:
        """Let the diff be shown, and return the question with the diff's text, and the future for the answer."""
        shown, success = await self.take_request(types.WINDOW_SHOW_DOCUMENT)
        content = await wait_for(
            self.session.client.workspace_text_document_content_async(types.TextDocumentContentParams(shown.uri))
        )
        success.set_result(types.ShowDocumentResult(success=True))
        params, answer = await self.take_request(types.WINDOW_SHOW_MESSAGE_REQUEST)
        return (params, content.text), answer


async def begin(start: Start, capabilities: types.ClientCapabilities = EDITING, **files: str) -> tuple[Session, Person]:
    """Begin a session with a person, in a workspace with `files`."""
    session = await start(command=PROPOSING)
    person = Person(session)
    await session.initialize(capabilities=capabilities)
    for name, text in files.items():
        session.write(f"{name}.py", text)
    return session, person


def propose(session: Session, **step: str) -> asyncio.Future[dict[str, Any]]:
    """Propose one step to the gate; return the future of its outcome."""
    step = {name: str(session.workspace / value) if name in {"path", "to"} else value for name, value in step.items()}
    return asyncio.ensure_future(session.execute("test.propose", steps=[step]))


async def wait_for_approvals(session: Session) -> list[tuple[str, str]]:
    """Wait until no request to the gate is pending; return the status and verdict of each."""
    async with asyncio.timeout(WAIT_S):
        while (states := await list_approvals(session)) == [("pending", "")]:  # noqa: ASYNC110 (in another process)
            await asyncio.sleep(0.02)
    return states


async def kill_server(session: Session, answer: asyncio.Future[Any], proposing: asyncio.Future[Any]) -> None:
    """Kill the server before `answer` is given; the command `proposing` must fail."""
    session.process.kill()
    answer.cancel()
    with pytest.raises(RuntimeError, match="exited"):
        await wait_for(proposing)


async def list_approvals(session: Session) -> list[tuple[str, str]]:
    """Return the status and verdict of all requests to the gate, newest first."""
    listed = await session.execute("starling.approvals")
    return [(one["status"], one["verdict"]) for one in listed["approvals"]]


@pytest.mark.real_start
async def test_a_change_of_an_unsaved_document_is_shown_asked_about_once_and_made_there(start: Start) -> None:
    session, person = await begin(start, area="π = 3\n")
    path = session.workspace / "area.py"
    uri = session.open(path.as_uri(), "𝜋 = 3  # unsaved\n")
    proposing = propose(session, kind="text", path="area.py", old="3", new="3.14")
    (question, diff), answer = await person.take_question()
    assert question.message == "Starling: Try the gate?"
    assert "-𝜋 = 3  # unsaved\n+𝜋 = 3.14  # unsaved\n" in diff
    answer.set_result(types.MessageActionItem("Apply"))
    applying, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
    [change] = applying.edit.document_changes
    assert (change.text_document.uri, change.text_document.version) == (uri, 1)
    [edit] = change.edits
    place = types.Range(types.Position(0, 5), types.Position(0, 6))  # the first character is two units long
    assert (edit.range, edit.new_text, applying.edit.change_annotations) == (place, "3.14", None)
    applied.set_result(types.ApplyWorkspaceEditResult(applied=True))
    session.client.text_document_did_change(
        types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(2, uri),
            [types.TextDocumentContentChangePartial(edit.range, edit.new_text)],
        )
    )
    outcome = await wait_for(proposing)
    assert (outcome["outcome"], person.requests.empty()) == ("applied", True)
    assert outcome["unsaved"] == ["area.py"]
    assert path.read_text(encoding="utf-8") == "π = 3\n"  # the person saves it, or does not
    assert await list_approvals(session) == [("approved", "applied")]


async def test_a_client_that_falsely_reports_an_edit_as_applied_is_not_believed(start: Start) -> None:
    session, person = await begin(start, area="pi = 3\n")
    session.open((session.workspace / "area.py").as_uri(), "pi = 3\n")
    proposing = propose(session, kind="text", path="area.py", old="3", new="3.14")
    _, answer = await person.take_question()
    answer.set_result(types.MessageActionItem("Apply"))
    _, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
    applied.set_result(types.ApplyWorkspaceEditResult(applied=True))
    assert (await wait_for(proposing))["outcome"] == "rejected"


async def test_a_question_that_is_closed_changes_nothing(start: Start) -> None:
    session, person = await begin(start, area="pi = 3\n")
    proposing = propose(session, kind="delete", path="area.py")
    _, answer = await person.take_question()
    answer.set_result(None)
    assert (await wait_for(proposing))["outcome"] == "rejected"
    assert (session.workspace / "area.py").read_bytes() == b"pi = 3\n"


async def test_cancelling_the_command_withdraws_its_question(start: Start) -> None:
    session, person = await begin(start, area="pi = 3\n")
    client = session.client
    path = str(session.workspace / "area.py")
    params = types.ExecuteCommandParams("test.propose", [{"steps": [{"kind": "delete", "path": path}]}])
    identity = "cancelled"
    client.protocol.send_request(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id=identity)
    _, answer = await person.take_question()
    client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(identity))
    assert await wait_for_approvals(session) == [("expired", "expired")]
    if not answer.done():  # the tests' client withdraws a question when it is cancelled
        answer.set_result(types.MessageActionItem("Apply"))
    assert await list_approvals(session) == [("expired", "expired")]
    assert (session.workspace / "area.py").exists()


async def test_a_server_killed_while_it_asks_has_changed_nothing_and_the_next_one_knows(start: Start) -> None:
    session, person = await begin(start, area="pi = 3\n")
    proposing = propose(session, kind="delete", path="area.py")
    _, answer = await person.take_question()
    await kill_server(session, answer, proposing)
    after, _ = await begin(start)
    assert await list_approvals(after) == [("expired", "expired")]
    assert (after.workspace / "area.py").read_bytes() == b"pi = 3\n"


async def test_a_server_killed_between_yes_and_applying_leaves_a_change_that_can_be_undone(start: Start) -> None:
    session, person = await begin(start, area="pi = 3\n")
    proposing = propose(session, kind="text", path="area.py", old="3", new="3.14")
    _, answer = await person.take_question()
    answer.set_result(types.MessageActionItem("Apply"))
    _, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
    await kill_server(session, applied, proposing)
    session.write("area.py", "pi = 3.14\n")  # the editor did it all the same, and its person saved it
    after, person = await begin(start)
    assert await list_approvals(after) == [("approved", "applied")]  # as the file shows
    undoing = asyncio.ensure_future(after.execute("starling.undo"))
    (_, diff), answer = await person.take_question()
    assert "-pi = 3.14\n+pi = 3\n" in diff
    answer.set_result(None)
    assert (await wait_for(undoing))["outcome"] == "rejected"


@pytest.mark.parametrize(
    ("taken", "verdict", "edits"),
    [(["0.1"], "applied", 1), ([], "rejected", 0), (["0.1", "7.7"], "refused", 0), (["0.0", "0.1"], "applied", 1)],
)
async def test_a_client_is_sent_the_parts_and_applies_only_those_that_are_taken(
    start: Start, taken: list[str], verdict: str, edits: int
) -> None:
    before = "a = 1\r\nb = 2\r\nc = 3\r\nd = 4\r\n"
    session, person = await begin(start, CHOOSING)
    path = session.workspace / "area.py"
    path.write_bytes(before.encode())
    uri = session.open(path.as_uri(), before)
    proposing = propose(
        session, kind="text", path="area.py", old=before, new=before.replace("1", "9").replace("4", "6")
    )
    question, answer = await person.take_request(CONFIRM)
    assert [one.id for one in question.files[0].hunks] == ["0.0", "0.1"]
    assert list(question.files[0].hunks[1].before) == [3, 4]
    answer.set_result({"answer": "Apply", "hunks": taken})
    if edits:
        applying, applied = await person.take_request(types.WORKSPACE_APPLY_EDIT)
        [edit] = applying.edit.document_changes[0].edits
        if len(taken) == 1:
            place = types.Range(types.Position(3, 0), types.Position(4, 0))
            assert (edit.range, edit.new_text) == (place, "d = 6\r\n")
        applied.set_result(types.ApplyWorkspaceEditResult(applied=True))
        session.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(2, uri),
                [types.TextDocumentContentChangePartial(edit.range, edit.new_text)],
            )
        )
    outcome = await wait_for(proposing)
    assert outcome["outcome"] == verdict
    assert person.requests.empty()
    if len(taken) == 1:
        assert outcome["reason"] == "1 of 2 parts were taken. Left out: area.py, line 1."
