"""`starling/didEndNextEdit`: a person has accepted or rejected a next edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.lsp.own_methods import EndedNextEditParams
    from server.lsp.session.session import Session


def handle(session: Session, params: EndedNextEditParams) -> None:
    """Count the edit as accepted or rejected."""
    session.next_edits.record_outcome(params.id, accepted=params.accepted)
