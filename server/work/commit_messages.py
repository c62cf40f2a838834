"""The messages of the commits on branches of queued tasks. Start at `compose_message`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.transcript import make_title

if TYPE_CHECKING:
    from agents.ports.task_queue import QueuedTask


def compose_message(task: QueuedTask, *, done: bool) -> str:
    """Return the message for the commit of what a task has written: its title, marked as unfinished unless `done`."""
    title = make_title(task.task.title)
    return f"{title if done else f'Unfinished: {title}'}\n\nStarling's task {task.id}\n"
