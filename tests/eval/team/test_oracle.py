"""The oracle solves every task through the real loop, tools and gate: what it fails is a fault of the harness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.eval.team import attempts
from tests.eval.team.oracle import make_oracle
from tests.eval.team.tasks.all_tasks import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.eval.team.task import Task


@pytest.mark.parametrize("task", ALL, ids=lambda one: one.name)
def test_the_oracle_solves_the_task(task: Task, tmp_path: Path) -> None:
    made = attempts.attempt(task, make_oracle(task), tmp_path, uses_index=False)
    assert made.problem == "", made.trace
    assert made.status == "done"
    assert (made.valid, made.applied) == (made.calls, made.edits)
    assert made.made_worse == ()
    assert made.steps == len(task.steps) + 1
