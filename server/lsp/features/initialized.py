"""`initialized`: the client accepts requests of the server, so settings, index and models are loaded now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from server.lsp.session.session import Session


def handle(session: Session, _: types.InitializedParams) -> None:
    """Start loading the settings, the index and the models in the background."""
    session.start()
