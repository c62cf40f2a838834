"""`starling.workflow`: generate, test, validate, review, refine while the score rises, then one proposal."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pygls.exceptions import JsonRpcException

from agents import workflow
from agents.ports.failures import StateError
from agents.tasks.task import Nothing
from agents.workflow import Workflow, WorkflowResult
from server.assembly.gates import state
from server.lsp.commands import generate
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import Written
from server.state.workflow_records import Workflows

if TYPE_CHECKING:
    from server.lsp.commands.answering.proposing import Place
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(generate.Arguments):
    """What to write first, where, and how long to better it."""

    rounds: int = Field(default=workflow.ROUNDS, ge=1, le=workflow.ROUNDS, description="Most rounds.")


class RoundFacts(CommandRecord):
    """One round."""

    number: int = Field(description="From 1.")
    step: str = Field(description='"generate" or "refine".')
    score: float | None = Field(
        description="0 to 100: the report's on the document, less 10 for each failed test; null for nothing to judge."
    )
    findings: int = Field(description="Findings that the change brought and that are still there.")
    passed: int = Field(description="Tests that passed.")
    failed: int = Field(description="Tests that failed.")
    tokens: int = Field(description="Tokens that models read and wrote.")
    seconds: float


class Result(Written):
    """What became of it, with its record."""

    workflow: str = Field(description='Id of the record, "" where it could not be kept; `starling.workflows` lists it.')
    rounds: tuple[RoundFacts, ...] = Field(description="In order.")
    best: int = Field(description="Number of the round that was proposed, 0 for none.")
    tested: str = Field(description='What came of the tests, "" where there was nothing to test.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Run it, and have a person decide about what it comes to."""
    place = await proposing.place_of(snapshot, services, arguments, arguments.instruction)
    task = generate.chosen(place, arguments)
    begun = time.monotonic()
    async with proposing.working(snapshot, services, place.core, f"workflow, {task.name}") as (work, means):
        run = Workflow(place.scene, means)
        try:
            ended = await proposing.called(work, partial(run.run, task, arguments.rounds))
            written = await proposing.answered(services, work, ended.result, task.name)
        except (JsonRpcException, asyncio.CancelledError) as error:
            outcome = "failed" if isinstance(error, CommandFailed) else "cancelled"
            await _kept(place, task.name, run, WorkflowResult(Nothing("")), outcome, str(error), begun, "")
            if isinstance(error, CommandFailed):
                partial_rounds = {"rounds": [asdict(one) for one in run.rounds]}
                raise CommandFailed(str(error), code="workflow-failed", partial=partial_rounds) from error
            raise
    identity = await _kept(place, task.name, run, ended, written.outcome, written.reason or "", begun, written.proposal)
    rounds = tuple(RoundFacts(**asdict(one)) for one in run.rounds)
    return Result(**written.model_dump(), workflow=identity, rounds=rounds, best=ended.best, tested=ended.tested)


async def _kept(  # noqa: PLR0913, PLR0917 (one row)
    place: Place,
    task: str,
    run: Workflow,
    ended: WorkflowResult,
    outcome: str,
    reason: str,
    begun: float,
    proposal: str,
) -> str:
    """Keep the record; a disk that takes none is no reason to lose the result."""
    model = place.core.model
    add = partial(
        _add,
        uri=place.document.uri,
        task=task,
        model=model.entry.name if model is not None else "",
        rounds=run.rounds,
        best=ended.best,
        outcome=outcome,
        reason=reason,
        seconds=round(time.monotonic() - begun, 3),
        proposal=proposal,
    )
    try:
        return await asyncio.shield(asyncio.to_thread(add))
    except StateError:
        return ""


def _add(**row: Any) -> str:  # noqa: ANN401 (the arguments of `Workflows.add`)
    with closing(state()) as opened:
        return Workflows(opened).add(**row)
