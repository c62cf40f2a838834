"""The tool `delete_file`: deletes a text file; a person is asked each time, and can undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import DeleteFile
from agents.team.edit_proposals import propose
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import DELETE_FILE

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Delete(Arguments):
    """Arguments of `delete_file`."""

    path: str = Field(description="File, relative to the workspace folder.")
    why: str = Field(default="", description="Why, in one sentence, for the person who decides.")


async def run(given: Delete, bench: Workbench) -> ToolResult:
    """Propose the deletion of a text file; return or raise as `propose` does.

    Raises:
        ToolFailed: the file cannot be used or read, or as `propose` says.
    """
    path = await bench.resolve(given.path)
    change = DeleteFile(path, await bench.read_text(path))
    return await propose(bench, f"Delete {bench.display(path)}", given.why, (change,))


TOOL = TeamTool(
    DELETE_FILE,
    "Delete a file of the workspace.",
    Delete,
    run,
    lambda given: f"Delete {given.path}",
    list_paths=lambda given: (given.path,),
    capabilities=("engineering", "infrastructure"),
)
