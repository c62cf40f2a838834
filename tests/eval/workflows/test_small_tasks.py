"""The small tasks judge fairly, and an attempt is what its model makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_chat import ScriptedChat
from tests.eval.team.checks import find_failures
from tests.eval.workflows.attempts import attempt_once, judge, make_workspace
from tests.eval.workflows.small_tasks import TASKS, SmallTask

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_unsolved_at_first_and_solved_by_its_solution(task: SmallTask, tmp_path: Path) -> None:
    make_workspace(task, tmp_path)
    assert judge(task, tmp_path)
    assert find_failures(tmp_path) == ()
    assert task.solution != task.text
    (tmp_path / task.path).write_text(task.solution, encoding="utf-8")
    assert judge(task, tmp_path) == ""
    assert find_failures(tmp_path) == ()


def test_names_are_unique_and_half_of_the_tasks_are_of_each_workflow() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS) == 10
    assert sum(task.workflow == "tdd" for task in TASKS) == 5


@pytest.mark.parametrize(("answer", "solved"), [("solution", True), ("text", False)])
def test_one_answer_is_judged_by_the_hidden_code(answer: str, *, solved: bool, tmp_path: Path) -> None:
    task = TASKS[0]
    chat = ScriptedChat(f"===\n```python\n{getattr(task, answer)}```\n", context_tokens=32_768)
    made = attempt_once(task, chat, tmp_path)
    assert (not made.problem) is solved
    assert made.steps == 1
    assert made.tokens > 0
    assert not attempt_once(task, ScriptedChat("===\nNo.\n"), _make_folder(tmp_path)).is_done


def _make_folder(tmp_path: Path) -> Path:
    """Return a new folder."""
    folder = tmp_path / "other"
    folder.mkdir()
    return folder
