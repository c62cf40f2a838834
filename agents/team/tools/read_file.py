"""The tool `read_file`: lines of a file with their numbers, from the editor where the file is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.retrieval.imported_definitions import offer_imports
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench

MOST_LINES = 400
LONGEST_LINE = 1000
"""Characters of a line; the rest of a longer one is left out."""


class ReadFile(Arguments):
    """Arguments of `read_file`."""

    path: str = Field(description="File, relative to the workspace folder.")
    first: int = Field(default=1, ge=1, description="First line, from 1.")
    last: int = Field(default=0, ge=0, description=f"Last line; 0 for up to {MOST_LINES} lines from the first one.")


async def run(given: ReadFile, bench: Workbench) -> ToolResult:
    """Return the lines with their numbers, and the definitions that the file imports if it is read the first time.

    Raises:
        ToolFailed: the file cannot be used or read, or does not have the first line.
    """
    path = await bench.resolve(given.path)
    text = await bench.read_text(path)
    numbered = format_lines(given, text, bench.display(path))
    return ToolResult("\n\n".join(filter(None, [numbered, await offer_imports(path, text, bench)])))


def format_lines(given: ReadFile, text: str, name: str) -> str:
    """Return the lines of `text` that are asked for with their numbers, and the number of all if some are left out.

    At most `MOST_LINES` lines, each cut to `LONGEST_LINE` characters.

    Raises:
        ToolFailed: the file `name` does not have the first line.
    """
    lines = text.splitlines()
    if given.first > max(len(lines), 1):
        raise ToolFailed(f"{name} has only {len(lines)} lines.")
    last = min(given.last or len(lines), len(lines), given.first + MOST_LINES - 1)
    width = len(str(last))
    numbered = (
        f"{number:>{width}}  {line[:LONGEST_LINE]}{' [...]' if len(line) > LONGEST_LINE else ''}"
        for number, line in enumerate(lines[given.first - 1 : last], given.first)
    )
    shown = "\n".join(numbered)
    if given.first > 1 or last < len(lines):
        shown += f"\n[lines {given.first} to {last} of {len(lines)}]"
    return shown or "[the file is empty]"


def describe(given: ReadFile) -> str:
    """Return the call in a few words."""
    lines = f", lines {given.first} to {given.last}" if given.last else f" from line {given.first}" * (given.first > 1)
    return f"Read {given.path}{lines}"


TOOL = TeamTool(
    Tool("read_file", Risk.LOW),
    "Read a text file of the workspace, with line numbers. Read a file before you edit it.",
    ReadFile,
    run,
    describe,
    list_paths=lambda given: (given.path,),
)
