"""The tool `rename_file`: moves a file to another name inside of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import RenameFile
from agents.team.edit_proposals import propose
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Rename(Arguments):
    """Arguments of `rename_file`."""

    path: str = Field(description="File, relative to the workspace folder.")
    to: str = Field(description="New name, relative to the workspace folder; nothing may exist there.")
    why: str = Field(default="", description="Why, in one sentence, for the person who decides.")


async def run(given: Rename, bench: Workbench) -> ToolResult:
    """Propose the move of a text file; return or raise as `propose` does.

    Raises:
        ToolFailed: the file cannot be read, one of the names cannot be used, or as `propose` says.
    """
    path, to = await bench.resolve(given.path), await bench.resolve(given.to)
    await bench.read_text(path)  # what cannot be read is not moved either
    return await propose(
        bench, f"Rename {bench.display(path)} to {bench.display(to)}", given.why, (RenameFile(path, to),)
    )


TOOL = TeamTool(
    Tool("rename_file", Risk.HIGH, edits=True),
    "Rename or move a file. Imports of it are not changed; search for these and edit them.",
    Rename,
    run,
    lambda given: f"Rename {given.path} to {given.to}",
    list_paths=lambda given: (given.path, given.to),
    capabilities=("engineering", "infrastructure"),
)
