"""The tool `write_file`: creates a file, or replaces the whole text of one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import CreateFile, Edit, TextChange
from agents.team.edit_proposals import propose
from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.edits import Change
    from agents.team.tool import Workbench


class WriteFile(Arguments):
    """Arguments of `write_file`."""

    path: str = Field(description="File, relative to the workspace folder; its folders are created.")
    text: str = Field(description="The whole text of the file.")
    why: str = Field(default="", description="Why, in one sentence, for the person who decides.")


async def run(given: WriteFile, bench: Workbench) -> ToolResult:
    """Propose the new file, or the new text with the line endings of the old one; return or raise as `propose` does.

    Raises:
        ToolFailed: the file cannot be used or read, or has this text already.
    """
    path = await bench.resolve(given.path)
    name = bench.display(path)
    change: Change
    if await asyncio.to_thread(path.exists):
        before = await bench.read_text(path)
        if before == given.text:
            raise ToolFailed(f"{name} has exactly this text already.")
        text = given.text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in before else given.text
        change = TextChange(path.as_uri(), path, before, (Edit(0, len(before), text),))
        return await propose(bench, f"Replace {name}", given.why, (change,))
    change = CreateFile(path, given.text)
    return await propose(bench, f"Create {name}", given.why, (change,))


TOOL = TeamTool(
    Tool("write_file", Risk.HIGH, edits=True),
    "Create a file, or replace the whole text of a short one. To change a part of a file, use edit_file.",
    WriteFile,
    run,
    lambda given: f"Write {given.path}",
    list_paths=lambda given: (given.path,),
    capabilities=("engineering", "infrastructure", "project_management"),
)
