"""From a task that was chosen to a proposal that was decided: the place, the work, the gate, and what is answered.

The one path of all commands that have something written. Start at `place_of` and `proposed`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field

from agents.markdown import make_inert
from agents.tasks import running
from agents.tasks.filling import Cancelled
from agents.tasks.task import Nothing, Scene, TextAnswer
from indexing.syntax.documents import Span
from models.chat import ChatError
from models.errors import ModelError
from server.assembly.means import Files, means_of
from server.gate.trials.trials import Trials
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord, Proposed
from server.lsp.commands.answering.failures import CommandFailed, Withdrawn
from server.lsp.commands.answering.targets import Range, Target
from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agents.edits import ProposedEdit
    from agents.tasks.task import Means, Result, Task
    from server.assembly.core import Core
    from server.lsp.editor.jobs import Job
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

R = TypeVar("R")


class Where(CommandRecord):
    """A place in a document."""

    uri: str = Field(min_length=1, max_length=10_000, description="An open document, or a file of the workspace.")
    range: Range | None = Field(default=None, description="The place; null for the whole document.")


class Written(Proposed):
    """What became of what was written."""

    task: str = Field(default="", description="What was done.")
    text: str | None = Field(default=None, description="The answer, of tasks that answer in words (Markdown).")
    notes: tuple[str, ...] = Field(default=(), description="Facts about it, a sentence each.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is to be done."""

    core: Core
    document: OpenText
    scene: Scene


async def place_of(snapshot: Snapshot, services: Services, where: Where, instruction: str = "") -> Place:
    """The place as it stands now.

    Raises:
        JsonRpcException: there is no such document, or it is left alone.
    """
    core = await targets.core_of(services)
    document = await targets.document_of(snapshot, services, core, Target(uri=where.uri))
    if document.oversized:
        raise CommandFailed("The document is too large.", code="too-large", what_next="Split it first.")
    loop = asyncio.get_running_loop()
    if why := await loop.run_in_executor(services.pool, running.explain_exclusion, document.record, core.index):
        raise CommandFailed(why, code="excluded")
    span = Span(0, len(document.text)) if where.range is None else span_of(document, where.range, snapshot.encoding)
    syntax = await loop.run_in_executor(services.pool, core.trees.of, document.record)
    return Place(core, document, Scene(document.record, syntax, span, instruction=instruction))


def span_of(document: OpenText, span: Range, encoding: str) -> Span:
    """A command's range in code points."""
    found = incoming.span_of_plain(document, span.model_dump(), encoding)
    return found if found is not None else Span(0, len(document.text))


async def written(snapshot: Snapshot, services: Services, place: Place, task: Task) -> Written:
    """Have a task done, and a person decide about what it proposes."""
    async with working(snapshot, services, place.core, task.name) as (work, means):
        result = await called(work, partial(running.propose, task, place.scene, means))
        return await answered(services, work, result, task.name)


@asynccontextmanager
async def working(
    snapshot: Snapshot,
    services: Services,
    core: Core,
    title: str,
    *,
    stream: Callable[[Job, str], None] | None = None,
) -> AsyncIterator[tuple[Job, Means]]:
    """Show a bar for a piece of work, and yield the work with what it may use.

    `stream` gets an answer in words piece by piece, in the work's thread.
    """
    async with services.jobs.run(f"Starling: {title}", snapshot.token) as work:

        def opened(uri: str) -> str | None:
            document = services.documents.get(uri)
            return document.text if document is not None else None

        files = Files(core, snapshot.roots, opened)
        trials = Trials(files, lambda: services.gate, work.loop, work.is_cancelled)
        means = means_of(
            files,
            cancelled=work.is_cancelled,
            report=work.report,
            run_tests=trials.run,
            stream=partial(stream, work) if stream is not None else None,
        )
        try:
            yield work, means
        except asyncio.CancelledError:
            work.stopped.set()
            raise


async def called(work: Job, blocking: Callable[[], R]) -> R:
    """The result of the blocking part.

    Raises:
        CommandFailed: the model is broken or gone.
        Withdrawn: a person has cancelled it.
    """
    try:
        return await work.run_blocking(blocking)
    except Cancelled:
        raise Withdrawn from None
    except ChatError as error:
        raise CommandFailed(str(error), code=error.fault.value, partial={"text": make_inert(error.partial)}) from error
    except ModelError as error:
        raise CommandFailed(str(error), code="model-failed") from error


async def answered(services: Services, work: Job, result: Result, name: str) -> Written:
    """Tell what there is no proposal of; propose what there is."""
    if isinstance(result, Nothing):
        services.jobs.show_message(result.reason)
        return Written(proposal="", outcome="failed", reason=result.reason, task=name)
    if isinstance(result, TextAnswer):
        return Written(proposal="", outcome="applied", task=name, text=result.text)
    return await proposed(services, work, result, name)


async def proposed(services: Services, work: Job, proposal: ProposedEdit, name: str) -> Written:
    """Have a person decide."""
    work.report("waiting for your answer")
    outcome = await services.gate.propose(proposal, cancelled=work.is_cancelled)
    told = Proposed.of(outcome)
    if told.outcome in {"refused", "failed", "partly", "applied"} and told.reason:
        services.jobs.show_message(told.reason)
    return Written(**told.model_dump(), task=name, notes=proposal.notes)
