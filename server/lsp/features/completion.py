"""`textDocument/completion`: suggestions in the editor's popup, for editors that cannot show inline completions."""

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
    """Return the suggestion at the cursor as an item of the popup.

    Returns no items if the settings turn the popup off, or if the document is not open.
    """
    document = snapshot.document
    if document is None or not completions.wants_popup():
        return types.CompletionList(is_incomplete=True, items=[])
    offset = incoming.compute_offset(document, params.position, snapshot.encoding)
    # LSP does not tell whether a person opened the popup or it opened while typing
    completion = await completions.complete(document, offset, trigger=Trigger.AUTOMATIC)
    return outgoing.build_popup_items(completion, document, offset, snapshot.encoding)
