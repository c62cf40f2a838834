"""The text of a document after many changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from server.lsp.serving.whole_texts import rebuild_opening

URI = "file:///w/a.py"


def open_text(text: object) -> bytes:
    """Return the message that opens a document."""
    item = {"uri": URI, "languageId": "python", "version": 1, "text": text}
    return json.dumps({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}}).encode()


def change(version: int, *changes: Any) -> bytes:
    """Return a message with changes."""
    params = {"textDocument": {"uri": URI, "version": version}, "contentChanges": changes}
    return json.dumps({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}).encode()


def replace(start: int, end: int, text: str) -> dict[str, Any]:
    """Return a change in the first line."""
    ends = ({"line": 0, "character": start}, {"line": 0, "character": end})
    return {"range": dict(zip(("start", "end"), ends, strict=True)), "text": text}


@pytest.mark.parametrize(("encoding", "at"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_changes_are_applied_in_the_unit_of_the_session(encoding: str, at: int) -> None:
    changes = [
        change(2, replace(at, at, "b"), replace(0, 0, "<")),
        change(3, {"text": "all 😀"}),
        change(9, replace(0, 3, "one")),
    ]
    first = rebuild_opening(open_text("😀\n"), changes[:1], encoding)
    assert first is not None
    assert json.loads(first)["params"]["textDocument"]["text"] == "<😀b\n"
    whole = rebuild_opening(open_text("😀\n"), changes, encoding)
    assert whole is not None
    item = {"uri": URI, "languageId": "python", "version": 9, "text": "one 😀"}
    assert json.loads(whole)["params"]["textDocument"] == item


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"[" * 100_000, change(2, {}), change(2, {"range": {}, "text": ""}), change(2, 1),
     change(2, {"text": None})],
)  # fmt: skip
def test_what_cannot_be_read_gives_nothing(body: bytes) -> None:
    assert rebuild_opening(body, [], "utf-16") is None
    assert rebuild_opening(open_text("x"), [body], "utf-16") is None
    assert rebuild_opening(open_text(1), [], "utf-16") is None
