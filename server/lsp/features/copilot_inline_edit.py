"""`textDocument/copilotInlineEdit`: the next edit, for editor plugins that know this method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.lsp.conversion import incoming, next_edits

if TYPE_CHECKING:
    from server.lsp.own_methods import NextEditParams
    from server.lsp.session.next_edit_requests import NextEditRequests
    from server.lsp.session.snapshot import Snapshot


async def handle(snapshot: Snapshot, requests: NextEditRequests, params: NextEditParams) -> next_edits.Json:
    """Return the next edit in a list; an empty one if there is none, or the document is not open at this version."""
    requests.note_plugin()
    document = snapshot.document
    if document is None or params.text_document.version not in {None, document.version}:
        return next_edits.build_inline_edits(None, snapshot.encoding)
    offset = incoming.compute_offset(document, params.position, snapshot.encoding)
    return next_edits.build_inline_edits(await requests.propose(document, offset), snapshot.encoding)
