"""`textDocument/didClose`: a document was closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    """Drop the document and clear its diagnostics; its file on disk is used from now on."""
    session.close_document(params.text_document.uri)
