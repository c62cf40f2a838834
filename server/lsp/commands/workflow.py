"""`starling.workflow`: generate, test, validate and review code, refine it while its score rises, then propose it."""

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
from server.assembly.gates import open_state
from server.lsp.commands import generate
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import TaskOutcome
from server.state.history.workflow_records import Workflows

if TYPE_CHECKING:
    from server.lsp.commands.answering.proposing import Place
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(generate.Arguments):
    """The first task, the place, and how often to refine."""

    rounds: int = Field(default=workflow.ROUNDS, ge=1, le=workflow.ROUNDS, description="Most rounds.")


class RoundFacts(CommandRecord):
    """One round."""

    number: int = Field(description="From 1.")
    step: str = Field(description='"generate" or "refine".')
    score: float | None = Field(
        description="0 to 100: the document's score less 10 for each failed test; null if there is no change to judge."
    )
    findings: int = Field(description="Number of findings that the change has introduced and that remain.")
    passed: int = Field(description="Number of tests that passed.")
    failed: int = Field(description="Number of tests that failed.")
    tokens: int = Field(description="Number of tokens that models read and wrote.")
    seconds: float


class Result(TaskOutcome):
    """The outcome of the workflow, with its rounds."""

    workflow: str = Field(description='Id of the record in `starling.workflows`, "" if it could not be saved.')
    rounds: tuple[RoundFacts, ...] = Field(description="The rounds in order.")
    best: int = Field(description="Number of the round that was proposed, 0 for none.")
    tested: str = Field(description='The outcome of the tests, "" if there was nothing to test.')


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Run the workflow, propose the edit of its best round to the person, and return the outcome.

    Saves a record of the workflow, also if it fails or is cancelled, as far as the state database can be written.

    Raises:
        CommandFailed: there is no such document or task, or the model failed; `partial` then has the rounds.
        Withdrawn: a person cancelled the command.
    """
    place = await proposing.locate_place(snapshot, services, arguments, arguments.instruction)
    task = generate.choose_task(place, arguments)
    begun = time.monotonic()
    async with proposing.open_job(snapshot, services, place.core, f"workflow, {task.name}") as (job, resources):
        run = Workflow(place.scene, resources)
        try:
            ended = await proposing.run_blocking(job, partial(run.run, task, arguments.rounds))
            written = await proposing.answer_result(services, job, ended.result, task.name)
        except (JsonRpcException, asyncio.CancelledError) as error:
            outcome = "failed" if isinstance(error, CommandFailed) else "cancelled"
            await _save(place, task.name, run, WorkflowResult(Nothing("")), outcome, str(error), begun, "")
            if isinstance(error, CommandFailed):
                partial_rounds = {"rounds": [asdict(one) for one in run.rounds]}
                raise CommandFailed(str(error), code="workflow-failed", partial=partial_rounds) from error
            raise
    identity = await _save(place, task.name, run, ended, written.outcome, written.reason or "", begun, written.proposal)
    rounds = tuple(RoundFacts(**asdict(one)) for one in run.rounds)
    return Result(**written.model_dump(), workflow=identity, rounds=rounds, best=ended.best, tested=ended.tested)


async def _save(  # noqa: PLR0913, PLR0917 (one row)
    place: Place,
    task: str,
    run: Workflow,
    ended: WorkflowResult,
    outcome: str,
    reason: str,
    begun: float,
    proposal: str,
) -> str:
    """Save the record of the workflow and return its id; "" if the state database cannot be written."""
    model = place.core.model
    add = partial(
        _add_record,
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


def _add_record(**row: Any) -> str:  # noqa: ANN401 (the arguments of `Workflows.add`)
    """Add `row` to the records in the state database and return its id. Raises StateError."""
    with closing(open_state()) as opened:
        return Workflows(opened).add(**row)
