"""`starling.askAgain`: ask the person once more about a request that nobody answered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.asked_again import compose_request
from server.gate.refusal import Refused
from server.lsp.commands import ask
from server.lsp.commands.answering import sessions
from server.lsp.commands.answering.command_records import CommandRecord

if TYPE_CHECKING:
    from agents.edits import ProposedEdit
    from server.gate.journal import Journal
    from server.gate.ports import Outcome
    from server.gate.records import Request
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(CommandRecord):
    """The request."""

    request: str = Field(
        min_length=1,
        max_length=100,
        description="Id of a request that `starling.approvals` lists as `askable`, or its first characters.",
    )
    partial_token: int | str | None = Field(
        default=None, description="A progress token for the events of a resumed session, as in `starling.ask`."
    )


class Result(CommandRecord):
    """The outcome."""

    outcome: Literal["applied", "partly", "rejected", "expired", "refused", "failed", "resumed"] = Field(
        description='The outcome of an edit; only "applied" and "partly" changed anything. "resumed": the request was '
        "no edit, so its session went on, and the agent asked itself if it still wanted to."
    )
    proposal: str = Field(default="", description='Id of the new request, "" for "resumed".')
    reason: str | None = Field(default=None, description="Why it was not applied and what to do; null if it was.")
    checkpoint: str | None = Field(default=None, description="The checkpoint for `starling.undo`; null for none.")
    unsaved: tuple[str, ...] = Field(
        default=(), description="Files that are changed in the editor and not saved to the disk yet."
    )
    session: str = Field(default="", description='Id of the session that the request belongs to, "" for none.')
    turn: ask.Result | None = Field(default=None, description='The end of the session\'s turn, for "resumed".')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Ask again, and return the outcome.

    An edit is validated against the current texts, and shown and asked about like a new one; its session's agent learns
    the outcome at its next turn. For anything else the session goes on in act mode, so that the agent gets the result.

    Raises:
        CommandFailed: there is no such request, it was answered, its session is in use, or nothing can be stored.
    """
    request, proposal = await sessions.call_store(partial(_find, services.gate.journal, arguments.request))
    if proposal is not None:
        outcome = await _ask_about_edit(services, request)
        return Result(
            outcome=outcome.verdict.value,
            proposal=outcome.proposal,
            reason=outcome.reason or None,
            checkpoint=outcome.checkpoint or None,
            unsaved=outcome.unsaved,
            session=request.session,
        )
    wanted = ask.Arguments(
        request=compose_request(request.by, request.subjects[0]),
        session=request.session,
        mode="act",
        partial_token=arguments.partial_token,
    )
    return Result(outcome="resumed", session=request.session, turn=await ask.execute(snapshot, services, wanted))


def _find(journal: Journal, name: str) -> tuple[Request, ProposedEdit | None]:
    """Return the request with the id `name` (or its first characters), and its edit; None if it is not an edit.

    Raises:
        ValueError: there is no such request, or it cannot be asked again.
        StateError: the requests cannot be read.
    """
    try:
        return journal.find_unanswered(name)
    except Refused as error:
        raise ValueError(str(error)) from error


async def _ask_about_edit(services: Services, request: Request) -> Outcome:
    """Ask again about an edit, apply it if approved, and return the outcome.

    If the request belongs to a session that still exists, the outcome is also recorded there.

    Raises:
        CommandFailed: the session is in use, or the state cannot be read or written.
    """
    gate = services.gate
    if not request.session:
        return await gate.ask_again(request.id)
    team = services.get_team()
    try:
        return await team.ask_in_session(request.session, request.title, partial(gate.ask_again, request.id))
    except sessions.UNAVAILABLE as error:
        raise sessions.make_failure(error) from error
