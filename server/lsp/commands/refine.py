"""`starling.refine`: improve the code at a place: fix the findings there; each fix must leave fewer findings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agents.tasks import refine
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.proposing import PlaceArguments, TaskOutcome

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = TaskOutcome


class Arguments(PlaceArguments):
    """The place."""


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> TaskOutcome:
    """Fix the findings at the place, propose all fixes as one edit, and return the outcome.

    A fix that does not leave fewer findings is dropped. Nothing is changed before the person approves.

    Raises:
        JsonRpcException: there is no such document, or it is excluded or too large.
        CommandFailed: the model failed.
        Withdrawn: a person cancelled the command.
    """
    place = await proposing.locate_place(snapshot, services, arguments)
    async with proposing.open_job(snapshot, services, place.core, "refine") as (job, resources):
        result = await proposing.run_blocking(job, partial(refine.propose, place.scene, resources))
        return await proposing.answer_result(services, job, result, "refine")
