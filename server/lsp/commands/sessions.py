"""`starling.sessions`: the sessions with the team in this workspace, most recently changed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from server.lsp.commands.answering import sessions
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.sessions import SessionFacts

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """A bound."""

    limit: int = Field(default=50, ge=1, le=1000, description="Most sessions to return.")


class Result(CommandRecord):
    """The sessions."""

    sessions: tuple[SessionFacts, ...]


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Return up to `limit` sessions of the workspace, most recently changed first.

    Raises:
        CommandFailed: the sessions cannot be read.
    """
    team = services.get_team()
    journal = services.gate.journal
    found = await sessions.call_store(lambda: team.sessions.list_newest(team.workspace, arguments.limit))
    counts = await sessions.call_store(journal.count_unanswered)
    return Result(sessions=tuple(SessionFacts.of(one, team, counts.get(one.id, 0)) for one in found))
