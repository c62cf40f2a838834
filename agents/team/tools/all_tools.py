"""All tools of the team, in the order in which a model reads them; to add one: a module with a `TOOL`, a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.team.tools import edit_file, finish, list_files, read_file

if TYPE_CHECKING:
    from agents.team.tool import TeamTool

TOOLS: tuple[TeamTool[Any], ...] = (
    read_file.TOOL,
    list_files.TOOL,
    edit_file.TOOL,
    finish.TOOL,
)
