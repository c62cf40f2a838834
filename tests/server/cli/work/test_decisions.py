"""`starling decisions`, and the board from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.memory import Decision
from models.scripted.scripted_server import ScriptedServer
from server.assembly.gates import open_state
from server.cli import run
from server.state.memory_store import MemoryStore
from tests.agents.team.workflows.test_board import ALL, QUESTION, answer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace, which is the working directory."""
    root = tmp_path / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    return root


def read_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command and return the JSON that it wrote."""
    capsys.readouterr()
    assert run(["decisions", *words]) == 0
    return json.loads(capsys.readouterr().out)


def record(*decisions: Decision) -> None:
    """Store decisions."""
    state = open_state()
    for one in decisions:
        MemoryStore(state).record_decision(one)
    state.close()


def test_the_board_reports_its_decision_which_is_shown_again_and_deleted(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(answer("risk", "Hm.") + ALL) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        assert run(["do", "--workflow", "board", QUESTION]) == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert "# Decision: approve" in shown.out
    assert "| risk | no verdict | | |" in shown.out
    assert "  cfo: approve" in shown.err
    (kept,) = read_json(capsys, "--json")["decisions"]
    assert (kept["verdict"], kept["question"], kept["agent"]) == ("approve", QUESTION, "ceo")
    assert run(["decisions", "show", kept["id"][:8]]) == 0
    again = capsys.readouterr().out
    assert again.strip() == shown.out[shown.out.index("# Decision") : shown.out.index("\n\n- verdicts:")].strip()
    assert run(["decisions", "delete", kept["id"][:8]]) == 0
    assert read_json(capsys, "--json") == {"decisions": []}
    assert list(place.iterdir()) == []


def test_decisions_of_other_workspaces_are_neither_listed_nor_deleted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(
        Decision(place.as_uri(), "ceo", "board", "Ship it?", "approve", id="ab12"),
        Decision("file:///other", "ceo", "board", "Sell it?", "reject", id="cd34"),
    )
    assert run(["decisions"]) == 0
    listed = capsys.readouterr().out
    assert "Ship it?" in listed
    assert "Sell it?" not in listed
    assert run(["decisions", "delete", "cd34"]) == 1
    assert "There is no decision cd34" in capsys.readouterr().err


def test_an_ambiguous_id_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(*(Decision(place.as_uri(), "ceo", "board", "Ship it?", "approve", id=one) for one in ("ab1", "ab2")))
    assert run(["decisions", "show", "ab"]) == 1
    assert "Several decisions have an id that begins with ab" in capsys.readouterr().err


def test_a_decision_whose_details_are_no_board_is_shown_with_what_is_known(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(Decision(place.as_uri(), "cto", "approach", "Which parser?", "the old one", "by hand", id="ab12"))
    assert run(["decisions", "show", "ab12"]) == 0
    shown = capsys.readouterr().out
    assert "verdict: the old one" in shown
    assert "details: by hand" in shown


def test_without_decisions_a_sentence_says_how_to_get_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decisions", "-w", str(place)]) == 0
    assert "`starling do --workflow board QUESTION`" in capsys.readouterr().err
