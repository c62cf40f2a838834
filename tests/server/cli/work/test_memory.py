"""`starling memory`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.memory import Activity, Decision, Remembered, Source
from server.assembly.gates import open_state
from server.cli import run
from server.state.memory_store import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace, which is the working directory."""
    root = tmp_path / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def read_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command and return the JSON that it wrote."""
    capsys.readouterr()
    assert run(["memory", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_person_adds_lists_shows_replaces_and_deletes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["memory", "add", "style", "always", "use", "tabs"]) == 0
    assert run(["memory", "add", "style", "never use tabs"]) == 0
    assert run(["memory", "add", "tests", "run tox", "--role", "tester", "--everywhere"]) == 0
    found = {one["key"]: one for one in read_json(capsys, "--json")["memories"]}
    assert {key: (one["text"], one["agent"], one["source"]) for key, one in found.items()} == {
        "style": ("never use tabs", "", "person"),
        "tests": ("run tox", "tester", "person"),
    }
    assert (found["style"]["workspace"], found["tests"]["workspace"]) == (place.as_uri(), "")
    assert run(["memory", "show", "style"]) == 0
    assert "never use tabs" in capsys.readouterr().out
    assert run(["memory"]) == 0
    assert re.search(r"tests +tester +everywhere", capsys.readouterr().out)
    assert run(["memory", "delete", "tests"]) == 1
    assert "is deleted by: starling memory delete tests --role tester --everywhere\n" in capsys.readouterr().err
    assert run(["memory", "delete", "nothing"]) == 1
    assert "`starling memory` lists what is." in capsys.readouterr().err
    assert run(["memory", "delete", "tests", "-r", "tester", "--everywhere"]) == 0
    assert [one["key"] for one in read_json(capsys, "--json")["memories"]] == ["style"]


def test_a_secret_is_not_stored(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "sk-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z" * 2
    assert run(["memory", "add", "key", f"api_key = '{secret}'"]) == 0
    assert secret not in json.dumps(read_json(capsys, "--json"))
    assert place.exists()


def test_everything_is_exported_and_deleted_for_one_workspace(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = open_state()
    store = MemoryStore(state)
    for uri in (place.as_uri(), "file:///other"):
        store.remember(Remembered(uri, "coder", "ids", "orders have ids", Source.FILE, "orders.py"))
        store.record_activity(Activity(uri, "coder", "changed area.py"))
        store.record_decision(Decision(uri, "ceo", "board", "Ship it?", "yes"))
    state.close()
    found = read_json(capsys, "export")
    assert [len(found[name]) for name in ("memories", "activities", "decisions")] == [1, 1, 1]
    assert run(["memory", "clear"]) == 0
    assert "3 records deleted" in capsys.readouterr().err
    assert read_json(capsys, "export") == {"memories": [], "activities": [], "decisions": []}
    state = open_state()
    assert len(MemoryStore(state).list_activities("file:///other", 9)) == 1
    state.close()
