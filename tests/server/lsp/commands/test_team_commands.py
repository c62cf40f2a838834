"""The commands of the team: requests that stream, edits and questions in the editor, sessions, cancelling, feedback."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.sessions import SessionState
from models.scripted.scripted_chat import ScriptedChat
from server.assembly.gates import open_state
from server.lsp.editor import editor_team
from server.state.paths import HOME_VARIABLE
from server.state.session_store import SessionStore
from tests.server.editor import SILENCE, Editor
from tests.server.gate.clients import ClientKind, Desk, Reply

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "def area(r):\n    return 3.14 * r * r\n"
AFTER = "def area(r):\n    return math.pi * r * r\n"
ROUTED = '=== Choose who of a team\n{"role": "coder"}\n'
REPLACEMENT = json.dumps({"old": "3.14", "new": "math.pi"})
EDIT = f'@call edit_file {{"path": "area.py", "replacements": [{REPLACEMENT}], "why": "It is exact."}}'
SCRIPT = f"{ROUTED}===\n@times 1\n{EDIT}\nI edit.\n===\nIt uses ![pi](http://x.example/p.png) <b>now.\n"


class Talk:
    """An editor with one file, a person in front of it, and a scripted team."""

    def __init__(self, editor: Editor, root: Path) -> None:
        self.editor = editor
        self.root = root
        self.path = root / "area.py"
        self.desk = Desk(editor, ClientKind.MESSAGES, Reply.YES)

    async def begin(self, script: str = SCRIPT, reply: Reply = Reply.YES) -> None:
        """Begin a session whose chat model answers by `script`, and open a file."""
        self.path.write_text(BEFORE, encoding="utf-8")
        self.editor.chat = ScriptedChat(script)
        self.desk.reply = reply
        await self.desk.begin(self.root)
        self.desk.open(self.path)

    def send(self, name: str, **arguments: Any) -> int:
        """Send the command `starling.NAME` and return the request's id."""
        return self.editor.ask("workspace/executeCommand", {"command": f"starling.{name}", "arguments": [arguments]})

    async def run(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Execute the command `starling.NAME` and return its result."""
        answer = await self.editor.answer(self.send(name, **arguments))
        assert "result" in answer, answer
        return dict(answer["result"])

    async def fail(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Execute the command `starling.NAME` and return its error."""
        answer = await self.editor.answer(self.send(name, **arguments))
        assert "error" in answer, answer
        return dict(answer["error"])

    def list_events(self, token: str) -> list[dict[str, Any]]:
        """Return the objects that were streamed under `token`."""
        told = [one["params"] for one in self.editor.sent if one.get("method") == "$/progress"]
        return [one["value"] for one in told if one["token"] == token]

    async def wait_for_event(self, token: str, kind: str) -> dict[str, Any]:
        """Wait until an event of this kind was streamed under `token`, and return it."""
        message = await self.editor.message(
            lambda one: (
                one.get("method") == "$/progress"
                and one["params"]["token"] == token
                and one["params"]["value"]["kind"] == kind
            )
        )
        return dict(message["params"]["value"])


@pytest.fixture
def talk(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Return an editor with an empty workspace and a new home."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    return Talk(editor, root)


async def test_a_request_streams_its_events_and_edits_after_a_yes(talk: Talk) -> None:
    await talk.begin()
    result = await talk.run("ask", request="Use pi", mode="act", partial_token="t")
    inert = "It uses `![pi](http://x.example/p.png)` &lt;b>now."  # code, which no viewer fetches, and no tag
    assert (result["status"], result["text"]) == ("done", inert)
    assert talk.desk.text(talk.path) == AFTER
    assert talk.desk.asked == ["message"]
    events = talk.list_events("t")
    kinds = [kind for kind, _ in itertools.groupby(one["kind"] for one in events)]
    assert kinds == ["session", "agent", "text", "call", "result", "text"]
    assert events[0]["session"] == result["session"]
    (call,) = (one for one in events if one["kind"] == "call")
    (ended,) = (one for one in events if one["kind"] == "result")
    assert (call["tool"], call["call"], ended["failed"]) == ("edit_file", ended["call"], False)
    texts = "".join(one["text"] for one in events if one["kind"] == "text")
    assert texts == f"I edit.{inert}"
    assert (result["steps"], result["entries"]) == (2, 4)
    assert (await talk.run("session", session=result["session"]))["history"][-1]["text"] == inert


async def test_a_rejected_edit_changes_nothing_and_the_turn_goes_on(talk: Talk) -> None:
    await talk.begin(reply=Reply.NO)
    result = await talk.run("ask", request="Use pi", mode="act", partial_token="t")
    assert (result["status"], talk.desk.text(talk.path)) == ("done", BEFORE)
    (ended,) = (one for one in talk.list_events("t") if one["kind"] == "result")
    assert ended["failed"]


async def test_in_plan_mode_which_is_the_default_nothing_is_asked_or_changed(talk: Talk) -> None:
    await talk.begin()
    assert (await talk.run("ask", request="Use pi"))["status"] == "done"
    assert (talk.desk.text(talk.path), talk.desk.asked) == (BEFORE, [])


async def test_agents_read_the_text_of_the_editor(talk: Talk) -> None:
    read = '@call read_file {"path": "area.py"}'
    await talk.begin(f"{ROUTED}===\n@times 1\n{read}\n=== unsaved\nI see it.\n===\nNothing.\n")
    talk.editor.type("unsaved = 1\n", 0, 0, version=2, uri=talk.path.as_uri())
    assert (await talk.run("ask", request="Look"))["text"] == "I see it."


async def test_a_session_keeps_its_plan_and_is_continued_shown_renamed_exported_and_deleted(talk: Talk) -> None:
    plan = '@call plan {"steps": [{"title": "Look around", "status": "active"}]}'
    await talk.begin(f"{ROUTED}===\n@times 1\n{plan}\n===\nWell.\n")
    asked = await talk.run("ask", request="Look at\n it", partial_token="t")
    session = asked["session"]
    assert [one for one in talk.list_events("t") if one["kind"] == "plan"] == [
        {"kind": "plan", "steps": [{"title": "Look around", "status": "active"}]}
    ]
    await talk.run("ask", request="Go on", session=session, role="ask")
    chat = talk.editor.chat
    assert isinstance(chat, ScriptedChat)
    assert "[>] Look around" in chat.requests[-1].messages[0].text
    assert "Look at\n it" in [one.text for one in chat.requests[-1].messages]
    (listed,) = (await talk.run("sessions"))["sessions"]
    assert (listed["id"], listed["title"], listed["state"], listed["here"]) == (session, "Look at it", "idle", False)
    shown = await talk.run("session", session=session[:6])
    assert shown["plan"] == [{"title": "Look around", "status": "active"}]
    assert [(one["kind"], one["by"]) for one in shown["history"]][-1] == ("agent", "ask")
    assert shown["history"][1]["calls"] == ["plan"]
    assert len((await talk.run("session", session=session, after=1, limit=2))["history"]) == 2
    renamed = await talk.run("session", session=session, action="rename", title=" Area ")
    assert renamed["session"]["title"] == "Area"
    assert (await talk.run("session", session=session, action="export"))["text"].startswith("# Area\n")
    exported = json.loads((await talk.run("session", session=session, action="export", format="json"))["text"])
    assert (exported["title"], exported["history"][0]["text"]) == ("Area", "Look at\n it")
    assert "too short to delete" in (await talk.fail("session", session=session[:3], action="delete"))["message"]
    assert (await talk.run("session", session=session, action="delete"))["session"] is None
    assert (await talk.run("sessions"))["sessions"] == []


async def test_feedback_is_recorded_replaced_and_withdrawn(talk: Talk) -> None:
    await talk.begin(f"{ROUTED}===\nWell.\n")
    asked = await talk.run("ask", request="Hello")
    about = {"session": asked["session"], "entry": asked["entries"]}
    assert (await talk.run("feedback", **about, thumb="down", comment="No."))["recorded"]
    assert (await talk.run("feedback", **about, thumb="up"))["recorded"]
    shown = (await talk.run("session", session=asked["session"]))["history"]
    assert [one["feedback"] for one in shown] == [None, {"thumb": "up", "comment": ""}]
    assert "Thumb up." in (await talk.run("session", session=asked["session"], action="export"))["text"]
    assert not (await talk.run("feedback", **about, thumb="none"))["recorded"]
    assert (await talk.run("session", session=asked["session"]))["history"][1]["feedback"] is None
    assert (await talk.fail("feedback", session=asked["session"], entry=9, thumb="up"))["data"]["code"] == (
        "unknown-entry"
    )


@pytest.mark.parametrize("by", ["command", "request"])
async def test_a_cancelled_request_ends_and_its_session_can_be_used_again(talk: Talk, by: str) -> None:
    await talk.begin(f"{ROUTED}===\n@times 1\n@hang\n===\nI am back.\n")
    request = talk.send("ask", request="@ask Think", partial_token="t")
    await talk.wait_for_event("t", "agent")
    session = str(talk.list_events("t")[0]["session"])
    await talk.editor.until(lambda: bool(getattr(talk.editor.chat, "requests", [])))
    (listed,) = (await talk.run("sessions"))["sessions"]
    assert (listed["here"], listed["state"]) == (True, "processing")
    busy = await talk.fail("ask", request="And this?", session=session)
    assert (busy["data"]["code"], "is answering another request; wait" in busy["message"]) == (
        "session-unavailable", True,
    )  # fmt: skip
    assert (await talk.fail("session", session=session, action="delete"))["data"]["code"] == "session-unavailable"
    if by == "command":
        assert (await talk.run("cancel", session=session))["cancelled"]
        assert (await talk.editor.answer(request))["result"]["status"] == "cancelled"
    else:
        talk.editor.notify("$/cancelRequest", {"id": request})
        assert (await talk.editor.answer(request))["error"]["code"] == -32800
    team = talk.editor.server.session.get_team()
    await talk.editor.until(lambda: not team.is_running(session))
    history = (await talk.run("session", session=session))["history"]
    assert (history[-1]["kind"], history[-1]["text"]) == ("note", "The turn was cancelled.")
    assert not (await talk.run("cancel", session=session))["cancelled"]
    assert (await talk.run("ask", request="@ask Go on", session=session))["text"] == "I am back."


async def test_a_question_to_the_person_is_withdrawn_when_the_request_is_cancelled(talk: Talk) -> None:
    await talk.begin(reply=Reply.SILENCE)
    request = talk.send("ask", request="Use pi", mode="act", partial_token="t")
    await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    (listed,) = (await talk.run("sessions"))["sessions"]
    assert listed["state"] == "waiting"
    await talk.run("cancel", session=listed["id"])
    assert (await talk.editor.answer(request))["result"]["status"] == "cancelled"
    await talk.editor.message(lambda one: one.get("method") == "$/cancelRequest")
    assert talk.desk.text(talk.path) == BEFORE


async def test_two_sessions_are_answered_at_once(talk: Talk) -> None:
    await talk.begin("=== first\n@hang\n===\nQuick.\n")
    slow = talk.send("ask", request="@ask first", partial_token="slow")
    await talk.wait_for_event("slow", "agent")
    assert (await talk.run("ask", request="@ask second"))["text"] == "Quick."
    await talk.run("cancel", session=talk.list_events("slow")[0]["session"])
    await talk.editor.answer(slow)


async def test_no_more_requests_than_the_bound_are_answered_at_once(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor_team, "MOST_RUNNING", 1)
    await talk.begin("===\n@hang\n")
    slow = talk.send("ask", request="@ask first", partial_token="slow")
    await talk.wait_for_event("slow", "agent")
    assert "being answered already" in (await talk.fail("ask", request="@ask second"))["message"]
    await talk.run("cancel", session=talk.list_events("slow")[0]["session"])
    await talk.editor.answer(slow)


async def test_a_session_that_another_client_drives_is_refused_with_its_name(talk: Talk) -> None:
    await talk.begin()
    state = open_state()
    store = SessionStore(state)
    session = store.create(talk.root.as_uri(), title="Shared").id
    store.acquire(session, "Emacs on a laptop")
    error = await talk.fail("ask", request="Hello", session=session)
    assert "'Shared' is open in Emacs on a laptop" in error["message"]
    store.release(session, "Emacs on a laptop")
    store.acquire(session, "a dead client")
    store.record(session, "a dead client", SessionState.EXECUTING)
    store.release(session, "a dead client")
    assert (await talk.run("ask", request="Hello", session=session))["status"] == "done"
    state.close()


async def test_a_client_that_leaves_cancels_its_requests(talk: Talk) -> None:
    await talk.begin("===\n@hang\n")
    talk.send("ask", request="@ask Think", partial_token="t")
    await talk.wait_for_event("t", "agent")
    session = talk.list_events("t")[0]["session"]
    await talk.editor.end()
    state = open_state()
    found = SessionStore(state).get(session)
    assert found is not None
    assert (found.state, found.owner) == (SessionState.IDLE, "")
    assert SessionStore(state).read(session)[-1].text == "The turn was cancelled."
    state.close()


async def test_an_open_file_that_a_command_overwrote_is_not_edited(talk: Talk) -> None:
    await talk.begin()
    team = talk.editor.server.session.get_team()
    before = await team._overwritten.read_stamps()
    talk.path.write_text("# generated\n", encoding="utf-8")
    await team._overwritten.note_changes(before)
    await talk.run("ask", request="Use pi", mode="act", partial_token="t")
    (ended,) = (one for one in talk.list_events("t") if one["kind"] == "result")
    assert (ended["failed"], "area.py was changed on the disk by a command" in ended["text"]) == (True, True)
    assert (talk.desk.asked, talk.path.read_text(encoding="utf-8")) == ([], "# generated\n")


async def test_an_open_file_that_another_program_overwrote_is_edited_once_it_is_reloaded(talk: Talk) -> None:
    script = f"{ROUTED}=== once more\n@times 1\n{EDIT}\n=== once more\nWell.\n===\n@times 1\n{EDIT}\n===\nWell.\n"
    await talk.begin(script)
    await talk.run("status")  # the file is open by now
    newer = f"# pulled\n{BEFORE}"
    talk.path.write_text(newer, encoding="utf-8")
    asked = await talk.run("ask", request="Use pi", mode="act", partial_token="t")
    (ended,) = (one for one in talk.list_events("t") if one["kind"] == "result")
    assert "area.py was changed on the disk by a command or another program" in ended["text"]
    assert (talk.desk.asked, talk.path.read_text(encoding="utf-8")) == ([], newer)
    talk.desk.reload(talk.path)
    await talk.run("ask", request="@coder Use pi once more", mode="act", session=asked["session"])
    assert talk.desk.text(talk.path) == f"# pulled\n{AFTER}"


ASK = '@call ask_person {"question": "Which one?", "choices": ["red", "blue"]}'
ASK_FREELY = '@call ask_person {"question": "Which one?"}'


@pytest.mark.parametrize(
    ("call", "experimental", "answer", "said"),
    [
        (ASK, {}, {"title": "blue"}, "The person says: blue"),
        (ASK, {}, None, "Nobody answers"),
        (ASK, {}, {"title": "green"}, "Nobody answers"),
        (ASK_FREELY, {}, {"title": "blue"}, "Nobody answers"),
        (ASK, {"starling": {"ask": True}}, {"answer": "red"}, "The person says: red"),
        (ASK_FREELY, {"starling": {"ask": True}}, {"answer": "Both."}, "The person says: Both."),
        (ASK_FREELY, {"starling": {"ask": True}}, {"answer": None}, "Nobody answers"),
        (ASK_FREELY, {"starling": {"ask": True}}, 7, "Nobody answers"),
    ],
)
async def test_a_question_of_an_agent_is_asked_in_the_editor(
    talk: Talk, call: str, experimental: dict[str, Any], answer: Any, said: str
) -> None:
    talk.editor.chat = ScriptedChat(f"===\n@times 1\n{call}\n===\nWell.\n")
    talk.editor.answers["window/showMessageRequest"] = answer
    talk.editor.answers["starling/ask"] = answer
    folders = [{"uri": talk.root.as_uri(), "name": "work"}]
    await talk.editor.begin({"experimental": experimental}, workspaceFolders=folders)
    await talk.run("ask", request="@coder Choose", partial_token="t")
    (ended,) = (one for one in talk.list_events("t") if one["kind"] == "result")
    assert said in ended["text"]


async def test_a_question_that_nobody_answers_ends_with_its_request(talk: Talk) -> None:
    talk.editor.chat = ScriptedChat(f"===\n@times 1\n{ASK}\n===\nWell.\n")
    talk.editor.answers["window/showMessageRequest"] = SILENCE
    await talk.editor.begin({}, workspaceFolders=[{"uri": talk.root.as_uri(), "name": "work"}])
    request = talk.send("ask", request="@coder Choose", partial_token="t")
    await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    await talk.run("cancel", session=talk.list_events("t")[0]["session"])
    async with asyncio.timeout(10):
        assert (await talk.editor.answer(request))["result"]["status"] == "cancelled"


async def test_the_agent_is_told_which_document_the_editor_shows(talk: Talk) -> None:
    await talk.begin("===\nWell.\n")
    await talk.run("ask", request="@ask What is this?", document=talk.path.as_uri())
    await talk.run("ask", request="@ask What is that?", document="untitled:Untitled-1")
    chat = talk.editor.chat
    assert isinstance(chat, ScriptedChat)
    said = [one.messages[-1].text for one in chat.requests]
    assert said == ["What is this?\n\n[The person's editor shows area.py.]", "What is that?"]


PROPOSE = (
    '@call plan {"steps": [{"title": "Design it", "role": "architect"}, {"title": "Write it", "role": "coder"}], '
    '"title": "A log", "confirm": true}'
)
EDITS_PLANS = {"starling": {"plan": True}}
STEPS = [{"title": "Design it", "role": "architect"}, {"title": "Write it", "role": "coder"}]


@pytest.mark.parametrize(
    ("experimental", "answer", "said"),
    [
        (EDITS_PLANS, {"steps": STEPS}, "The person has said yes.\nPlan, which the person has approved"),
        (EDITS_PLANS, {"steps": [{"title": "Test it", "role": "@Tester"}]}, "[ ] Test it (tester)"),
        (EDITS_PLANS, {"steps": [{"title": "Test it"}]}, "[ ] Test it (orchestrator)"),
        (EDITS_PLANS, {"remark": "First the tests."}, "The person says about this plan: First the tests."),
        (EDITS_PLANS, {"remark": ""}, "The person does not want this plan"),
        (EDITS_PLANS, None, "The person does not want this plan"),
        (EDITS_PLANS, {"steps": [{"title": 5}]}, "Nobody has said yes"),
        (EDITS_PLANS, {"steps": 5}, "Nobody has said yes"),
        (EDITS_PLANS, 5, "Nobody has said yes"),
        (EDITS_PLANS, RuntimeError("no view"), "Nobody has said yes"),
        ({}, {"title": "Start"}, "The person has said yes."),
        ({}, {"title": "No"}, "The person does not want this plan"),
        ({}, None, "Nobody has said yes"),
        ({"starling": {"ask": True}}, {"answer": "Start"}, "The person has said yes."),
    ],
)
async def test_a_plan_is_confirmed_in_the_editor(
    talk: Talk, experimental: dict[str, Any], answer: Any, said: str
) -> None:
    talk.editor.chat = ScriptedChat(f"===\n@times 1\n{PROPOSE}\n===\nWell.\n")
    talk.editor.answers |= dict.fromkeys(("starling/plan", "window/showMessageRequest", "starling/ask"), answer)
    folders = [{"uri": talk.root.as_uri(), "name": "work"}]
    await talk.editor.begin({"experimental": experimental}, workspaceFolders=folders)
    await talk.run("ask", request="@orchestrator Add it", mode="act", partial_token="t")
    (ended,) = (one for one in talk.list_events("t") if one["kind"] == "result")
    assert said in ended["text"]
    (asked,) = (one for one in talk.editor.sent if "id" in one and one.get("method") in talk.editor.answers)
    if experimental == EDITS_PLANS:
        assert asked["params"]["title"] == "A log"
        assert (asked["params"]["steps"], asked["params"]["problem"]) == (STEPS, "")
        assert asked["params"]["roles"][:3] == ["orchestrator", "coder", "architect"]
    else:
        shown = asked["params"].get("message") or asked["params"]["question"]
        assert shown == "Start this plan? A log\n1. architect: Design it\n2. coder: Write it"


async def test_a_plan_with_an_unknown_role_is_asked_about_again(talk: Talk) -> None:
    talk.editor.chat = ScriptedChat(f"===\n@times 1\n{PROPOSE}\n===\nWell.\n")
    asked: list[dict[str, Any]] = []

    def answer(params: dict[str, Any]) -> Any:
        asked.append(params)
        return {"steps": [{"title": "Fly", "role": "pilot" if len(asked) == 1 else "coder"}]}

    talk.editor.answers["starling/plan"] = answer
    folders = [{"uri": talk.root.as_uri(), "name": "work"}]
    await talk.editor.begin({"experimental": EDITS_PLANS}, workspaceFolders=folders)
    result = await talk.run("ask", request="@orchestrator Add it", mode="act", partial_token="t")
    assert asked[1]["steps"] == [{"title": "Fly", "role": "pilot"}]
    assert asked[1]["problem"].startswith("There is no role 'pilot' for a step; there are: orchestrator")
    (plan,) = (one for one in talk.list_events("t") if one["kind"] == "plan")
    assert plan["steps"] == [{"title": "Fly", "status": "open"}]
    session = await talk.run("session", session=result["session"])
    assert session["plan"] == [{"title": "Fly", "status": "open"}]


async def test_a_plan_that_nobody_answers_ends_with_its_request(talk: Talk) -> None:
    talk.editor.chat = ScriptedChat(f"===\n@times 1\n{PROPOSE}\n===\nWell.\n")
    talk.editor.answers["starling/plan"] = SILENCE
    folders = [{"uri": talk.root.as_uri(), "name": "work"}]
    await talk.editor.begin({"experimental": EDITS_PLANS}, workspaceFolders=folders)
    request = talk.send("ask", request="@orchestrator Add it", mode="act", partial_token="t")
    await talk.editor.message(lambda one: one.get("method") == "starling/plan")
    await talk.run("cancel", session=talk.list_events("t")[0]["session"])
    async with asyncio.timeout(10):
        assert (await talk.editor.answer(request))["result"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("name", "arguments", "code", "said"),
    [
        ("ask", {"request": "x", "session": "nobody"}, "session-unavailable", "There is no session 'nobody'"),
        ("ask", {"request": "x", "role": "nobody"}, "unknown-role", "There is no role 'nobody'"),
        ("session", {"session": "nobody"}, "session-unavailable", "There is no session 'nobody'"),
        ("session", {"session": "x", "action": "rename"}, "invalid", "needs a title"),
        ("feedback", {"session": "x", "entry": 1, "thumb": "up"}, "session-unavailable", "There is no session"),
    ],
)
async def test_wrong_names_are_answered_with_a_sentence(
    talk: Talk, name: str, arguments: dict[str, Any], code: str, said: str
) -> None:
    await talk.begin()
    error = await talk.fail(name, **arguments)
    assert (error["data"]["code"], said in error["message"]) == (code, True), error


async def test_without_a_chat_model_it_says_what_to_set(talk: Talk) -> None:
    await talk.desk.begin(talk.root)
    result = await talk.run("ask", request="Hello")
    assert (result["status"], "chat.url" in result["text"]) == ("failed", True)


async def test_roles_and_tools_are_listed(talk: Talk) -> None:
    await talk.begin()
    roles = {one["name"]: one for one in (await talk.run("roles"))["roles"]}
    assert "engineering" in roles["coder"]["capabilities"]
    tools = {one["name"]: one for one in (await talk.run("tools"))["tools"]}
    assert (tools["read_file"]["risk"], tools["edit_file"]["edits"]) == ("low", True)
