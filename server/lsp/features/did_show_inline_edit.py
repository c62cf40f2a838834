"""`textDocument/didShowInlineEdit`: a plugin has shown a next edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import next_edits

if TYPE_CHECKING:
    from server.lsp.own_methods import ShownInlineEditParams
    from server.lsp.session.session import Session


def handle(session: Session, params: ShownInlineEditParams) -> None:
    """Count the edit as shown, if its command names it."""
    session.next_edits.record_shown(next_edits.find_id(params.item))
