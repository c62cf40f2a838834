"""The tool `list_files`: names of the workspace's files, by folder and pattern."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec
from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench

MOST_FILES = 300
MOST_STARS = 4
"""Runs of `*` in a glob; each multiplies the time that a name may take by the name's length."""

_STARS = re.compile(r"\*+")


class ListFiles(Arguments):
    """Arguments of `list_files`."""

    folder: str = Field(default=".", description="Folder, relative to the workspace folder.")
    pattern: str = Field(default="", max_length=1000, description='Glob as in .gitignore ("*.py", "src/**/test_*.py").')


def compile_glob(pattern: str) -> GitIgnoreSpec | None:
    """Return the matcher of a glob; None for "".

    Raises:
        ToolFailed: it has so many `*` that a long name could take forever.
    """
    if len(_STARS.findall(pattern)) > MOST_STARS:
        raise ToolFailed(f"The glob could take forever; use at most {MOST_STARS} of `*` or `**`.")
    return GitIgnoreSpec.from_lines([pattern]) if pattern else None


async def run(given: ListFiles, bench: Workbench) -> ToolResult:
    """Return up to `MOST_FILES` names of files in the folder that match the glob, one a line, and how many more match.

    Raises:
        ToolFailed: the folder cannot be used or is no folder, or the glob could take forever.
    """
    folder = await bench.resolve(given.folder)
    if not folder.is_dir():
        raise ToolFailed(f"{bench.display(folder)} is no folder.")
    matcher = compile_glob(given.pattern)

    def collect() -> tuple[list[str], int]:
        """Return the first `MOST_FILES` names, and the number of all."""
        names = (bench.display(path) for path in bench.list_files() if path.is_relative_to(folder))
        matching = (name for name in names if matcher is None or matcher.match_file(name))
        first = list(itertools.islice(matching, MOST_FILES))
        return first, len(first) + sum(1 for _ in matching)

    names, count = await asyncio.to_thread(collect)
    if not names:
        return ToolResult("[no such files]")
    left_out = f"\n[{count - len(names):,} more; name a folder or a pattern]" if count > len(names) else ""
    return ToolResult("\n".join(sorted(names)) + left_out)


TOOL = TeamTool(
    Tool("list_files", Risk.LOW),
    "List files of the workspace, without those that are excluded.",
    ListFiles,
    run,
    lambda given: f"List {given.pattern or 'files'} in {given.folder}",
    list_paths=lambda given: (given.folder,),
)
