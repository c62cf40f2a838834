"""The tool `finish`: ends the agent's turn with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Finish(Arguments):
    """Arguments of `finish`."""

    answer: str = Field(min_length=1, description="The answer for the person: what was done, what is left.")


async def run(given: Finish, _: Workbench) -> ToolResult:
    """Return the answer, which ends the turn."""
    return ToolResult(given.answer, ends=True)


TOOL = TeamTool(
    Tool("finish", Risk.LOW),
    "End your turn with an answer for the person. Call it once everything is done, or if you cannot go on.",
    Finish,
    run,
    lambda _: "Finish",
)
