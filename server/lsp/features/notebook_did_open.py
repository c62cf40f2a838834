"""`notebookDocument/didOpen`: a notebook was opened; each cell becomes a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidOpenNotebookDocumentParams) -> None:
    """Store, review and index each cell as a document."""
    for cell in params.cell_text_documents:
        session.put_document(incoming.build_document(cell, notebook=params.notebook_document.uri))
