"""`starling workflows`, and `starling do --workflow` and `tasks add --workflow` in a real repository."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from server.cli import run
from server.cli.terminal import Misuse
from tests.agents.team.workflows.flows import AREA, PASSING, TEST
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOW = """
title = "Ask"
description = "Asks once."
[[steps]]
name = "ask"
kind = "agent"
role = "ask"
prompt = "{request}"
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a repository, with the scripted endpoint as the person's chat model and unittest for its tests."""
    root = tmp_path / "shop"
    root.mkdir()
    run_git(root, "init", "-q", "-b", "main")
    (root / "area.py").write_text(AREA)
    run_git(root, "add", "--all")
    run_git(root, "commit", "-q", "-m", "first")
    for key, value in (("user.name", "Ann"), ("user.email", "ann@example.org")):
        run_git(root, "config", key, value)
    monkeypatch.chdir(root)
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_REVIEW__TEST_COMMAND", f"{sys.executable} -B -m unittest")
    with ScriptedServer(PASSING) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield root


@pytest.mark.skipif(sys.platform == "win32", reason="the command line has a path with backslashes")
def test_do_runs_a_workflow_whose_edits_tests_and_commit_are_approved(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = ["--yes", "edit", "--yes", "create", "--yes", "run", "--yes", "commit"]
    assert run(["do", "--json", "--workflow", "tdd", *allowed, "add triple(x)"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert json.loads(shown.out)["text"].startswith("The workflow tdd is done.")
    assert "red: The tests fail as they have to. test_area.py: 0 passed, 1 failed." in shown.err
    assert run_git(shop, "log", "--format=%s") == "add triple(x)\nfirst\n"
    session = json.loads(shown.out)["session"]
    assert run(["sessions", "export", session]) == 0
    assert "[tdd: green] All tests pass: 1 passed" in capsys.readouterr().out


def test_tests_that_nobody_permits_stop_the_workflow_and_the_line_to_go_on_names_it(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--workflow", "tdd", "--yes", "create", "add triple(x)"]) == 1
    shown = capsys.readouterr().err
    assert "The workflow stopped in the step red: The tests could not be run:" in shown
    assert "To go on: starling do --workflow tdd --session" in shown
    assert (shop / "area.py").read_text() == AREA


@pytest.mark.skipif(sys.platform == "win32", reason="the command line has a path with backslashes")
def test_a_queued_task_runs_a_workflow_in_its_worktree(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "add", "--workflow", "tdd", "add triple(x)"]) == 0
    capsys.readouterr()
    assert run(["work", "--yes", "run"]) == 0
    assert run(["tasks", "--json"]) == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert task["status"] == "done", task["result"]
    branch = f"starling/{task['id'][:12]}"
    assert "commit: The changes are committed with the task." in task["result"]
    assert run_git(shop, "log", "--format=%s", branch) == "add triple(x)\nfirst\n"
    assert run_git(shop, "show", f"{branch}:test_area.py") == TEST
    assert run_git(shop, "status", "--porcelain") == ""


@pytest.mark.parametrize("options", [["--workflow", "magic"], ["--workflow", "tdd", "--read-only"]])
def test_a_task_with_a_workflow_that_cannot_be_is_not_added(shop: Path, options: list[str]) -> None:
    assert run(["tasks", "add", "x", *options]) == Misuse.exit_code


def test_a_workspaces_workflows_are_used_only_where_the_person_trusts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "workspace" / ".starling" / "workflows"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(FLOW)
    options = ["workflows", "--json", "-w", str(tmp_path / "workspace")]
    assert run(options) == 0
    found = json.loads(capsys.readouterr().out)
    assert "mine" not in [one["name"] for one in found["workflows"]]
    assert "to `team.trusted`" in found["problems"][0]
    monkeypatch.setenv("STARLING_TEAM__TRUSTED", str(tmp_path / "workspace"))
    assert run(options) == 0
    found = json.loads(capsys.readouterr().out)
    assert ([(one["name"], one["from"]) for one in found["workflows"]][-1], found["problems"]) == (
        ("mine", "workspace"),
        [],
    )
    assert run(["workflows", "-w", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["NAME", "FROM", "STEPS", "DESCRIPTION"]


@pytest.mark.parametrize("command", [["do"], ["tasks", "add"]])
def test_a_workflow_that_does_not_exist_begins_nothing_and_a_similar_one_is_named(
    shop: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run([*command, "--workflow", "tdt", "add triple(x)"]) == 2
    assert "There is no workflow tdt. Did you mean tdd? There are: " in capsys.readouterr().err
    assert run(["sessions", "--json"]) == 0
    assert (json.loads(capsys.readouterr().out)["sessions"], shop.exists()) == ([], True)
