"""`notebookDocument/didClose`: a notebook was closed, with all its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidCloseNotebookDocumentParams) -> None:
    """Close the documents of the notebook's cells."""
    for cell in params.cell_text_documents:
        session.close_document(cell.uri)
