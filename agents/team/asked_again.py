"""Unanswered questions of a session, asked again: an edit by the gate, everything else by the agent that wanted it.

Start at `ask_in_session` and `compose_request`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, TypeVar

from agents.ports.changes import ChangeOutcome
from agents.ports.failures import StateError
from agents.ports.sessions import Entry, EntryKind, SessionState, SessionUnavailable
from agents.team.session_lease import hold_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.ports.sessions import Sessions

AGAIN = (
    "The question about `{subject}` was not answered, so nothing was done. If it is still needed, call the tool again; "
    "then go on."
)


Became = TypeVar("Became", bound=ChangeOutcome)


def compose_request(agent: str, subject: str) -> str:
    """Return the request by which `agent` asks once more to do `subject` (a command line, or a call in words)."""
    return f"@{agent} {AGAIN.format(subject=' '.join(subject.split()))}"


async def ask_in_session(
    sessions: Sessions, session: str, owner: str, title: str, ask: Callable[[], Awaitable[Became]]
) -> Became:
    """Hold the lease of a session while `ask` asks a person about an edit; return the outcome and record it.

    The agent reads the record in its next turn. The session is WAITING meanwhile, then IDLE; ERROR if `ask` fails,
    whose error is raised. If the session was deleted, only asks, and records nothing.

    Args:
        sessions: where sessions are stored.
        session: id of the session.
        owner: name of this client, for the lease.
        title: the edit in a few words.
        ask: asks, and returns the outcome.

    Raises:
        SessionUnavailable: another client drives the session.
        StateError: the session cannot be read or written.
    """
    if await asyncio.to_thread(sessions.get, session) is None:
        return await ask()
    async with hold_session(sessions, session, owner):
        await asyncio.to_thread(sessions.record, session, owner, SessionState.WAITING)
        try:
            outcome = await ask()
        except BaseException:
            with contextlib.suppress(StateError, SessionUnavailable):
                await asyncio.shield(asyncio.to_thread(sessions.record, session, owner, SessionState.ERROR))
            raise
        told = Entry(EntryKind.NOTE, "starling", _describe(title, outcome), json.dumps({"said": True}))
        await asyncio.to_thread(sessions.record, session, owner, SessionState.IDLE, [told])
    return outcome


def _describe(title: str, outcome: ChangeOutcome) -> str:
    """Return the note that tells the agent the outcome."""
    became = "approved it, and it was made." if outcome.applied else "was asked, and it was not made."
    return f"[The program: the question “{title}” was asked again; the person {became} {outcome.reason}".rstrip() + "]"
