"""`textDocument/didSave`: the file on disk is what the index should know once the document is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.session import Session


def handle(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """Have the file read again."""
    if (path := incoming.path_of(params.text_document.uri)) is not None:
        session.touched([path])
