"""Conversion of next edits to the JSON of the methods that carry them, which LSP has no types for.

Start at `build_next_edit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.lsp.conversion import outgoing

if TYPE_CHECKING:
    from server.lsp.session.next_edit_requests import PlacedEdit

Json = dict[str, Any]


def build_next_edit(placed: PlacedEdit | None, encoding: str) -> Json | None:
    """Return the result of `starling/nextEdit`; None without an edit."""
    if placed is None:
        return None
    edit = placed.edit
    return {
        "edit": {
            "id": edit.id,
            **_describe_place(placed, encoding),
            "newText": edit.candidate.text,
            "kind": edit.candidate.kind.value,
            "reason": edit.candidate.reason,
        }
    }


def build_inline_edits(placed: PlacedEdit | None, encoding: str) -> Json:
    """Return the result of `textDocument/copilotInlineEdit`, with one edit or none."""
    if placed is None:
        return {"edits": []}
    command = {"title": "Accepted", "command": outgoing.EDIT_ACCEPTED_COMMAND, "arguments": [{"id": placed.edit.id}]}
    return {
        "edits": [{**_describe_place(placed, encoding), "text": placed.edit.candidate.text, "command": command}],
    }


def find_id(item: object) -> str:
    """Return the id of the edit that `item`, JSON from a client, has in its command; "" if there is none."""
    command = item.get("command") if isinstance(item, dict) else None
    arguments = command.get("arguments") if isinstance(command, dict) else None
    first = arguments[0] if isinstance(arguments, list) and arguments else None
    found = first.get("id") if isinstance(first, dict) else None
    return found if isinstance(found, str) else ""


def _describe_place(placed: PlacedEdit, encoding: str) -> Json:
    """Return the document, with its version, and the range of an edit."""
    document, candidate = placed.document, placed.edit.candidate
    span = outgoing.compute_range(document, candidate.start, candidate.end, encoding)
    return {
        "textDocument": {"uri": document.uri, "version": document.version},
        "range": outgoing.serialize_range(span),
    }
