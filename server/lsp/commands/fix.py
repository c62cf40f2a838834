"""`starling.fix`: fix a finding, with its known fix or by having its lines rewritten by a model."""

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
from server.lsp.commands.answering.proposing import PlaceArguments, TaskOutcome
from server.lsp.session import fixing

if TYPE_CHECKING:
    from agents.findings import Finding
    from server.lsp.commands.answering.proposing import Place
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Result = TaskOutcome


class Arguments(PlaceArguments):
    """The finding to fix."""

    code: str = Field(min_length=1, max_length=200, description="The finding's code.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> TaskOutcome:
    """Ask the person to approve an edit that fixes the finding, apply it if approved, and return the outcome.

    The edit is the finding's known fix, else one that the completion model writes. If the model has no fix, the outcome
    is "failed".

    Raises:
        CommandFailed: the finding is gone, or the model failed.
        Withdrawn: a person cancelled the command.
    """
    place = await proposing.locate_place(snapshot, services, arguments)
    finding = await _find_finding(services, place, arguments.code)
    scene = replace(place.scene, span=finding.span, findings=(finding,))
    async with proposing.open_job(snapshot, services, place.core, f"fix {finding.code}") as (job, resources):
        if finding.fix is not None and finding.fix.edits:
            return await proposing.propose(services, job, _build_proposal(place, finding), "fix")
        result = await proposing.run_blocking(job, partial(running.propose, fix_by_completion.TASK, scene, resources))
        return await proposing.answer_result(services, job, result, "fix")


async def _find_finding(services: Services, place: Place, code: str) -> Finding:
    """Return the finding of the rule `code` that touches `place`, the nearest to its start.

    The findings are those of the current review; if there is none, or it has none, those of the static layer.

    Raises:
        CommandFailed: there is no such finding any more, or the document is not reviewed.
    """
    review = services.reviews.get_current(place.document)
    findings = review.findings if review is not None else ()
    if not findings:
        loop = asyncio.get_running_loop()
        findings = await loop.run_in_executor(services.pool, fixing.compute_static_findings, place.core, place.document)
    found = fixing.find_nearest(findings, code, place.scene.span)
    if found is None:
        if why := await asyncio.to_thread(targets.explain_left_out, place.core, place.document):
            raise CommandFailed(why, code="excluded")
        raise CommandFailed(f"The finding {code} is not there any more.", code="gone")
    return found


def _build_proposal(place: Place, finding: Finding) -> ProposedEdit:
    """Return the finding's known fix as a proposal."""
    assert finding.fix is not None  # noqa: S101 (checked by the caller)
    document = place.document
    change = TextChange(document.uri, document.path, document.text, finding.fix.edits)
    return ProposedEdit(finding.fix.title, finding.message, "reviewer", (change,))
