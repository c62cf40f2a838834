"""`initialize`: who the client is and which folders it works in. Loads nothing, for the answer must not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming
from server.lsp.editor.client import Client

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.InitializeParams) -> None:
    """Begin the session."""
    session.begin(Client.of(params), incoming.roots_of(params))
