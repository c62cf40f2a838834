"""`starling/nextEdit`: the place where a person will change something next, and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming, next_edits

if TYPE_CHECKING:
    from server.lsp.own_methods import NextEditParams
    from server.lsp.session.next_edit_requests import NextEditRequests
    from server.lsp.session.snapshot import Snapshot


async def handle(snapshot: Snapshot, requests: NextEditRequests, params: NextEditParams) -> next_edits.Json | None:
    """Return the next edit; None if there is none, or the document is not open at this version."""
    document = snapshot.document
    if document is None or params.text_document.version not in {None, document.version}:
        return None
    offset = incoming.compute_offset(document, params.position, snapshot.encoding)
    return next_edits.build_next_edit(await requests.propose(document, offset), snapshot.encoding)
