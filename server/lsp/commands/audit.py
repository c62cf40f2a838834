"""`starling.audit`: the audit trail of changes: who, what, when, hashes before and after, and the answers."""

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
    """A filter for rows."""

    request: str = Field(default="", max_length=100, description='Only rows of the request with this id; "" for all.')
    limit: int = Field(default=100, ge=1, le=10_000, description="Most rows to return.")


class Row(CommandRecord):
    """One file of a request, or one command."""

    at: float = Field(description="When the request ended, seconds since the epoch.")
    request: str = Field(description="Id of the request.")
    who: str = Field(description="The user on this machine, or the account that is connected.")
    client: str = Field(description="The editor or program in which the person answered.")
    proposer: str = Field(description='The agent that proposed the change, or "undo".')
    model: str = Field(description='The model that wrote it, "" for none.')
    tool: str = Field(description="The tool, as in `starling.approvals`.")
    title: str = Field(description="The change in a few words.")
    action: str = Field(
        description='"text", "create", "rename", "delete", "run", or "propose" for a proposal that broke a rule.'
    )
    subject: str = Field(description="The file (or the document's URI), or the command.")
    target: str = Field(description='The new path of a renamed file, "" otherwise.')
    hash_before: str = Field(description='SHA-256 of the text before, "" for none.')
    hash_after: str = Field(description='SHA-256 of the text afterwards, "" for none.')
    written: bool = Field(description="Whether anything changed.")
    answer: str = Field(description='The person\'s answer, "" if nobody was asked.')
    answer_s: float | None = Field(description="Seconds until the answer; null without one.")
    verdict: str = Field(description="The outcome of the request.")
    reason: str = Field(description='Why it was not applied, "" if it was.')
    address: str = Field(description='The address that the person was connected from, "" on this machine.')


class Result(CommandRecord):
    """The rows, newest first."""

    rows: tuple[Row, ...]
    problem: str = Field(description='Why the audit trail cannot be read and what to do, "" if it can.')


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Return up to `limit` selected rows of the audit trail, newest first; if it cannot be read, the `problem`."""
    try:
        rows = await asyncio.to_thread(_list_rows, services.gate.journal, arguments)
    except StateError as error:
        return Result(rows=(), problem=str(error))
    return Result(rows=rows, problem="")


def _list_rows(journal: Journal, arguments: Arguments) -> tuple[Row, ...]:
    """Return the rows that `arguments` select. Raises StateError."""
    found = journal.records.list_audit(arguments.limit, request=arguments.request)
    return tuple(Row(**dataclasses.asdict(one)) for one in found)
