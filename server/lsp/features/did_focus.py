"""`textDocument/didFocus`: a person has turned to another document; sent by plugins that show next edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.lsp.own_methods import FocusParams
    from server.lsp.session.session import Session


def handle(_: Session, __: FocusParams) -> None:
    """Ignore it: each request names its document. Without a handler, each notification would be logged."""
