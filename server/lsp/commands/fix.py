"""`starling.fix`: mend a finding: by its known fix, else by having its lines written anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from agents.edits import ProposedEdit, TextChange
from agents.tasks import fix_by_completion, running
from server.lsp.commands.answering import proposing, targets
from server.lsp.commands.answering.failures import CommandFailed
from server.lsp.commands.answering.proposing import Where, Written
from server.lsp.session import fixing

if TYPE_CHECKING:
    from agents.findings import Finding
    from server.lsp.commands.answering.proposing import Place
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = Written


class Arguments(Where):
    """Which finding."""

    code: str = Field(min_length=1, max_length=200, description="The finding's code.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Written:
    """Mend it, and have a person decide about it."""
    place = await proposing.place_of(snapshot, services, arguments)
    finding = await _finding(services, place, arguments.code)
    scene = replace(place.scene, span=finding.span, findings=(finding,))
    async with proposing.working(snapshot, services, place.core, f"fix {finding.code}") as (work, means):
        if finding.fix is not None and finding.fix.edits:
            return await proposing.proposed(services, work, _known(place, finding), "fix")
        result = await proposing.called(work, partial(running.propose, fix_by_completion.TASK, scene, means))
        return await proposing.answered(services, work, result, "fix")


async def _finding(services: Services, place: Place, code: str) -> Finding:
    """The finding as it is now.

    Raises:
        CommandFailed: it is gone.
    """
    review = services.reviews.get_current(place.document)
    findings = review.findings if review is not None else ()
    if not findings:
        loop = asyncio.get_running_loop()
        findings = await loop.run_in_executor(services.pool, fixing.compute_static_findings, place.core, place.document)
    found = fixing.find_nearest(findings, code, place.scene.span)
    if found is None:
        if why := await asyncio.to_thread(targets.left_out_of, place.core, place.document):
            raise CommandFailed(why, code="excluded")
        raise CommandFailed(f"The finding {code} is not there any more.", code="gone")
    return found


def _known(place: Place, finding: Finding) -> ProposedEdit:
    assert finding.fix is not None  # noqa: S101 - seen by the caller
    document = place.document
    change = TextChange(document.uri, document.path, document.text, finding.fix.edits)
    return ProposedEdit(finding.fix.title, finding.message, "reviewer", (change,))
