"""`starling.approvals`: requests to the gate with their questions, answers and outcomes, newest first."""

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
    """A filter for requests."""

    status: str = Field(
        default="",
        pattern=f"^({'|'.join(Status)})?$",
        description=f'Only requests with this status: {", ".join(Status)}; "" for all.',
    )
    limit: int = Field(default=50, ge=1, le=1000, description="Most requests to return.")


class Approval(CommandRecord):
    """One request to the gate."""

    id: str = Field(description="The request's id, which is also the proposal's.")
    created: float = Field(description="When the request came, seconds since the epoch.")
    client: str = Field(description="The editor or program in which a person is asked.")
    tool: str = Field(description='The tool: "write_file", "delete_file", "execute_command" or "git_commit".')
    title: str = Field(description="The change in a few words.")
    why: str = Field(description="The proposer's reason.")
    by: str = Field(description="The proposer.")
    model: str = Field(description='The model that wrote it, "" for none.')
    task: str = Field(description='The task that it belonged to, "" for none.')
    subjects: tuple[str, ...] = Field(description="Files, or the command.")
    diff: str = Field(description="The diff that was shown.")
    warnings: tuple[str, ...] = Field(description="Warnings that were shown.")
    status: str = Field(description='"pending", "approved", "rejected", "expired", "refused" or "failed".')
    verdict: str = Field(description='The outcome ("applied", "partly", ...), "" while pending.')
    reason: str = Field(description='Why it was not applied, "" if it was.')
    answer: str = Field(description='The person\'s answer, "" if nobody was asked.')
    asked: float | None = Field(description="When the person was asked, seconds since the epoch; null if nobody was.")
    answer_s: float | None = Field(description="Seconds until the answer; null without one.")
    checkpoint: str = Field(description='The checkpoint for `starling.undo`, "" for none.')
    session: str = Field(description='Id of the session with the team that made it, "" for none.')
    call: str = Field(description='The model\'s id of the tool call in that session, "" for none.')
    again: str = Field(description='Id of the unanswered request that it asks again, "" for none.')
    askable: bool = Field(description="Whether nobody answered and `starling.askAgain` can ask about it again.")


class Result(CommandRecord):
    """The requests."""

    approvals: tuple[Approval, ...]
    problem: str = Field(description='Why the requests cannot be read and what to do, "" if they can.')


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Return up to `limit` of the selected requests, newest first; if they cannot be read, none and the `problem`.

    First closes the open requests of servers that no longer run.
    """
    try:
        found = await asyncio.to_thread(_list_approvals, services.gate.journal, arguments)
    except StateError as error:
        return Result(approvals=(), problem=str(error))
    return Result(approvals=found, problem="")


def _list_approvals(journal: Journal, arguments: Arguments) -> tuple[Approval, ...]:
    """Close requests of ended servers, then return the requests that `arguments` select. Raises StateError."""
    journal.recover()
    status = Status(arguments.status) if arguments.status else None
    return tuple(Approval(**dataclasses.asdict(one)) for one in journal.records.list_requests(status, arguments.limit))
