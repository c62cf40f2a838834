"""`starling.undo`: propose to undo a change that Starling made, the last one or that of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering.command_records import CommandRecord, ProposalOutcome

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = ProposalOutcome


class Arguments(CommandRecord):
    """The change to undo."""

    checkpoint: str = Field(
        default="",
        max_length=100,
        description='The change\'s checkpoint, or the first characters of its id; "" for the last change here.',
    )


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> ProposalOutcome:
    """Ask the person to approve the undo, undo the change if approved, and return the outcome."""
    return ProposalOutcome.of(await services.gate.undo(arguments.checkpoint))
