"""`textDocument/didOpen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    """Keep the text as the editor shows it."""
    session.put_document(incoming.opened(params.text_document))
