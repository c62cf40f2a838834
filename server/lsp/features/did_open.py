"""`textDocument/didOpen`: a document was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    """Store the document, then review and index it."""
    session.put_document(incoming.build_document(params.text_document))
