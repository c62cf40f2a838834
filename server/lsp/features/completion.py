"""`textDocument/completion`: the same suggestions in the ordinary list, for editors that show no ghost text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from agents.suggestions import Trigger
from server.lsp.conversion import incoming, outgoing

if TYPE_CHECKING:
    from server.lsp.session.completion_requests import CompletionRequests
    from server.lsp.session.snapshot import Snapshot


async def handle(
    snapshot: Snapshot, completions: CompletionRequests, params: types.CompletionParams
) -> types.CompletionList:
    """What to suggest at the cursor."""
    document = snapshot.document
    if document is None or not completions.wants_popup():
        return types.CompletionList(is_incomplete=True, items=[])
    offset = incoming.offset_of(document, params.position, snapshot.encoding)
    # a list opens by itself while typing and by a key alike, and LSP does not tell which
    completion = await completions.complete(document, offset, trigger=Trigger.AUTOMATIC)
    return outgoing.popup_items(completion, document, offset, snapshot.encoding)
