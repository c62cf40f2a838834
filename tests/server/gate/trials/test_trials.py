"""Trying a test before it is proposed: on a copy, after one question, and what came of it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, cast

import pytest

from agents.edits import CreateFile, Edit, TextChange
from agents.ports.permissions import Permission
from indexing.index import Index
from server.assembly.core import Core
from server.assembly.resources import Files
from server.assembly.setting_sections import ReviewSettings
from server.assembly.settings import Settings
from server.gate.ports import Verdict
from server.gate.trials.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.completion.generator import Generator
    from agents.edits import Change
    from agents.ports.permissions import Cancelled, ToolCall
    from agents.tasks.task import TestRun

RUNNER = f"{sys.executable} -m pytest -q"


class Permits:
    """A gate that answers one way, and keeps what it was asked."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[str] = []

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:  # noqa: ARG002
        self.asked.append(call.subject)
        granted = self.verdict is Verdict.APPLIED
        return Permission("1", granted, self.verdict, "" if granted else "It was rejected.")

    def end_task(self, task: str) -> None: ...


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the runs need no plugin, and loading ours takes longest
    folder = tmp_path.resolve() / "work"
    folder.mkdir()
    (folder / "sums.py").write_text("def add(a, b):\n    return a - b\n", encoding="utf-8")
    return folder


async def run_trials(
    root: Path, *candidates: Sequence[Change], gate: Permits, command: str = RUNNER, cancelled: bool = False
) -> Sequence[TestRun]:
    settings = Settings(review=ReviewSettings(test_command=command))
    index = Index([root], storage=root.parent / "index")
    core = Core(settings, index, cast("Generator", None), None)
    loop = asyncio.get_running_loop()
    trials = Trials(Files(core, (root,)), lambda: gate, loop, lambda: cancelled)
    try:
        return await asyncio.to_thread(trials.run, candidates, root / "tests" / "test_sums.py")
    finally:
        index.close()


def list_names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def make_test(root: Path, claim: str) -> CreateFile:
    return CreateFile(
        root / "tests" / "test_sums.py", f"from sums import add\n\n\ndef test_add():\n    assert {claim}\n"
    )


async def test_it_runs_on_a_copy_and_the_workspace_stays_as_it_is(root: Path) -> None:
    gate = Permits(Verdict.APPLIED)
    (run,) = await run_trials(root, [make_test(root, "add(1, 2) == -1")], gate=gate)
    assert (run.ran, run.passed, run.failed, run.green) == (True, 1, 0, True)
    assert list_names(root) == ["sums.py"]
    assert "tests/test_sums.py" in gate.asked[0]
    assert str(root) in gate.asked[0]


async def test_a_failing_test_says_what_it_claims(root: Path) -> None:
    (run,) = await run_trials(root, [make_test(root, "add(1, 2) == 3")], gate=Permits(Verdict.APPLIED))
    assert (run.ran, run.passed, run.failed) == (True, 0, 1)
    assert "assert -1 == 3" in run.output


async def test_a_change_of_the_code_comes_along(root: Path) -> None:
    text = (root / "sums.py").read_text(encoding="utf-8")
    at = text.index("-")
    change = TextChange((root / "sums.py").as_uri(), root / "sums.py", text, (Edit(at, at + 1, "+"),))
    (run,) = await run_trials(root, [change, make_test(root, "add(1, 2) == 3")], gate=Permits(Verdict.APPLIED))
    assert run.green
    assert (root / "sums.py").read_text(encoding="utf-8") == text


async def test_a_changed_file_keeps_its_encoding(root: Path) -> None:
    text = "# coding: latin-1\nCOLD = '" + 20 * "\u00e9" + "'\n"
    (root / "words.py").write_bytes(text.encode("latin-1"))
    change = TextChange((root / "words.py").as_uri(), root / "words.py", text, (Edit(len(text), len(text), "X = 1\n"),))
    test = CreateFile(
        root / "tests" / "test_sums.py", "import words\n\n\ndef test_it():\n    assert len(words.COLD) == 20\n"
    )
    (run,) = await run_trials(root, [change, test], gate=Permits(Verdict.APPLIED))
    assert run.green, run.output


async def test_half_a_character_is_no_text_to_be_tried(root: Path) -> None:
    (run,) = await run_trials(root, [make_test(root, "'\ud800'")], gate=Permits(Verdict.APPLIED))
    assert (run.ran, "encoding lacks" in run.output) == (False, True)


async def test_candidates_are_tried_in_order_until_one_passes_after_one_question(root: Path) -> None:
    gate = Permits(Verdict.APPLIED)
    claims = ("add(1, 2) == 3", "add(1, 2) == -1", "add(2, 2) == 0")
    runs = await run_trials(root, *([make_test(root, claim)] for claim in claims), gate=gate)
    assert [run.green for run in runs] == [False, True]
    assert len(gate.asked) == 1


async def test_a_change_in_another_workspace_folder_cannot_be_tried(root: Path) -> None:
    gate = Permits(Verdict.APPLIED)
    elsewhere = CreateFile(root.parent / "other" / "x.py", "x = 1\n")
    (tried,) = await run_trials(root, [make_test(root, "add(1, 2) == 3"), elsewhere], gate=gate)
    assert (tried.ran, "another workspace folder" in tried.output, gate.asked) == (False, True, [])


async def test_after_a_no_nothing_runs(root: Path) -> None:
    (run,) = await run_trials(root, [make_test(root, "True")], gate=Permits(Verdict.REJECTED))
    assert (run.ran, run.output) == (False, "It was rejected.")


async def test_without_a_known_command_nobody_is_asked(root: Path) -> None:
    gate = Permits(Verdict.APPLIED)
    (run,) = await run_trials(root, [make_test(root, "True")], gate=gate, command="")
    assert (run.ran, gate.asked) == (False, [])
    assert "review.testCommand" in run.output


async def test_a_secret_file_is_not_copied(root: Path) -> None:
    (root / ".env").write_text("KEY=1\n", encoding="utf-8")
    claim = "not __import__('pathlib').Path('.env').exists()"
    (run,) = await run_trials(root, [make_test(root, claim)], gate=Permits(Verdict.APPLIED))
    assert run.green
