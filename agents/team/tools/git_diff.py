"""The tool `git_diff`: what has changed since a commit, without the text of excluded files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.git import check_revision, run_git
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.team.tool import Workbench

MOST_FILES = 200


class GitDiff(Arguments):
    """Arguments of `git_diff`."""

    path: str = Field(default="", description="File or folder; empty for all.")
    revision: str = Field(default="HEAD", max_length=200, description="Compared with: a branch, tag or commit.")
    staged: bool = Field(default=False, description="Compare what is staged, instead of the files as they are.")


async def run(given: GitDiff, bench: Workbench) -> ToolResult:
    """Return the unified diff of up to `MOST_FILES` files that may be read, and some of the names of the others."""
    options = ["diff", "--no-ext-diff", "--no-textconv", "--no-renames", *(["--cached"] if given.staged else [])]
    options.append(check_revision(given.revision))
    only = [bench.display(await bench.resolve(given.path))] if given.path else []
    names = (await run_git(bench, (*options, "--name-only", "-z", "--relative", "--", *only))).split("\0")
    changed = [name for name in names if name.strip()]
    shown = [name for name in changed if not bench.explain_exclusion(bench.roots[0] / name)][:MOST_FILES]
    text = await run_git(bench, (*options, "--relative", "--", *shown)) if shown else ""
    return ToolResult("\n".join(filter(None, (text.rstrip(), *_describe_rest(changed, shown)))) or "[no changes]")


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
