"""The tool `git_diff`: what has changed since a commit, without the text of excluded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.git import ask_each, check_revision, find_root, run_git
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.team.tool import Workbench

MOST_FILES = 200


class GitDiff(Arguments):
    """Arguments of `git_diff`."""

    path: str = Field(default="", description="File or folder; empty for all.")
    revision: str = Field(default="HEAD", max_length=200, description="Compared with: a branch, tag or commit.")
    staged: bool = Field(default=False, description="Compare what is staged, instead of the files as they are.")


async def run(given: GitDiff, bench: Workbench) -> ToolResult:
    """Return the unified diff of up to `MOST_FILES` files that may be read, and some of the names of the others.

    Without a path, returns that of each workspace folder.

    Raises:
        ToolFailed: git failed, the path cannot be used, or the revision cannot be one.
    """
    if not given.path:
        return ToolResult(await ask_each(bench, lambda root: _compare(given, bench, root, ())))
    path = await bench.resolve(given.path)
    return ToolResult(await _compare(given, bench, find_root(bench, path), (bench.display(path),)))


async def _compare(given: GitDiff, bench: Workbench, root: Path, only: tuple[str, ...]) -> str:
    """Return the diff of the workspace folder `root`, of the files and folders `only` unless that is empty.

    Raises:
        ToolFailed: git failed, or the revision cannot be one.
    """
    options = ["diff", "--no-ext-diff", "--no-textconv", "--no-renames", *(["--cached"] if given.staged else [])]
    options.append(check_revision(given.revision))
    names = (await run_git(bench, (*options, "--name-only", "-z", "--relative", "--", *only), root)).split("\0")
    changed = [name for name in names if name.strip()]
    shown = [name for name in changed if not bench.explain_exclusion(root / name)][:MOST_FILES]
    text = await run_git(bench, (*options, "--relative", "--", *shown), root) if shown else ""
    return "\n".join(filter(None, (text.rstrip(), *_describe_rest(changed, shown)))) or "[no changes]"


def _describe_rest(changed: list[str], shown: list[str]) -> Iterator[str]:
    """Yield a line about the changed files whose text is not shown, if there are any."""
    hidden = [name for name in changed if name not in set(shown)]
    if hidden:
        yield f"[{len(hidden)} more changed files are excluded or too many: {', '.join(hidden[:10])}]"


TOOL = TeamTool(
    Tool("git_diff", Risk.LOW),
    "Show what has changed in the files, as a diff against a commit (HEAD by default).",
    GitDiff,
    run,
    lambda given: f"Look at the changes of {given.path or 'all files'}",
    list_paths=lambda given: (given.path,) if given.path else (),
)
