"""`initialize`: the client's name, capabilities and workspace folders. Loads nothing, to answer at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming
from server.lsp.editor.client import Client

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.InitializeParams) -> None:
    """Store the client and the folders in `params`, and register the requests that suit the client."""
    session.begin(Client.of(params), incoming.list_roots(params))
