"""`starling.explain`: what code is for and how it works, or the answer to a question about it, by the chat model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from agents.tasks import explain, running
from agents.tasks.task import Nothing, TextAnswer
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import Where

if TYPE_CHECKING:
    from server.lsp.editor.jobs import Job
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Arguments(Where):
    """What to explain: what is selected, at a mere cursor the function around it, without a range the document."""

    question: str = Field(default="", max_length=10_000, description='A question about it; "" for an explanation.')
    partial_token: int | str | None = Field(
        default=None,
        description="A token of your own: pieces of the answer come as `$/progress` with it, each `{text}`, before the "
        "whole answer.",
    )


class Result(CommandRecord):
    """The answer."""

    text: str = Field(description="All of it, in Markdown.")
    model: str = Field(description="Who said so.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Ask, and hand the answer on while it comes."""

    def pour(work: Job, piece: str) -> None:
        if arguments.partial_token is not None:
            work.loop.call_soon_threadsafe(services.jobs.send_text, arguments.partial_token, piece)

    place = await proposing.place_of(snapshot, services, arguments, arguments.question)
    async with proposing.working(snapshot, services, place.core, "explain", stream=pour) as (work, means):
        result = await proposing.called(work, partial(running.propose, explain.TASK, place.scene, means))
    if isinstance(result, Nothing):
        raise CommandFailed(result.reason, code="unavailable" if result.unavailable else "nothing-said")
    assert isinstance(result, TextAnswer)  # noqa: S101 (the task changes nothing)
    return Result(text=result.text, model=result.model)
