"""The tool `git_log`: the last commits, of all files or of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.git import ask_each, check_revision, find_root, run_git
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from pathlib import Path

    from agents.team.tool import Workbench


class GitLog(Arguments):
    """Arguments of `git_log`."""

    path: str = Field(default="", description="File or folder; empty for all.")
    revision: str = Field(default="HEAD", max_length=200, description="Where to begin: a branch, a tag, a commit.")
    count: int = Field(default=20, ge=1, le=100, description="Most commits.")


async def run(given: GitLog, bench: Workbench) -> ToolResult:
    """Return a line for each commit: its hash, date, author and subject; without a path, for each workspace folder.

    Raises:
        ToolFailed: git failed, the path cannot be used, or the revision cannot be one.
    """
    form = "--format=%h %ad %an: %s"
    options = ("log", f"--max-count={given.count}", "--date=short", form, check_revision(given.revision), "--")

    async def ask(root: Path, only: str = "") -> str:
        """Return the lines of one workspace folder, for the file or folder `only` unless that is empty."""
        return (await run_git(bench, (*options, *([only] if only else [])), root)).rstrip() or "[no commits]"

    if not given.path:
        return ToolResult(await ask_each(bench, lambda root: ask(root, "." if len(bench.roots) > 1 else "")))
    path = await bench.resolve(given.path)
    return ToolResult(await ask(find_root(bench, path), bench.display(path)))


TOOL = TeamTool(
    Tool("git_log", Risk.LOW),
    "List the last commits.",
    GitLog,
    run,
    lambda given: f"Look at the commits of {given.path or 'all files'}",
    list_paths=lambda given: (given.path,) if given.path else (),
)
