"""`starling deploy` in a real repository: run, list, status, rollback, with the person's settings and a real gate."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from models.scripted.scripted_server import ScriptedServer
from server.cli import run
from server.state import paths
from tests.server.deployment.deploying import list_names, run_git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")

SECRET = "hunter2-hunter2"
YES = ("--yes", "run", "--yes", "deploy")
AREA = "def double(x):\n    return 2 * x\n"
TEST = """import unittest

import area


class T(unittest.TestCase):
    def test(self):
        self.assertEqual(area.double(2), 4)
"""
CAUSE = "The script of the restart does not exist (settings.toml)."


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a module and its test, beside the empty folder of a target."""
    root = tmp_path / "shop"
    root.mkdir()
    (tmp_path / "live").mkdir()
    (root / "area.py").write_text(AREA)
    (root / "test_area.py").write_text(TEST)
    run_git(root, "init", "-q", "-b", "main")
    commit(root, "first")
    monkeypatch.chdir(root)
    monkeypatch.setenv("STARLING_INDEX__ENABLED", "false")
    monkeypatch.setenv("STARLING_REVIEW__TEST_COMMAND", f"{sys.executable} -B -m unittest")
    monkeypatch.setenv("COLUMNS", "200")
    return root


def commit(root: Path, message: str) -> None:
    """Commit everything."""
    run_git(root, "add", "--all")
    run_git(root, "commit", "-q", "--allow-empty", "-m", message)


def set_target(shop: Path, *lines: str, name: str = "live") -> None:
    """Write the person's settings with one target: the folder beside the workspace."""
    path = paths.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'[deploy.targets.{name}]\nkind = "directory"\nworkspace = "{shop}"\npath = "{shop.parent / "live"}"\n'
    path.write_text("\n".join((head, *lines)), "utf-8")


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return the object that a command writes."""
    capsys.readouterr()
    run([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_run_checks_tests_asks_deploys_and_lists_without_any_model(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_target(shop, 'status = ["cat area.py"]')
    assert run(["deploy", "run", "live", *YES]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().err
    for line in (
        "ok      Everything is committed",
        "ok      The tests pass",
        "ok: Switch to the release",
        "return 2 * x",
    ):
        assert line in shown
    assert "Target: live (directory," in shown
    assert (shop.parent / "live" / "current" / "area.py").read_text() == AREA
    listed = read_json(capsys, "deploy")
    assert [one["name"] for one in listed["targets"]] == ["live"]
    (record,) = listed["deployments"]
    assert (record["target"], record["state"]) == ("live", "done")
    assert run(["deploy", "log", record["id"][:18]]) == 0
    assert "ok: Unpack them as a new release" in capsys.readouterr().err


def test_rollback_and_status_ask_and_act(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_target(shop)
    assert run(["deploy", "run", "live", *YES]) == 0, capsys.readouterr().err
    (shop / "area.py").write_text(f"{AREA}# 2\n")
    commit(shop, "second")
    assert run(["deploy", "run", "live", *YES]) == 0
    assert run(["deploy", "rollback", "live", "--yes", "deploy"]) == 0, capsys.readouterr().err
    assert (shop.parent / "live" / "current" / "area.py").read_text() == AREA
    assert run(["deploy", "status", "live", "--yes", "run"]) == 0
    assert "See which release is current" in capsys.readouterr().err
    assert [one["state"] for one in read_json(capsys, "deploy")["deployments"]] == ["done", "rolled back", "done"]


def test_yes_to_runs_deploys_nothing_and_without_a_terminal_nothing_runs(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_target(shop)
    assert run(["deploy", "run", "live", "--yes", "run", "--yes", "edit", "--yes", "commit"]) == 1
    assert "or add --yes deploy" in capsys.readouterr().err
    assert run(["deploy", "run", "live"]) == 1
    assert list_names(shop.parent / "live") == []
    assert read_json(capsys, "deploy")["deployments"] == []


def test_failing_tests_keep_it_from_being_deployed(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "area.py").write_text("def double(x):\n    return x\n")
    commit(shop, "broken")
    set_target(shop)
    assert run(["deploy", "run", "live", *YES]) == 1
    shown = capsys.readouterr().err
    assert "failed  The tests pass" in shown
    assert "Nothing was deployed." in shown
    assert list_names(shop.parent / "live") == []


def test_a_failed_deployment_is_rolled_back_and_its_cause_is_looked_for(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_TOKEN", SECRET)
    set_target(shop)
    assert run(["deploy", "run", "live", *YES]) == 0, capsys.readouterr().err
    (shop / "area.py").write_text(f"{AREA}# 2\n")
    commit(shop, "second")
    fails = "grep -q '# 2' area.py && { echo token $TOKEN; ./restart; exit 1; } || true"
    set_target(shop, f'after = ["{fails}"]', 'env = { TOKEN = "env:LIVE_TOKEN" }')
    with ScriptedServer(f"===\n{CAUSE}\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        assert run(["deploy", "run", "live", *YES]) == 1
        asked = json.dumps(list(server.requests), default=str)
    shown = capsys.readouterr()
    assert "The deployment failed and was taken back." in shown.err
    assert CAUSE in shown.err + shown.out
    assert (shop.parent / "live" / "current" / "area.py").read_text() == AREA
    assert "token (secret)" in asked
    state = b"".join(one.read_bytes() for one in paths.state_dir().rglob("*") if one.is_file())
    for text in (shown.err, shown.out, asked, repr(state)):
        assert SECRET not in text
    assert [one["state"] for one in read_json(capsys, "deploy")["deployments"]] == ["done", "rolled back", "done"]


def test_without_a_target_a_model_reads_and_proposes_one_and_nothing_runs(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "compose.yaml").write_text("services: {}\n")
    proposal = 'Add this to settings.toml: [deploy.targets.live] kind = "compose".'
    with ScriptedServer(f"=== No target of deployments is declared\n{proposal}\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        assert run(["do", "--workflow", "deploy", *YES, "bring it to the server"]) == 1
        assert "compose.yaml: Docker Compose (kind compose)" in json.dumps(list(server.requests), default=str)
    assert proposal in capsys.readouterr().err


def test_what_does_not_exist_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy"]) == 1
    assert "Your settings.toml has no target for this workspace" in capsys.readouterr().err
    set_target(shop)
    assert run(["deploy", "run", "prod", *YES]) == 1
    assert "There is no target prod for this workspace; there are: live." in capsys.readouterr().err
    assert run(["deploy", "rollback", "live", *YES]) == 1
    assert "There is no deployment to roll back" in capsys.readouterr().err
    assert run(["deploy", "log", "x"]) == 1
    assert "no deployment begins with x" in capsys.readouterr().err


@pytest.fixture
def two_targets(shop: Path) -> Path:
    """Return the repository, with two targets in the settings."""
    set_target(shop)
    first = paths.settings_file().read_text()
    set_target(shop, name="stage")
    with paths.settings_file().open("a") as file:
        file.write(f"\n{first}")
    return shop


def test_one_of_several_targets_is_chosen_by_its_name_and_never_guessed(
    two_targets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["do", "--workflow", "deploy", *YES, "deploy it"]) == 1
    assert "Say in the request to which target: stage, live." in capsys.readouterr().err
    assert run(["do", "--workflow", "deploy", *YES, "deploy it to stage"]) == 0
    assert "The target is stage" in capsys.readouterr().err
    assert (two_targets.parent / "live" / "current").exists()
