"""The tool `git_log`: the last commits, of all files or of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.git import check_revision, run_git
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class GitLog(Arguments):
    """Arguments of `git_log`."""

    path: str = Field(default="", description="File or folder; empty for all.")
    revision: str = Field(default="HEAD", max_length=200, description="Where to begin: a branch, a tag, a commit.")
    count: int = Field(default=20, ge=1, le=100, description="Most commits.")


async def run(given: GitLog, bench: Workbench) -> ToolResult:
    """Return one line for each commit: its hash, date, author and subject."""
    only = [bench.display(await bench.resolve(given.path))] if given.path else []
    form = "--format=%h %ad %an: %s"
    options = ("log", f"--max-count={given.count}", "--date=short", form, check_revision(given.revision), "--", *only)
    return ToolResult((await run_git(bench, options)).rstrip() or "[no commits]")


TOOL = TeamTool(
    Tool("git_log", Risk.LOW),
    "List the last commits.",
    GitLog,
    run,
    lambda given: f"Look at the commits of {given.path or 'all files'}",
    list_paths=lambda given: (given.path,) if given.path else (),
)
