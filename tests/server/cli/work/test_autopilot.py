"""`starling autopilot`, in a real repository."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from server.cli import run
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with two comments that say what to do; it is the working directory."""
    run_git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "area.py").write_text("# FIXME: be exact\nPI = 3.14\n# TODO: add tau\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    return tmp_path


def read_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command and return the JSON that it wrote."""
    capsys.readouterr()
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_proposals_are_listed_shown_accepted_and_dismissed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["autopilot"]) == 0
    assert "Nothing is proposed here" in capsys.readouterr().err
    assert run(["autopilot", "look"]) == 0
    assert "2 proposals, 2 of them new" in capsys.readouterr().err
    first, second = read_json(capsys, "autopilot")["proposals"]
    assert (first["kind"], first["title"]) == ("comment", "Do what the FIXME in area.py says: be exact")
    assert read_json(capsys, "tasks")["tasks"] == []
    assert run(["autopilot", "show", second["id"][:8]]) == 0
    assert "area.py:3 has the comment:" in capsys.readouterr().out
    assert run(["autopilot", "accept", first["id"][:8]]) == 0
    task = capsys.readouterr().out.strip()
    assert run(["autopilot", "dismiss", second["id"][:8]]) == 0
    for command in ("accept", "dismiss", "show"):
        assert run(["autopilot", command, second["id"][:8]]) == 1
    (queued,) = read_json(capsys, "tasks")["tasks"]
    assert (queued["id"][:8], queued["title"], queued["status"]) == (task, first["title"], "queued")
    assert run(["autopilot", "look"]) == 0
    assert read_json(capsys, "autopilot") == {"proposals": [], "used_today": {"tasks": 0, "tokens": 0, "cost": 0.0}}
    assert run_git(shop, "status", "--porcelain") == "?? area.py\n"
