"""`workspace/textDocumentContent`: the text of a document with a `starling:` URI, such as a proposal's diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from server.gate.question.shown_documents import ShownDocuments
    from server.lsp.session.snapshot import Snapshot


async def handle(
    _: Snapshot, shown: ShownDocuments, params: types.TextDocumentContentParams
) -> types.TextDocumentContentResult:
    """Return the text of the document.

    Raises:
        JsonRpcInvalidParams: the document is not available any more.
    """
    text = shown.get(params.uri)
    if text is None:
        raise JsonRpcInvalidParams(f"{params.uri} is not shown any more; ask for the change again")
    return types.TextDocumentContentResult(text)
