"""`textDocument/didSave`: a document was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.workspace import origins

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Review the document and index its file again; also reload the settings if it is a settings file."""
    session.review_saved(params.text_document.uri)
    if (path := origins.parse_file_uri(params.text_document.uri)) is not None:
        session.reread_files([path])
