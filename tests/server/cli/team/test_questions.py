"""Unanswered questions on the terminal: `starling sessions questions` and `ask-again`."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agents.edits import Edit, ProposedEdit, TextChange
from agents.ports.origins import Origin
from agents.ports.permissions import ToolCall
from agents.tools import EXECUTE_COMMAND
from indexing.limits import IndexLimits
from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import make_disk_gate, open_state
from server.cli import run
from server.gate.policy import Limits
from server.gate.ports import Answer
from server.gate.question.scripted_person import ScriptedAsker
from server.state.given_answers import AgentQuestion, GivenAnswers
from server.state.lease_owners import name_owner
from server.state.session_store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "x = 1\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with one file."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "a.py").write_text(TEXT)
    return root


def create_session(workspace: Path) -> str:
    """Return the id of a new session in the workspace."""
    state = open_state()
    session = SessionStore(state).create(workspace.as_uri(), title="Change it").id
    state.close()
    return session


def leave_unanswered(workspace: Path, session: str, what: str = "edit") -> None:
    """Ask about an edit or a command of a session, and let the question expire."""

    async def ask() -> None:
        gate = make_disk_gate([workspace], ScriptedAsker([Answer.EXPIRE]), IndexLimits())
        gate._limits = Limits(answer_s=0.01)
        path, origin = workspace / "a.py", Origin(session, "c1")
        if what == "edit":
            change = TextChange(path.as_uri(), path, TEXT, (Edit(4, 5, "2"),))
            await gate.propose(ProposedEdit("Edit a.py", "Because.", "coder", (change,), origin=origin))
        else:
            await gate.permit(ToolCall(EXECUTE_COMMAND, "make it", "Run make it", "why", "debug", origin=origin))
        await gate.close()

    asyncio.run(ask())


def test_an_unanswered_edit_is_listed_and_asked_again(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = create_session(workspace)
    leave_unanswered(workspace, session)
    assert run(["sessions", "questions", "-w", str(workspace), "--json"]) == 0
    (question,) = json.loads(capsys.readouterr().out)["questions"]
    assert (question["status"], question["session"], question["title"]) == ("expired", session, "Edit a.py")
    assert run(["sessions", "questions", "-w", str(workspace)]) == 0
    assert "Edit a.py" in capsys.readouterr().out
    assert run(["sessions", "-w", str(workspace)]) == 0
    assert "starling sessions questions" in capsys.readouterr().err
    assert run(["sessions", "-w", str(workspace), "--json"]) == 0
    assert [one["questions"] for one in json.loads(capsys.readouterr().out)["sessions"]] == [1]
    assert run(["sessions", "ask-again", question["request"][:8], "-w", str(workspace), "--yes", "edit"]) == 0
    assert (workspace / "a.py").read_text() == "x = 2\n"
    assert "starling undo" in capsys.readouterr().err
    assert run(["sessions", "export", session[:8], "-w", str(workspace)]) == 0
    assert "was asked again; the person approved it" in capsys.readouterr().out
    assert run(["sessions", "questions", "-w", str(workspace)]) == 0
    assert "Every question in this workspace is answered." in capsys.readouterr().err
    assert run(["sessions", "ask-again", question["request"], "-w", str(workspace)]) == 1
    assert "cannot be asked again" in capsys.readouterr().err


def test_a_file_that_has_changed_is_left_alone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_unanswered(workspace, "")
    (workspace / "a.py").write_text("x = 7\n")
    assert run(["sessions", "questions", "-w", str(workspace), "--json"]) == 0
    (question,) = json.loads(capsys.readouterr().out)["questions"]
    assert run(["sessions", "ask-again", question["request"], "-w", str(workspace), "--yes", "edit"]) == 1
    assert "a.py has changed since this was proposed" in capsys.readouterr().err
    assert (workspace / "a.py").read_text() == "x = 7\n"


def test_questions_of_other_workspaces_are_not_listed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_unanswered(workspace, "")
    other = workspace.parent / "other"
    other.mkdir()
    assert run(["sessions", "questions", "-w", str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"] == []


def test_an_unanswered_command_is_asked_again_by_its_agent(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = create_session(workspace)
    leave_unanswered(workspace, session, "command")
    assert run(["sessions", "questions", "-w", str(workspace), "--json"]) == 0
    (question,) = json.loads(capsys.readouterr().out)["questions"]
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
    with ScriptedServer("=== `make it` was not answered\nIt is no longer needed.\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        assert run(["sessions", "ask-again", question["request"], "-w", str(workspace)]) == 0
    assert "It is no longer needed." in capsys.readouterr().out


class Typed(io.StringIO):
    """Lines that a person types at a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize(("typed", "choices", "given"), [
    ("2\n", ("red", "blue"), "blue"),
    ("a dark one \n", (), "a dark one"),
    ("\n", (), None),
    ("green\n", ("red", "blue"), None),
])  # fmt: skip
def test_an_agents_question_is_answered_at_the_terminal(  # noqa: PLR0917 (its fixtures)
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    typed: str, choices: tuple[str, ...], given: str | None,
) -> None:  # fmt: skip
    state = open_state()
    asked = AgentQuestion("a" * 32, create_session(workspace), "Which\x1b[2J colour?", choices, time.time())
    GivenAnswers(state).record_question(asked, name_owner("starling work"))
    monkeypatch.setattr(sys, "stdin", Typed(typed))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["sessions", "answer", "a", "-w", str(workspace)]) == (0 if given else 1)
    said = capsys.readouterr().err
    assert "colour?" in said
    assert "\x1b[2J" not in said
    assert all(f"{number}: {one}" in said for number, one in enumerate(choices, 1))
    assert GivenAnswers(state).find_text_answer(asked.id) == given
    other = workspace.parent / "other"
    other.mkdir()
    assert run(["sessions", "questions", "-w", str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"] == []
    state.close()
