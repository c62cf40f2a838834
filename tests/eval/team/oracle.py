"""The oracle: a scripted chat model that makes the right calls of a task, one answer after the other.

What the oracle fails, no model can solve: it measures the harness. Start at `make_oracle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.chat import ReplyEnd, ToolCall
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripts import Script, Turn

if TYPE_CHECKING:
    from tests.eval.team.task import Task


def make_oracle(task: Task) -> ScriptedChat:
    """Return a chat model that makes the calls of `task` and then gives its answer."""
    turns = [
        Turn(
            "",
            calls=tuple(ToolCall(f"call_{at}", call.tool, dict(call.arguments)) for at, call in enumerate(step)),
            end=ReplyEnd.TOOLS,
            times=1,
        )
        for step in task.steps
    ]
    return ScriptedChat(Script((*turns, Turn("", text=task.answer, times=1))), context_tokens=65_536)
