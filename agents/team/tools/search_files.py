"""The tool `search_files`: lines of the workspace's files that match a regular expression."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.list_files import compile_glob
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.team.tool import Workbench

MOST_HITS = 100
LONGEST_LINE = 240
"""Characters of a line, both searched and shown; a pattern that backtracks has little to work on."""

MOST_REPETITIONS = 4
"""Repetitions of a pattern; each multiplies the time that a line may take by the line's length."""

_ESCAPED = re.compile(r"\\.", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_MANY = re.compile(r"\{\d*,\d*\}|\{\d{2,}\}")

SEARCH_S = 15.0
TOO_LONG = "[stopped: the search took too long; name a folder or files]"
"""Longest search, in seconds."""


class SearchFiles(Arguments):
    """Arguments of `search_files`."""

    pattern: str = Field(
        min_length=1, max_length=500, description="Regular expression (Python), for one line; at most 4 repetitions."
    )
    folder: str = Field(default=".", description="Folder, relative to the workspace folder.")
    files: str = Field(default="", max_length=500, description='Glob of file names as in .gitignore ("*.py").')
    ignore_case: bool = Field(default=False, description="Whether the case of letters does not count.")


async def run(given: SearchFiles, bench: Workbench) -> ToolResult:
    """Return up to `MOST_HITS` matching lines as `path:line: text`, found within `SEARCH_S`.

    Searches and shows the first `LONGEST_LINE` characters of a line; says if there may be more lines.

    Raises:
        ToolFailed: the folder cannot be used, the pattern is no regular expression, or a pattern could take forever.
    """
    folder = await bench.resolve(given.folder)
    try:
        pattern = re.compile(given.pattern, re.IGNORECASE if given.ignore_case else 0)
    except re.error as error:
        raise ToolFailed(f"The pattern is no regular expression ({error}); escape special characters.") from None
    if is_too_costly(given.pattern):
        raise ToolFailed("The pattern could take forever; use at most 4 of `*`, `+` and `{`, none inside of another.")
    glob = compile_glob(given.files)
    deadline = time.monotonic() + SEARCH_S

    def search() -> tuple[list[str], str]:
        """Return the matching lines, and a note if there may be more; "" if these are all."""
        hits: list[str] = []
        for path in bench.list_files():
            if bench.cancelled():
                return hits, "[stopped: the search was cancelled]"
            if time.monotonic() > deadline:
                return hits, TOO_LONG
            name = bench.display(path)
            if not path.is_relative_to(folder) or (glob is not None and not glob.match_file(name)):
                continue
            for line in _search_file(bench, path, pattern, deadline):
                hits.append(f"{name}:{line}")
                if len(hits) >= MOST_HITS:
                    return hits, "[more; make the pattern narrower, or name a folder or files]"
        return hits, "" if time.monotonic() <= deadline else TOO_LONG

    hits, note = await asyncio.to_thread(search)
    return ToolResult("\n".join(filter(None, (*hits, note))) or "[no line matches]")


def is_too_costly(pattern: str) -> bool:
    """Return whether matching `pattern` may take a time that grows beyond all bounds with the length of a line.

    That is so if a group with a repetition or alternatives is repeated itself, and for more than `MOST_REPETITIONS`.
    """
    bare = _CLASS.sub("x", _ESCAPED.sub("x", pattern))
    groups, closed, repetitions = [False], False, 0  # whether each open group, and the last closed one, has a choice
    for at, mark in enumerate(bare):
        if mark == "(":
            groups.append(False)
        elif mark == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1] |= closed
        elif mark == "|":
            groups[-1] = True
        elif mark in "*+" or _MANY.match(bare, at):
            repetitions += 1
            groups[-1] = True
            if closed and bare[at - 1] == ")":
                return True
    return repetitions > MOST_REPETITIONS


def _search_file(bench: Workbench, path: Path, pattern: re.Pattern[str], deadline: float) -> Iterator[str]:
    """Yield number and text of each line with a match in its first `LONGEST_LINE` characters; ends at `deadline`."""
    text = bench.read(path)
    for number, line in enumerate((text or "").splitlines(), 1):
        if time.monotonic() > deadline:
            return
        if pattern.search(line[:LONGEST_LINE]):
            yield f"{number}: {line[:LONGEST_LINE].strip()}"


TOOL = TeamTool(
    Tool("search_files", Risk.LOW),
    "Find lines of the workspace's files by a regular expression. To find code by meaning, use search_code.",
    SearchFiles,
    run,
    lambda given: f"Search for {given.pattern!r}" + (f" in {given.files}" if given.files else ""),
    list_paths=lambda given: (given.folder,),
)
