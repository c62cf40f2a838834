"""`notebookDocument/didChange`: cells were added, removed or edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeNotebookDocumentParams) -> None:
    """Open, close and edit the cells; their order, kinds and outputs are ignored."""
    cells = params.change.cells
    if cells is None:
        return
    if cells.structure is not None:
        for closed in cells.structure.did_close or ():
            session.close_document(closed.uri)
        for cell in cells.structure.did_open or ():
            session.put_document(incoming.build_document(cell, notebook=params.notebook_document.uri))
    for content in cells.text_content or ():
        if (document := session.documents.get(content.document.uri)) is not None:
            version, encoding = content.document.version, session.client.encoding
            session.put_document(incoming.apply_changes(document, content.changes, version, encoding))
