"""`starling.completion.accepted`: record that a person accepted a suggestion or a part of it; run by the editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The suggestion, and how much of it was accepted."""

    id: str = Field(min_length=1, max_length=200, description="The suggestion's id, as sent with the item.")
    length: int | None = Field(default=None, ge=0, description="Number of accepted characters; null for all.")
    origin: str = Field(default="", description="How the suggestion was made, as sent with the item; not used.")
    confidence: float | None = Field(default=None, description="As sent with the item; not used.")
    model: str = Field(default="", description="As sent with the item; not used.")


class Result(CommandRecord):
    """The acknowledgement."""

    recorded: bool = Field(description="Whether it was recorded; false only while the server is starting.")


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Record the acceptance in the local statistics, unless the server is still starting."""
    core = services.cores.current
    if core is not None:
        core.generator.record_accepted(arguments.id, arguments.length)
    return Result(recorded=core is not None)
