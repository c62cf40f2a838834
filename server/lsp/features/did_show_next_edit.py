"""`starling/didShowNextEdit`: the client has shown a next edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.lsp.own_methods import ShownNextEditParams
    from server.lsp.session.session import Session


def handle(session: Session, params: ShownNextEditParams) -> None:
    """Count the edit as shown."""
    session.next_edits.record_shown(params.id)
