"""`textDocument/didChange`: a document was edited; the edits are incremental."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    """Apply the edits to the document, then review and index it; ignore edits of a document that is not open."""
    if (document := session.documents.get(params.text_document.uri)) is not None:
        version, encoding = params.text_document.version, session.client.encoding
        session.put_document(incoming.apply_changes(document, params.content_changes, version, encoding))
