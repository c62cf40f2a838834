"""`starling roles`: all roles, where these come from, and what cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.permissions.rules import TOOL_NAMES
from agents.team.tools.all_tools import TOOLS
from server.cli import run
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path

ROLE = '+++\ntitle = "Gardener"\ndescription = "Weeds."\ncapabilities = ["admin"]\n+++\nYou weed.\n'


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Return a workspace with one role of its own."""
    folder = tmp_path / "workspace" / ".starling" / "roles"
    folder.mkdir(parents=True)
    (folder / "gardener.md").write_text(ROLE)
    return tmp_path / "workspace"


def list_as_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the object that `starling roles --json` writes."""
    assert run(["roles", "--json", "-w", str(workspace)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_workspaces_roles_are_used_only_where_the_person_trusts_it(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list_as_json(workspace, capsys)
    assert "gardener" not in {one["name"] for one in found["roles"]}
    assert f"add '{workspace.as_posix()}' to `team.trusted`" in found["problems"][0]
    (workspace / ".starling.toml").write_text(f'[team]\ntrusted = ["{workspace.as_posix()}"]\n')
    assert "gardener" not in {one["name"] for one in list_as_json(workspace, capsys)["roles"]}
    monkeypatch.setenv("STARLING_TEAM__TRUSTED", str(workspace))
    found = list_as_json(workspace, capsys)
    (role,) = (one for one in found["roles"] if one["name"] == "gardener")
    assert (role["from"], role["capabilities"], found["problems"]) == ("workspace", [], [])


def test_a_table_has_all_roles_and_problems_go_to_stderr(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = paths.settings_file().parent / "roles"
    own.mkdir(parents=True)
    (own / "broken.md").write_text("You help.")
    monkeypatch.setenv("STARLING_TEAM__TRUSTED", "relative/folder")
    assert run(["roles", "-w", str(workspace)]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].split() == ["NAME", "FROM", "CAPABILITIES", "DESCRIPTION"]
    assert len(shown.out.splitlines()) == 21
    assert "broken.md is not used: A role begins with a head" in shown.err
    assert "a list of absolute paths of folders" in shown.err


def test_the_tools_that_rules_name_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tools"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["NAME", "RISK", "GROUP", "CAPABILITIES"]
    assert ["read_file", "low", "reads"] in [line[:3] for line in lines]
    assert ["edit_file", "high", "edits"] in [line[:3] for line in lines]
    assert run(["tools", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["tools"]
    assert {one["name"] for one in listed} == TOOL_NAMES == {one.name for one in TOOLS}
