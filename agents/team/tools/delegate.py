"""The tool `delegate`: has another role do a task, and returns its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Delegate(Arguments):
    """Arguments of `delegate`."""

    role: str = Field(description="Name of the role.")
    task: str = Field(
        min_length=1, description="The task with everything that the role needs: it does not see this conversation."
    )


async def run(given: Delegate, bench: Workbench) -> ToolResult:
    """Have the role do the task, and return its answer; its calls need the same permissions as the caller's.

    Raises:
        ToolFailed: the agent may not ask this role, or too many delegates have worked in the turn.
    """
    return ToolResult(await bench.delegate(given.role, given.task))


TOOL = TeamTool(
    Tool("delegate", Risk.LOW),
    "Have another role of the team do a task, and get its answer.",
    Delegate,
    run,
    lambda given: f"Delegate to {given.role}",
    delegates=True,
)
