"""`starling.workflows`: the records of workflows: rounds, scores, tokens, times, and what became of each."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.failures import StateError
from server.assembly.gates import state
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.workflow import RoundFacts
from server.state.workflow_records import Workflows

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot
    from server.state.workflow_records import WorkflowRecord


class Arguments(CommandRecord):
    """How many."""

    limit: int = Field(default=20, ge=1, le=1000, description="Most records to return.")


class WorkflowFacts(CommandRecord):
    """One workflow."""

    id: str
    at: float = Field(description="When it ended, seconds since the epoch.")
    uri: str = Field(description="The document.")
    task: str = Field(description="What was generated first.")
    model: str = Field(description='That wrote, "" for none.')
    rounds: tuple[RoundFacts, ...] = Field(description="In order.")
    best: int = Field(description="Number of the round that was proposed, 0 for none.")
    outcome: str = Field(description="What became of it.")
    reason: str = Field(description='Why it was not applied, "" where it was.')
    seconds: float = Field(description="A person's time to decide included.")
    proposal: str = Field(description='Id of the request, "" for none.')


class Result(CommandRecord):
    """The records, newest first."""

    workflows: tuple[WorkflowFacts, ...]


async def execute(_: Snapshot, __: Services, arguments: Arguments) -> Result:
    """List them."""
    try:
        found = await asyncio.to_thread(_listed, arguments.limit)
    except StateError as error:
        raise CommandFailed(str(error), code="state") from error
    return Result(workflows=tuple(map(_facts, found)))


def _listed(limit: int) -> tuple[WorkflowRecord, ...]:
    with closing(state()) as opened:
        return Workflows(opened).list_newest(limit)


def _facts(record: WorkflowRecord) -> WorkflowFacts:
    rounds = tuple(RoundFacts(**asdict(one)) for one in record.rounds)
    return WorkflowFacts(**{**asdict(record), "rounds": rounds})
