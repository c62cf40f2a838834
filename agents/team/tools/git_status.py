"""The tool `git_status`: the branch, and which files have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.team.git import ask_each, run_git
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from pathlib import Path

    from agents.team.tool import Workbench


class GitStatus(Arguments):
    """Arguments of `git_status`: none."""


async def run(_: GitStatus, bench: Workbench) -> ToolResult:
    """Return the branch and one line for each changed file, in git's short format; for each workspace folder.

    Raises:
        ToolFailed: git failed in all of them, or cannot be run.
    """

    async def ask(root: Path) -> str:
        """Return git's status of one workspace folder."""
        return (await run_git(bench, ("status", "--short", "--branch", "--untracked-files=normal"), root)).rstrip()

    return ToolResult(await ask_each(bench, ask))


TOOL = TeamTool(
    Tool("git_status", Risk.LOW),
    "Show the branch and the files that have changed since the last commit.",
    GitStatus,
    run,
    lambda _: "Look at git's status",
)
