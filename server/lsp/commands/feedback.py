"""`starling.feedback`: record a thumb up or down on an entry of a session, on this machine only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.ports.feedback import LONGEST_COMMENT, Thumb
from server.lsp.commands.answering import sessions
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed

if TYPE_CHECKING:
    from server.lsp.editor.editor_team import EditorTeam
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The feedback."""

    session: str = Field(min_length=1, max_length=100, description=sessions.SESSION_ID)
    entry: int = Field(ge=1, description="Number of the entry, as `starling.session` and `starling.ask` return it.")
    thumb: Literal["up", "down", "none"] = Field(description='"none" withdraws earlier feedback.')
    comment: str = Field(default="", max_length=LONGEST_COMMENT, description="The person's words.")


class Result(CommandRecord):
    """The state of the feedback on the entry."""

    recorded: bool = Field(description="Whether feedback is now recorded for the entry.")


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Record or withdraw the feedback.

    Raises:
        CommandFailed: there is no such session or entry, or it cannot be stored.
    """
    if not await sessions.call_store(partial(_record, services.get_team(), arguments)):
        raise CommandFailed(f"The session has no entry {arguments.entry}.", code="unknown-entry")
    return Result(recorded=arguments.thumb != "none")


def _record(team: EditorTeam, arguments: Arguments) -> bool:
    """Record or withdraw the feedback; return False if it is for an entry that does not exist.

    Withdrawing always returns True.

    Raises:
        SessionUnavailable: there is no such session.
        StateError: the state cannot be read or written.
    """
    session = team.find_session(arguments.session).id
    if arguments.thumb == "none":
        team.feedback.withdraw(session, arguments.entry)
        return True
    return team.feedback.give(session, arguments.entry, Thumb(arguments.thumb), arguments.comment)
