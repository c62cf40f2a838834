"""`starling.explain`: explain code, or answer a question about it, with the chat model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from agents.tasks import explain, running
from agents.tasks.task import Nothing, TextAnswer
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import PlaceArguments

if TYPE_CHECKING:
    from server.lsp.editor.jobs import Job
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(PlaceArguments):
    """The code to explain: the selection, the function around an empty range, or the document without a range."""

    question: str = Field(default="", max_length=10_000, description='A question about it; "" for an explanation.')
    partial_token: int | str | None = Field(
        default=None,
        description="A progress token: pieces of the answer are sent as `$/progress` with it, each `{text}`, before "
        "the whole answer.",
    )


class Result(CommandRecord):
    """The explanation or answer."""

    text: str = Field(description="The whole answer, in Markdown.")
    model: str = Field(description="The model that answered.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Ask the chat model and return its answer; also stream the answer if the client sent a token.

    Raises:
        CommandFailed: the model is not available, failed, or said nothing.
        Withdrawn: a person cancelled the request.
    """

    def send_piece(job: Job, piece: str) -> None:
        """Send a piece of the answer, if the client sent a token for it; on any thread."""
        if arguments.partial_token is not None:
            job.loop.call_soon_threadsafe(services.jobs.send_text, arguments.partial_token, piece)

    place = await proposing.locate_place(snapshot, services, arguments, arguments.question)
    async with proposing.open_job(snapshot, services, place.core, "explain", stream=send_piece) as (job, resources):
        result = await proposing.run_blocking(job, partial(running.propose, explain.TASK, place.scene, resources))
    if isinstance(result, Nothing):
        raise CommandFailed(result.reason, code="unavailable" if result.unavailable else "nothing-said")
    assert isinstance(result, TextAnswer)  # noqa: S101 (the task changes nothing)
    return Result(text=result.text, model=result.model)
