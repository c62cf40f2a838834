"""`starling.refine`: better the code at a place: mend what the reviewer finds there, while its score rises."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agents.tasks import refine
from server.lsp.commands.answering import proposing
from server.lsp.commands.answering.proposing import Where, Written

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = Written


class Arguments(Where):
    """Where."""


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Written:
    """Better it, and have a person decide about it."""
    place = await proposing.place_of(snapshot, services, arguments)
    async with proposing.working(snapshot, services, place.core, "refine") as (work, means):
        result = await proposing.called(work, partial(refine.propose, place.scene, means))
        return await proposing.answered(services, work, result, "refine")
