"""`workspace/textDocumentContent`: a document of the scheme `starling:`, such as the diff that a question is about."""

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
    """Its text."""
    text = shown.get(params.uri)
    if text is None:
        raise JsonRpcInvalidParams(f"{params.uri} is not shown any more; ask for the change again")
    return types.TextDocumentContentResult(text)
