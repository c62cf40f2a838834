"""`starling.nextEdit.accepted`: record that a person took a next edit; run by the editor after it has applied it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The edit."""

    id: str = Field(min_length=1, max_length=200, description="The edit's id, as sent with it.")
    origin: str = Field(default="", description="How it was made, as sent with it; not used.")
    confidence: float | None = Field(default=None, description="As sent with it; not used.")
    model: str = Field(default="", description="As sent with it; not used.")


class Result(CommandRecord):
    """The acknowledgement."""

    recorded: bool = Field(
        description="Whether it was recorded; false for an unknown edit, and while the server is starting."
    )


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Record the acceptance in the local statistics, unless the edit is unknown or the server is still starting."""
    return Result(recorded=services.next_edits.record_outcome(arguments.id, accepted=True))
