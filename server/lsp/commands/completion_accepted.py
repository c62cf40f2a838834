"""`starling.completion.accepted`: a person took a suggestion, or a part of it. Editors run it as the item's command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """Which suggestion, and how much of it."""

    id: str = Field(min_length=1, max_length=200, description="The suggestion's id, as it came with the item.")
    length: int | None = Field(default=None, ge=0, description="Characters that were taken; null for all.")
    origin: str = Field(default="", description="How it was made, as it came with the item; for whoever shows it.")
    confidence: float | None = Field(default=None, description="Likewise.")
    model: str = Field(default="", description="Likewise.")


class Result(CommandRecord):
    """Whether it was recorded."""

    recorded: bool = Field(description="False only while the server is still starting.")


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Record it; figures stay on this machine."""
    core = services.cores.current
    if core is not None:
        core.generator.accepted(arguments.id, arguments.length)
    return Result(recorded=core is not None)
