"""`textDocument/didClose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    """From now on the file on disk counts."""
    session.close_document(params.text_document.uri)
