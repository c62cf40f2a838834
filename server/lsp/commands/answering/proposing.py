"""Running of a task and proposing its edit through the gate: the path of all commands that generate code.

Start at `locate_place` and `run_task`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field

from agents.markdown import make_inert
from agents.ports.tracing import open_span
from agents.tasks import running
from agents.tasks.filling import Cancelled
from agents.tasks.task import Nothing, Scene, TextAnswer
from indexing.syntax.documents import Span
from models.chat import ChatError
from models.errors import ModelError
from server.assembly.resources import Files, build_resources
from server.gate.trials.trials import Trials
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord, ProposalOutcome
from server.lsp.commands.answering.failures import CommandFailed, Withdrawn
from server.lsp.commands.answering.targets import Range, Target
from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agents.edits import ProposedEdit
    from agents.tasks.task import Resources, Result, Task
    from server.assembly.core import Core
    from server.lsp.editor.jobs import Job
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

R = TypeVar("R")


class PlaceArguments(CommandRecord):
    """A place in a document."""

    uri: str = Field(min_length=1, max_length=10_000, description="An open document, or a file of the workspace.")
    range: Range | None = Field(default=None, description="The range in it; null for the whole document.")


class TaskOutcome(ProposalOutcome):
    """The outcome of a task that was run."""

    task: str = Field(default="", description="Name of the task.")
    text: str | None = Field(default=None, description="The answer in Markdown, of tasks that answer in words.")
    notes: tuple[str, ...] = Field(default=(), description="Facts about the proposal, a sentence each.")


@dataclass(frozen=True, slots=True)
class Place:
    """The place that a command is about.

    Attributes:
        core: the core.
        document: the document.
        scene: the document, its syntax, the span and the instruction, for tasks.
    """

    core: Core
    document: OpenText
    scene: Scene


async def locate_place(snapshot: Snapshot, services: Services, where: PlaceArguments, instruction: str = "") -> Place:
    """Return the place that `where` names in the document's current text, with its syntax and `instruction`.

    Without a range, or with an invalid one, the place is the whole document.

    Raises:
        JsonRpcException: there is no such document, or it is excluded or too large.
    """
    core = await targets.wait_for_core(services)
    document = await targets.find_document(snapshot, services, core, Target(uri=where.uri))
    if document.oversized:
        raise CommandFailed("The document is too large.", code="too-large", what_next="Split it first.")
    loop = asyncio.get_running_loop()
    if why := await loop.run_in_executor(services.pool, running.explain_exclusion, document.record, core.index):
        raise CommandFailed(why, code="excluded")
    span = (
        Span(0, len(document.text)) if where.range is None else resolve_span(document, where.range, snapshot.encoding)
    )
    syntax = await loop.run_in_executor(services.pool, core.trees.of, document.record)
    return Place(core, document, Scene(document.record, syntax, span, instruction=instruction))


def resolve_span(document: OpenText, span: Range, encoding: str) -> Span:
    """Return a command's range in code points; the whole document for an invalid range."""
    found = incoming.parse_span(document, span.model_dump(), encoding)
    return found if found is not None else Span(0, len(document.text))


async def run_task(snapshot: Snapshot, services: Services, place: Place, task: Task) -> TaskOutcome:
    """Run `task` at `place`, propose its edit to the person, apply it if approved, and return the outcome.

    Raises:
        CommandFailed: the model failed.
        Withdrawn: a person cancelled the task.
    """
    async with open_job(snapshot, services, place.core, task.name) as (job, resources):
        with open_span("task", task=task.name, language=place.document.language):
            result = await run_blocking(job, partial(running.propose, task, place.scene, resources))
        return await answer_result(services, job, result, task.name)


@asynccontextmanager
async def open_job(
    snapshot: Snapshot,
    services: Services,
    core: Core,
    title: str,
    *,
    stream: Callable[[Job, str], None] | None = None,
) -> AsyncIterator[tuple[Job, Resources]]:
    """Start a job with a progress bar, and yield it with the resources that its task may use.

    Stops the job if the request is cancelled.

    Args:
        snapshot: the state at the request.
        services: the session's services.
        core: the core.
        title: the progress bar's title.
        stream: called with each piece of an answer in words, in the job's thread; None to wait for the whole answer.
    """
    async with services.jobs.run(f"Starling: {title}", snapshot.token) as job:

        def get_open_text(uri: str) -> str | None:
            """Return the editor's text of an open document, None if it is not open."""
            document = services.documents.get(uri)
            return document.text if document is not None else None

        files = Files(core, snapshot.roots, get_open_text)
        trials = Trials(files, lambda: services.gate, job.loop, job.is_cancelled)
        resources = build_resources(
            files,
            cancelled=job.is_cancelled,
            report=job.report,
            run_tests=trials.run,
            stream=partial(stream, job) if stream is not None else None,
        )
        try:
            yield job, resources
        except asyncio.CancelledError:
            job.stopped.set()
            raise


async def run_blocking(job: Job, blocking: Callable[[], R]) -> R:
    """Run `blocking`, the call of a task, in the job's thread and return its result.

    Raises:
        CommandFailed: the model failed.
        Withdrawn: a person cancelled the job.
    """
    try:
        return await job.run_blocking(blocking)
    except Cancelled:
        raise Withdrawn from None
    except ChatError as error:
        raise CommandFailed(str(error), code=error.fault.value, partial={"text": make_inert(error.partial)}) from error
    except ModelError as error:
        raise CommandFailed(str(error), code="model-failed") from error


async def answer_result(services: Services, job: Job, result: Result, name: str) -> TaskOutcome:
    """Propose the edit in the `result` of the task `name`, and return the outcome.

    A result without an edit is not proposed: an answer in words is returned as an applied outcome, and the reason why
    there is nothing to propose as a failed one, after it was shown to the person.
    """
    if isinstance(result, Nothing):
        services.jobs.show_message(result.reason)
        return TaskOutcome(proposal="", outcome="failed", reason=result.reason, task=name)
    if isinstance(result, TextAnswer):
        return TaskOutcome(proposal="", outcome="applied", task=name, text=result.text)
    return await propose(services, job, result, name)


async def propose(services: Services, job: Job, proposal: ProposedEdit, name: str) -> TaskOutcome:
    """Propose an edit to the person through the gate, apply it if approved, and return the outcome.

    Also shows the person the reason, if there is one and the person did not reject the edit or let it expire.
    """
    job.report("waiting for your answer")
    outcome = await services.gate.propose(proposal, cancelled=job.is_cancelled)
    record = ProposalOutcome.of(outcome)
    if record.outcome in {"refused", "failed", "partly", "applied"} and record.reason:
        services.jobs.show_message(record.reason)
    return TaskOutcome(**record.model_dump(), task=name, notes=proposal.notes)
