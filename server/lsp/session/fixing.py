"""Fixes of findings, looked up in a review of the document's current text.

Safe fixes become edits for the editor; `starling.fix` proposes the others. Start at `find_safe_edits`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agents import actions
from agents.findings import Layer
from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from agents.edits import Edit
    from agents.findings import Finding
    from indexing.syntax.documents import Span
    from server.assembly.core import Core
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


async def find_safe_edits(
    snapshot: Snapshot, services: Services, core: Core, document: OpenText, data: dict[str, Any]
) -> tuple[Edit, ...]:
    """Return the edits of the safe fix that a code action's `data` names, or of all safe fixes for "fix all".

    Empty if the finding is gone or has no safe fix.
    """
    findings = await get_static_findings(services, core, document)
    if data.get("way") == actions.Way.FIX_ALL:
        return actions.collect_safe_edits(findings)
    span = incoming.parse_span(document, data.get("range"), snapshot.encoding)
    chosen = find_nearest(findings, str(data.get("code")), span) if span is not None else None
    return actions.collect_safe_edits((chosen,)) if chosen is not None else ()


async def get_static_findings(services: Services, core: Core, document: OpenText) -> tuple[Finding, ...]:
    """Return the static layer's findings in `document`: those of the last review, computed anew if that is stale."""
    review = services.reviews.get_current(document)
    if review is not None:
        return review.quick
    return await asyncio.get_running_loop().run_in_executor(services.pool, compute_static_findings, core, document)


def compute_static_findings(core: Core, document: OpenText) -> tuple[Finding, ...]:
    """Return the static layer's findings in `document`; empty for a file that is not reviewed. Call it in a thread."""
    if core.reviewer is None or document.oversized or core.index.find_withholding_reason(document.record):
        return ()
    return core.reviewer.review(document.record, layers=frozenset({Layer.STATIC}))


def find_nearest(findings: tuple[Finding, ...], code: str, span: Span) -> Finding | None:
    """Return the finding of the rule `code` that touches `span` and begins nearest to its start; None if none does."""
    touching = [
        one for one in findings if one.code == code and one.span.start <= span.end and span.start <= one.span.end
    ]
    return min(touching, key=lambda one: abs(one.span.start - span.start), default=None)
