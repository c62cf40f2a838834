"""`workspace/didChangeConfiguration`: settings apply at once, without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """Ask the client for its settings if it answers, else take what it sent."""
    session.reconfigure(params.settings)
