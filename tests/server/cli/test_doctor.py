"""`starling doctor`: the state of each part, and how to fix what does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.cli import run
from server.version import VERSION
from tests.indexing.libraries.environments import install, make_environment, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("forks", "home")


def test_the_doctor_tries_every_part(workspace: Path, run_json_command: Callable[..., Any]) -> None:
    found = run_json_command("doctor", "--workspace", workspace)
    assert found["ok"] is True
    states = {check["part"]: check["state"] for check in found["checks"]}
    assert {part for part, state in states.items() if state == "error"} == set()
    assert set(states) >= {"program", "settings", "files", "grammars", "index", "model", "machine"}
    assert len(found["grammars"]) >= 24
    assert set(found["grammars"].values()) == {"ok"}
    assert found["model"]["tokens"] > 0
    assert found["program"]["version"] == VERSION
    assert found["files"]["free_bytes"] > 0


def test_the_doctor_says_where_everything_lives(
    home: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    assert run(["doctor", "--workspace", str(workspace)]) == 0
    lines = capsys.readouterr().out.splitlines()
    places = dict(line.split(maxsplit=1) for line in lines if line.startswith("      "))
    assert places["settings"].startswith(f"{home / 'config' / 'settings.toml'} (not there")
    assert places["models"].startswith(str(home / "config" / "models"))
    assert places["log"].startswith(str(home / "log" / "starling.log"))
    assert places["indexes"] == f"{home / 'cache' / 'index'} (0.0 MB; with libraries 0.0 of at most 4,000 MB)"
    assert places["state"] == str(home / "state")


def test_the_doctor_does_not_call_an_existing_settings_file_missing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("[model]\nenabled = false\n")
    monkeypatch.chdir(home)
    assert run(["doctor"]) == 0
    assert f"settings  {home / 'config' / 'settings.toml'}\n" in capsys.readouterr().out


def test_the_doctor_names_the_indexed_libraries_and_their_size(
    home: Path, tmp_path: Path, run_json_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "root", {"a.py": "import client\n"})
    install(make_environment(root / ".venv"), "client", {"client.py": "def connect():\n    return None\n"})
    indexed = run_json_command("index", root)["libraries"]
    assert (indexed["state"], indexed["packages"], indexed["files"]) == ("ready", ["stdlib 3.11.7", "client 1.0"], 5)
    found = run_json_command("doctor", "--workspace", root)["libraries"]
    assert found["packages"] == ["pypi-client-1.0", "pypi-stdlib-3.11.7"]
    assert (found["bytes"], found["limit_bytes"], found["enabled"]) == (indexed["store_bytes"], 1_000_000_000, True)
    assert found["path"] == str(home / "cache" / "index" / "libraries")
    assert found["source_bytes"] == indexed["bytes"]
    damaged = next((home / "cache" / "index" / "libraries").glob("*.segment"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (check,) = [
        check for check in run_json_command("doctor", "--workspace", root)["checks"] if check["part"] == "libraries"
    ]
    assert (check["state"], check["message"].partition(" are ")[0]) == (
        "warning",
        "1 of the files with indexed libraries",
    )
    assert run_json_command("index", root)["libraries"]["problem"] == ""
    assert run_json_command("doctor", "--workspace", root)["libraries"]["damaged"] == []
    monkeypatch.setenv("STARLING_INDEX__LIBRARIES", "false")
    (check,) = [
        check for check in run_json_command("doctor", "--workspace", root)["checks"] if check["part"] == "libraries"
    ]
    assert check["message"].startswith("Libraries are not used (index.libraries); 2 packages are indexed")


def find_model_check(found: dict[str, Any]) -> dict[str, Any]:
    (check,) = [check for check in found["checks"] if check["part"] == "model"]
    return dict(check)


def test_the_doctor_names_the_missing_model_and_the_existing_ones(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, run_json_command: Callable[..., Any]
) -> None:
    monkeypatch.setenv("STARLING_MODEL__NAME", "absent")
    model = find_model_check(run_json_command("doctor", "--workspace", workspace))
    assert model["state"] == "warning"
    assert "absent" in model["message"]
    assert "starling-mini" in model["remedy"]
    assert "Install" not in model["remedy"]
    assert "from your workspace alone until it is fixed" in model["remedy"]


def test_without_model_and_recall_the_doctor_says_that_nothing_is_completed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, run_json_command: Callable[..., Any]
) -> None:
    monkeypatch.setenv("STARLING_MODEL__NAME", "absent")
    monkeypatch.setenv("STARLING_COMPLETION__RECALL", "false")
    model = find_model_check(run_json_command("doctor", "--workspace", workspace, status=1))
    assert model["state"] == "error"
    assert "Nothing is completed" in model["remedy"]


def test_with_a_broken_model_the_doctor_names_its_file_and_what_still_works(
    own_broken_model: Path, workspace: Path, run_json_command: Callable[..., Any]
) -> None:
    model = find_model_check(run_json_command("doctor", "--workspace", workspace))
    assert model["state"] == "warning"
    assert str(own_broken_model) in model["message"]
    assert "from your workspace alone until it is fixed" in model["remedy"]
    assert "Install" not in model["remedy"]


def test_the_doctor_names_a_wrong_setting_and_goes_on(
    home: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("[completion]\nmax_tokens = 0\ntimeout_ms = -1\n")
    (workspace / ".starling.toml").write_text('[model]\nname = "theirs"\n')
    assert run(["doctor", "--workspace", str(workspace)]) == 0
    shown = capsys.readouterr().out
    for wrong in ("max_tokens", "timeout_ms", "model.name"):
        assert len([line for line in shown.splitlines() if wrong in line]) == 1, "a line each"
    assert "model.name: cannot be set by a workspace" in " ".join(shown.split())
    assert "works here, with limits" in shown
