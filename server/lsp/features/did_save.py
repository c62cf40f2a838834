"""`textDocument/didSave`: a time to review, and the file on disk is what the index should know once it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.workspace import origins

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Have the document reviewed, and the file read again."""
    session.review_saved(params.text_document.uri)
    if (path := origins.path_of(params.text_document.uri)) is not None:
        session.reread_files([path])
