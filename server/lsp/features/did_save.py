"""`textDocument/didSave`: a document was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.workspace import origins

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Index the document's file again, and review the document unless that is done.

    Also reloads the settings if it is a settings file.
    """
    session.review_saved(params.text_document.uri)
    if (path := origins.parse_file_uri(params.text_document.uri)) is not None:
        session.reread_files([path])
