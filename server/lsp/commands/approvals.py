"""`starling.approvals`: what was asked, what waits for an answer, and what became of it, newest first."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.failures import StateError
from server.gate.records import Status
from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.gate.journal import Journal
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """Which ones."""

    status: str = Field(
        default="",
        pattern=f"^({'|'.join(Status)})?$",
        description=f'Only those that stand so: {", ".join(Status)}; "" for all.',
    )
    limit: int = Field(default=50, ge=1, le=1000, description="Most requests to return.")


class Approval(CommandRecord):
    """One request."""

    id: str = Field(description="Its id, that of the proposal.")
    created: float = Field(description="When it came, seconds since the epoch.")
    client: str = Field(description="The editor or program where a person was to be asked.")
    tool: str = Field(description='What it was for: "write_file", "delete_file", "execute_command" or "git_commit".')
    title: str = Field(description="What would be done.")
    why: str = Field(description="The proposer's reason.")
    by: str = Field(description="The proposer.")
    model: str = Field(description='The model that wrote it, "" for none.')
    task: str = Field(description='The task that it belonged to, "" for none.')
    subjects: tuple[str, ...] = Field(description="Files, or the command.")
    diff: str = Field(description="What was shown.")
    warnings: tuple[str, ...] = Field(description="What was said besides.")
    status: str = Field(description='"pending", "approved", "rejected", "expired", "refused" or "failed".')
    verdict: str = Field(description='What became of it ("applied", "partly", ...), "" while it is pending.')
    reason: str = Field(description='Why it was not applied, "" where it was.')
    answer: str = Field(description='What the person said, "" where nobody was asked.')
    asked: float | None = Field(description="When the person was asked, null where nobody was.")
    answer_s: float | None = Field(description="How long the answer took, seconds; null without one.")
    checkpoint: str = Field(description='What `starling.undo` takes to take it back, "" for none.')


class Result(CommandRecord):
    """The requests."""

    approvals: tuple[Approval, ...]
    problem: str = Field(description='Why the record cannot be read and what to do, "" when all is well.')


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Read the record; what a server that is gone left open is closed first."""
    try:
        found = await asyncio.to_thread(_listed, services.gate.journal, arguments)
    except StateError as error:
        return Result(approvals=(), problem=str(error))
    return Result(approvals=found, problem="")


def _listed(journal: Journal, arguments: Arguments) -> tuple[Approval, ...]:
    journal.recover()
    status = Status(arguments.status) if arguments.status else None
    return tuple(Approval(**dataclasses.asdict(one)) for one in journal.records.list_requests(status, arguments.limit))
