"""`starling.tools`: the tools of the team, each with its risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.tools.all_tools import TOOLS
from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = NoArguments


class ToolFacts(CommandRecord):
    """One tool."""

    name: str = Field(description="Its name, as rules in `team.deny`, `team.ask` and `team.allow` write it.")
    description: str = Field(description="What it does, in the words that a model reads.")
    risk: Literal["low", "medium", "high", "critical"] = Field(description="Its risk, which decides what is asked.")
    edits: bool = Field(description="Whether it proposes edits of files.")
    capabilities: tuple[str, ...] = Field(description="Sets of tools that hold it; empty where every agent has it.")


class Result(CommandRecord):
    """The tools."""

    tools: tuple[ToolFacts, ...]


async def execute(_: Snapshot, __: Services, ___: NoArguments) -> Result:
    """Return all tools of the team, each with its risk."""
    return Result(
        tools=tuple(
            ToolFacts.model_validate({
                "name": one.name, "description": one.description, "risk": one.tool.risk.name.lower(),
                "edits": one.tool.edits, "capabilities": one.capabilities,
            })
            for one in TOOLS
        )
    )  # fmt: skip
