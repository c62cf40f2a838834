"""Open documents' texts after many changes, so that an editor's bridge need not keep each change.

Start at `rebuild_opening`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from server.lsp.conversion.incoming import apply_changes
from server.lsp.session.open_documents import OpenText

if TYPE_CHECKING:
    from collections.abc import Sequence


def rebuild_opening(opened: bytes, changes: Sequence[bytes], encoding: str) -> bytes | None:
    """Return the message that opens a document with its text after `changes`; None if they cannot be read.

    Also returns None for a text that is too large for the server.

    Args:
        opened: the message `textDocument/didOpen`.
        changes: the messages `textDocument/didChange` since then.
        encoding: the unit of positions.
    """
    try:
        message = json.loads(opened)
        item = message["params"]["textDocument"]
        document = OpenText.of(item["uri"], None, "", item["version"], item["text"])
        for body in changes:
            params = json.loads(body)["params"]
            events = [_make_event(one) for one in params["contentChanges"]]
            document = apply_changes(document, events, params["textDocument"]["version"], encoding)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    if document.oversized:
        return None
    item["text"], item["version"] = document.text, document.version
    return json.dumps(message).encode()


def _make_event(change: dict[str, Any]) -> types.TextDocumentContentChangeEvent:
    """Return a change as LSP's type. Raises KeyError and TypeError."""
    if "range" not in change:
        return types.TextDocumentContentChangeWholeDocument(change["text"])
    start, end = (types.Position(**change["range"][side]) for side in ("start", "end"))
    return types.TextDocumentContentChangePartial(types.Range(start, end), change["text"])
