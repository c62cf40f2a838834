"""`workspace/didChangeConfiguration`: settings have changed; they apply without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """Fetch the settings from the client, or take those it sent if it cannot be asked, and apply them."""
    session.reconfigure(params.settings)
