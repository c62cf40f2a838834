"""Records of sessions with the team, and the errors of their stores. Start at `SessionFacts` and `call_store`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import Field

from agents.ports.failures import StateError
from agents.ports.sessions import SessionUnavailable
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.state.lease_owners import describe_owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.ports.sessions import Session
    from server.lsp.editor.editor_team import EditorTeam

R = TypeVar("R")

UNAVAILABLE = (SessionUnavailable, StateError)
"""The errors of a session that cannot be used now."""

SESSION_ID = "Id of a session, or its first characters."


class SessionFacts(CommandRecord):
    """A session with the team."""

    id: str = Field(description="Its id.")
    title: str = Field(description="Its title.")
    role: str = Field(description='The role that was chosen for all its requests, "" where each request is routed.')
    state: str = Field(description='"idle", "processing", "waiting" (for a person), "executing" or "error".')
    created: float = Field(description="Seconds since the epoch.")
    changed: float = Field(description="Seconds since the epoch.")
    entries: int = Field(description="Number of entries of its history.")
    owner: str = Field(description='The client that drives it now, "" for none.')
    here: bool = Field(description="Whether a request of this connection runs in it.")
    questions: int = Field(description="Number of its questions without an answer, which `starling.session` lists.")

    @classmethod
    def of(cls, session: Session, team: EditorTeam, questions: int) -> Self:
        """Return the facts about a session with `questions` unanswered questions, as `team` sees it."""
        return cls(
            id=session.id,
            title=session.title,
            role=session.role,
            state=session.state.value,
            created=session.created,
            changed=session.changed,
            entries=session.entries,
            owner=describe_owner(session.owner),
            here=team.is_running(session.id),
            questions=questions,
        )


async def call_store(call: Callable[[], R]) -> R:
    """Run `call`, a blocking call of a store, in a thread and return its result.

    Raises:
        CommandFailed: the session is not available, a text is too long, or the state cannot be read or written.
    """
    try:
        return await asyncio.to_thread(call)
    except (SessionUnavailable, StateError, ValueError) as error:
        raise make_failure(error) from error


def make_failure(error: Exception) -> CommandFailed:
    """Return the command's failure for an error of a store or a turn."""
    codes = {SessionUnavailable: "session-unavailable", StateError: "state"}
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), "invalid")
    return CommandFailed(str(error), code=code)
