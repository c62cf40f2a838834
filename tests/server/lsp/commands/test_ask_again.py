"""Questions that nobody answered: listed with their session, asked again, and the agent learns the outcome."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_chat import ScriptedChat
from server.state.paths import HOME_VARIABLE
from tests.server.gate.clients import Reply
from tests.server.lsp.commands.test_team_commands import AFTER, BEFORE, EDIT, ROUTED, Talk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.editor import Editor

SCRIPT = f"=== was asked again\nI know.\n{ROUTED}===\n@times 1\n{EDIT}\n===\nWell.\n"
posix = pytest.mark.skipif(sys.platform == "win32", reason="the command line is written for sh")


@pytest.fixture
def talk(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Return an editor with an empty workspace and a new home."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    return Talk(editor, root)


async def leave_unanswered(talk: Talk, script: str = SCRIPT) -> tuple[str, str]:
    """Ask for a change whose question is withdrawn unanswered; return the ids of the session and of the request."""
    await talk.begin(script, reply=Reply.SILENCE)
    asked = talk.send("ask", request="Use pi", mode="act", partial_token="t")
    await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    (listed,) = (await talk.run("sessions"))["sessions"]
    assert (listed["state"], listed["questions"]) == ("waiting", 1)
    (question,) = (await talk.run("session", session=listed["id"]))["questions"]
    assert question["open"]
    await talk.run("cancel", session=listed["id"])
    await talk.editor.answer(asked)
    talk.desk.reply = Reply.YES
    return listed["id"], question["request"]


async def test_an_unanswered_edit_is_listed_asked_again_and_told_to_the_agent(talk: Talk) -> None:
    session, request = await leave_unanswered(talk)
    shown = await talk.run("session", session=session)
    (question,) = shown["questions"]
    assert (question["request"], question["title"], question["open"]) == (request, "Edit area.py", False)
    assert shown["open_files"] == ["area.py"]
    result = await talk.run("askAgain", request=request[:12])
    assert (result["outcome"], result["session"], talk.desk.text(talk.path)) == ("applied", session, AFTER)
    (listed,) = (await talk.run("sessions"))["sessions"]
    assert (listed["questions"], listed["state"], listed["owner"]) == (0, "idle", "")
    new, old = (await talk.run("approvals"))["approvals"]
    assert (new["again"], new["session"], old["askable"], old["status"]) == (old["id"], session, False, "expired")
    assert (await talk.run("ask", request="@coder Go on", session=session))["text"] == "I know."
    chat = talk.editor.chat
    assert isinstance(chat, ScriptedChat)
    told = [one.text for one in chat.requests[-1].messages if "was asked again" in one.text]
    assert told == [
        "[The program: the question “Edit area.py” was asked again; the person approved it, and it was made.]"
    ]
    error = await talk.fail("askAgain", request=request)
    assert "cannot be asked again" in error["message"]


async def test_an_edit_whose_file_has_changed_is_refused_with_a_sentence(talk: Talk) -> None:
    session, request = await leave_unanswered(talk)
    talk.editor.type("1 + ", 1, 11, version=2, uri=talk.path.as_uri())
    result = await talk.run("askAgain", request=request)
    assert result["outcome"] == "refused"
    assert "area.py has changed since this was proposed, in the same place" in result["reason"]
    assert len(talk.desk.asked) == 1, "nobody was asked a second time"
    assert (await talk.run("session", session=session))["questions"], "it can be asked when the text fits again"


async def test_a_session_that_is_in_use_is_not_told_anything(talk: Talk) -> None:
    session, request = await leave_unanswered(talk, "=== Think\n@hang\n" + SCRIPT)
    running = talk.send("ask", request="@ask Think", session=session, partial_token="u")
    await talk.wait_for_event("u", "agent")
    error = await talk.fail("askAgain", request=request)
    assert (error["data"]["code"], "is answering a request" in error["message"]) == ("session-unavailable", True)
    await talk.run("cancel", session=session)
    await talk.editor.answer(running)
    assert (await talk.run("askAgain", request=request))["outcome"] == "applied"


@posix
async def test_an_unanswered_command_is_asked_again_by_its_agent_which_gets_the_result(talk: Talk) -> None:
    call = '@call execute_command {"command": "echo ran >> ran.txt"}'
    script = f"=== exit status 0\nIt ran.\n=== was not answered\n{call}\n===\n@times 1\n{call}\n===\nWell.\n"
    session, request = await leave_unanswered(talk, '=== Choose who of a team\n{"role": "debug"}\n' + script)
    (question,) = (await talk.run("session", session=session))["questions"]
    assert question["subjects"] == ["echo ran >> ran.txt"]
    assert not (talk.root / "ran.txt").exists()
    async with asyncio.timeout(60):
        result = await talk.run("askAgain", request=request)
    assert (result["outcome"], result["turn"]["status"], result["turn"]["text"]) == ("resumed", "done", "It ran.")
    assert (talk.root / "ran.txt").read_text() == "ran\n"
    assert (await talk.run("session", session=session))["questions"] == []
    assert talk.desk.text(talk.path) == BEFORE


async def test_a_turn_that_goes_on_takes_the_unanswered_command_back(talk: Talk) -> None:
    call = '@call execute_command {"command": "true"}'
    script = f'=== Choose who of a team\n{{"role": "debug"}}\n===\n@times 1\n{call}\n===\nWell.\n'
    session, request = await leave_unanswered(talk, script)
    assert (await talk.run("session", session=session))["questions"]
    await talk.run("ask", request="@debug Something else", session=session)
    assert (await talk.run("session", session=session))["questions"] == []
    assert "its session has gone on" in (await talk.fail("askAgain", request=request))["message"]
