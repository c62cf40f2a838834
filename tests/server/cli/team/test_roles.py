"""`starling roles`: all roles, where these come from, and what cannot be used."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.permissions.rules import COMMAND_TOOLS, PATH_TOOLS, TOOL_NAMES
from agents.team.tool import TeamTool
from agents.team.tools.all_tools import TOOLS
from agents.tools import Risk
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


def test_the_list_of_tools_names_a_rule_that_can_never_match(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".starling.toml").write_text('[team]\ndeny = ["execute_command path data/"]\n')
    for options in ([], ["--json"]):
        assert run(["tools", *options]) == 0
        said = capsys.readouterr().err
        assert "execute_command has no path, so the rule would never match" in said
        assert "Agents do nothing until you correct it." in said


def test_the_tools_with_paths_and_with_command_lines_are_those_that_rules_know() -> None:
    unset = {one.name: one.default for one in dataclasses.fields(TeamTool)}
    named = {one.name for one in TOOLS if one.list_paths is not unset["list_paths"]}
    running = {one.name for one in TOOLS if one.get_request is not unset["get_request"]}
    assert running == COMMAND_TOOLS
    assert named - running <= PATH_TOOLS
    assert {one.name for one in TOOLS if one.tool.risk is Risk.LOW} >= PATH_TOOLS - named, "these only read files"
