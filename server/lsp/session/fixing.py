"""Fixes of findings, from a fresh review of the document as it stands: safe ones for the editor, others to propose.

Start at `safe_edits` and `found`.
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


async def safe_edits(
    snapshot: Snapshot, services: Services, core: Core, document: OpenText, data: dict[str, Any]
) -> tuple[Edit, ...]:
    """The edits of a safe fix, or of all of them; empty when what it was for is gone."""
    findings = await fresh(services, core, document)
    if data.get("way") == actions.Way.FIX_ALL:
        return actions.collect_safe_edits(findings)
    span = incoming.span_of_plain(document, data.get("range"), snapshot.encoding)
    chosen = found(findings, str(data.get("code")), span) if span is not None else None
    return actions.collect_safe_edits((chosen,)) if chosen is not None else ()


async def fresh(services: Services, core: Core, document: OpenText) -> tuple[Finding, ...]:
    """The static layer's findings in the text as it is now, computed again unless nothing has changed."""
    review = services.reviews.known(document)
    if review is not None:
        return review.quick
    return await asyncio.get_running_loop().run_in_executor(services.pool, static_findings, core, document)


def static_findings(core: Core, document: OpenText) -> tuple[Finding, ...]:
    """For a thread: what the static layer finds; nothing in a file that is not reviewed."""
    if core.reviewer is None or document.oversized or core.index.withheld(document.record):
        return ()
    return core.reviewer.review(document.record, layers=frozenset({Layer.STATIC}))


def found(findings: tuple[Finding, ...], code: str, span: Span) -> Finding | None:
    """The finding of that code at the span, or nearest to it among those that touch it."""
    fitting = [
        one for one in findings if one.code == code and one.span.start <= span.end and span.start <= one.span.end
    ]
    return min(fitting, key=lambda one: abs(one.span.start - span.start), default=None)
