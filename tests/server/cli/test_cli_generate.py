"""`starling generate`: its edits and questions, and that nothing is written without approval. No model is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from server.cli import run
from tests import marked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Generate = Callable[..., tuple[int, dict[str, Any], str]]

pytestmark = pytest.mark.usefixtures("forks")

WORKSPACE = """
    #- .git/HEAD
    ref: refs/heads/main
    #- app.py
    def greet(name="you", times=1):
        return f"hello {name}" * times
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter and return a new workspace, without a model."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    root = marked.parse(WORKSPACE).write(tmp_path.resolve() / "workspace")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def generate(capsys: pytest.CaptureFixture[str]) -> Generate:
    """Return a function that runs `starling generate --json`, and returns the status, the object and stderr."""

    def run_generate(*arguments: str) -> tuple[int, dict[str, Any], str]:
        capsys.readouterr()
        status = run(["generate", "--json", *arguments])
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else {}, said.err

    return run_generate


def test_an_allowed_edit_is_written_and_reported(workspace: Path, generate: Generate) -> None:
    status, told, said = generate("app.py:1:1", "--task", "type-hints", "--yes", "edit")
    assert (status, told["outcome"], told["task"]) == (0, "applied", "type-hints")
    assert (
        (workspace / "app.py")
        .read_text(encoding="utf-8")
        .startswith('def greet(name: str = "you", times: int = 1) -> str:\n')
    )
    assert '+def greet(name: str = "you"' in said


def test_without_a_terminal_and_without_the_option_yes_nothing_is_written(workspace: Path, generate: Generate) -> None:
    before = (workspace / "app.py").read_bytes()
    status, told, said = generate("app.py:1:1", "--task", "type-hints")
    assert (status, told["outcome"]) == (1, "refused")
    assert "--yes edit" in said
    assert (workspace / "app.py").read_bytes() == before


def test_an_approval_of_another_kind_does_not_count(generate: Generate) -> None:
    assert generate("app.py:1:1", "--task", "type-hints", "--yes", "create")[1]["outcome"] == "refused"


def test_without_a_model_it_says_which_setting_gives_one(generate: Generate) -> None:
    status, told, said = generate("app.py:1:1", "--task", "docstring", "--yes", "edit")
    assert (status, told["outcome"]) == (1, "failed")
    assert "model.enabled" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["app.py:1:1", "--task", "sing"], "There is no task 'sing'; choose one of: "),
        (["app.py:1:1"], "Nothing is missing at this place; choose a --task that applies here (docstring, type-hints"),
        (["app.py:9:1"], "give a line from 1"),
        (["gone.py:1:1"], "gone.py does not exist"),
        (["/dev/zero:1:1"], "/dev/zero cannot be read (not a regular file)"),
    ],
)
def test_an_impossible_request_is_a_failure_with_a_reason(generate: Generate, arguments: list[str], said: str) -> None:
    status, _, told = generate(*arguments)
    assert status == 1
    assert said in told


def test_an_undo_restores_every_byte_and_can_be_undone(
    workspace: Path, generate: Generate, capsys: pytest.CaptureFixture[str]
) -> None:
    file = workspace / "app.py"
    before = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)
    _, told, said = generate("app.py:1:1", "--task", "type-hints", "--yes", "edit")
    assert f"starling undo {told['checkpoint']}" in said
    after = file.read_bytes()
    capsys.readouterr()
    assert run(["undo", "--list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["changes"]
    assert (listed["checkpoint"], listed["files"]) == (told["checkpoint"], [str(file)])
    assert run(["undo", "--list"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.startswith(f"{told['checkpoint'][:8]}  ")
    assert row.rstrip().endswith(f"  -        app.py  {listed['title']}")
    assert run(["undo", "--list", told["checkpoint"]]) == 2
    assert run(["undo"]) == 1  # nobody can be asked here
    assert file.read_bytes() == after
    assert run(["undo", "--yes", "edit"]) == 0
    assert file.read_bytes() == before
    capsys.readouterr()
    assert run(["undo", "--list"]) == 0
    assert "is left to undo" in capsys.readouterr().err
    assert run(["undo", "nosuch", "--yes", "edit", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "refused"


def test_without_a_change_there_is_nothing_to_undo(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["undo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
