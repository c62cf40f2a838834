"""`starling.audit`: who changed what and when, with fingerprints of before and after, and what was answered."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.failures import StateError
from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from server.gate.journal import Journal
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """Which rows."""

    request: str = Field(default="", max_length=100, description='Only those of this request; "" for all.')
    limit: int = Field(default=100, ge=1, le=10_000, description="Most rows to return.")


class Row(CommandRecord):
    """One file of one request, or one command."""

    at: float = Field(description="When it ended, seconds since the epoch.")
    request: str = Field(description="Id of the request.")
    who: str = Field(description="The user on this machine.")
    client: str = Field(description="The editor or program where the person answered.")
    proposer: str = Field(description='Which agent proposed it, or "undo".')
    model: str = Field(description='The model that wrote it, "" for none.')
    tool: str = Field(description="What it was for.")
    title: str = Field(description="What it said it would do.")
    action: str = Field(description='"text", "create", "rename", "delete", "run", or "propose" for what broke a rule.')
    subject: str = Field(description="The file (or the document's URI), or the command.")
    target: str = Field(description='Where a file was moved to, "" otherwise.')
    hash_before: str = Field(description='SHA-256 of the text before, "" for none.')
    hash_after: str = Field(description='SHA-256 of the text afterwards, "" for none.')
    written: bool = Field(description="Whether anything changed.")
    answer: str = Field(description='What the person said, "" where nobody was asked.')
    answer_s: float | None = Field(description="How long that took, seconds; null without an answer.")
    verdict: str = Field(description="What became of the request.")
    reason: str = Field(description='Why it was not applied, "" where it was.')


class Result(CommandRecord):
    """The rows, newest first."""

    rows: tuple[Row, ...]
    problem: str = Field(description='Why the record cannot be read and what to do, "" when all is well.')


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Read the record."""
    try:
        rows = await asyncio.to_thread(_listed, services.gate.journal, arguments)
    except StateError as error:
        return Result(rows=(), problem=str(error))
    return Result(rows=rows, problem="")


def _listed(journal: Journal, arguments: Arguments) -> tuple[Row, ...]:
    found = journal.records.list_audit(arguments.limit, request=arguments.request)
    return tuple(Row(**dataclasses.asdict(one)) for one in found)
