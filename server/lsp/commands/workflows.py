"""`starling.workflows`: records of past workflows: rounds, scores, tokens, times and outcomes, newest first."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.failures import StateError
from server.assembly.gates import open_state
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.workflow import RoundFacts
from server.state.history.workflow_records import Workflows

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.history.workflow_records import WorkflowRecord


class Arguments(CommandRecord):
    """The number of records."""

    limit: int = Field(default=20, ge=1, le=1000, description="Most records to return.")


class WorkflowFacts(CommandRecord):
    """The record of one workflow."""

    id: str
    at: float = Field(description="When it ended, seconds since the epoch.")
    uri: str = Field(description="URI of the document.")
    task: str = Field(description="The first task.")
    model: str = Field(description='The completion model, "" for none.')
    rounds: tuple[RoundFacts, ...] = Field(description="The rounds in order.")
    best: int = Field(description="Number of the round that was proposed, 0 for none.")
    outcome: str = Field(description="The outcome of the proposal.")
    reason: str = Field(description='Why it was not applied, "" if it was.')
    seconds: float = Field(description="Duration, including the person's time to decide.")
    proposal: str = Field(description='Id of the request to the gate, "" for none.')


class Result(CommandRecord):
    """The records, newest first."""

    workflows: tuple[WorkflowFacts, ...]


async def execute(_: Snapshot, __: Services, arguments: Arguments) -> Result:
    """Return up to `limit` records of workflows, newest first.

    Raises:
        CommandFailed: the records cannot be read.
    """
    try:
        found = await asyncio.to_thread(_list_records, arguments.limit)
    except StateError as error:
        raise CommandFailed(str(error), code="state") from error
    return Result(workflows=tuple(map(_describe_record, found)))


def _list_records(limit: int) -> tuple[WorkflowRecord, ...]:
    """Return up to `limit` records, newest first. Raises StateError."""
    with closing(open_state()) as opened:
        return Workflows(opened).list_newest(limit)


def _describe_record(record: WorkflowRecord) -> WorkflowFacts:
    """Return a record for the client."""
    rounds = tuple(RoundFacts(**asdict(one)) for one in record.rounds)
    return WorkflowFacts(**{**asdict(record), "rounds": rounds})
