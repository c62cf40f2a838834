"""The tool `test_results`: the results of the last run of the tests again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class ShowResults(Arguments):
    """Arguments of `test_results`."""

    name: str = Field(
        default="", max_length=500, description="Only failures whose name has this, with their whole messages."
    )


async def run(given: ShowResults, bench: Workbench) -> ToolResult:
    """Return the results of the last run of the tests in this session; runs nothing.

    Raises:
        ToolFailed: no tests were run yet.
    """
    if bench.notes.tests is None:
        raise ToolFailed("No tests were run in this session yet; run_tests runs them.")
    return ToolResult(bench.notes.tests.format(given.name))


TOOL = TeamTool(
    Tool("test_results", Risk.LOW),
    "Show the results of the last run of the tests again, without running them.",
    ShowResults,
    run,
    lambda given: f"Show the last test results{f' of {given.name}' if given.name else ''}",
    capabilities=("engineering", "diagnose"),
)
