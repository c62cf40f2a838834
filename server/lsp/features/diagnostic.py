"""`textDocument/diagnostic`: the findings of a document, requested by the client (pull model)."""

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
    """Return the findings of the document's current version; none if it is not open.

    Raises:
        Superseded: the document was changed or closed before its review was ready.
    """
    document = snapshot.document
    if document is None:
        return diagnostics.build_report([], params.previous_result_id)
    review = await reviews.review(document)
    if review is None:
        raise diagnostics.Superseded
    items = diagnostics.build_diagnostics(review.findings, document, snapshot.encoding)
    return diagnostics.build_report(items, params.previous_result_id)
