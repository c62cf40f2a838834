"""`initialized`: the client is ready for our requests, so settings, index and model are loaded now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, _: types.InitializedParams) -> None:
    """Start the background work."""
    session.start()
