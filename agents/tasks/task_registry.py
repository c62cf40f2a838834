"""All tasks, in the order in which they are offered. To add one: a module with a `TASK`, and a line here.

Start at `TASKS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.tasks import (
    complete_block,
    docstring,
    explain,
    fix_by_chat,
    fix_by_completion,
    implement,
    instruct,
    refactor,
    type_hints,
    write_test,
)

if TYPE_CHECKING:
    from agents.tasks.task import Task

TASKS: tuple[Task, ...] = (
    fix_by_completion.TASK,
    implement.TASK,
    docstring.TASK,
    type_hints.TASK,
    write_test.TASK,
    complete_block.TASK,
    fix_by_chat.TASK,
    refactor.TASK,
    instruct.TASK,
    explain.TASK,
)


def find_task(name: str) -> Task | None:
    """Return the task called `name`, None if there is none."""
    return next((task for task in TASKS if task.name == name), None)
