"""`textDocument/inlineCompletion` (LSP 3.18): suggestions as ghost text at the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from server.lsp.conversion import incoming, outgoing

if TYPE_CHECKING:
    from server.lsp.session.completion_requests import CompletionRequests
    from server.lsp.session.snapshot import Snapshot


async def handle(
    snapshot: Snapshot, completions: CompletionRequests, params: types.InlineCompletionParams
) -> types.InlineCompletionList:
    """Return the suggestion at the cursor; several if a person asked, none for a document that is not open."""
    document = snapshot.document
    if document is None:
        return types.InlineCompletionList([])
    selected = params.context.selected_completion_info
    completion = await completions.complete(
        document,
        incoming.compute_offset(document, params.position, snapshot.encoding),
        trigger=incoming.convert_trigger(params.context),
        selected=None if selected is None else selected.text,
    )
    return outgoing.build_inline_items(completion, document, snapshot.encoding)
