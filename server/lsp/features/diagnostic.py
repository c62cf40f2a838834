"""`textDocument/diagnostic`: what the reviewer finds in a document; the client asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import diagnostics

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.reviews import Reviews
    from server.lsp.session.snapshot import Snapshot


async def handle(
    snapshot: Snapshot, reviews: Reviews, params: types.DocumentDiagnosticParams
) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
    """The findings of the version that is open now; what is not open has none."""
    document = snapshot.document
    if document is None:
        return diagnostics.report([], params.previous_result_id)
    review = await reviews.review(document)
    if review is None:
        raise diagnostics.Superseded
    items = diagnostics.diagnostics_of(review.findings, document, snapshot.encoding)
    return diagnostics.report(items, params.previous_result_id)
