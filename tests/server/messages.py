"""Shorthands for LSP's own records, for tests."""

from __future__ import annotations

from lsprotocol import types


def item_of(uri: str, text: str = "x = 1\n", language: str = "python") -> types.TextDocumentItem:
    """Return an open document as LSP sends it."""
    return types.TextDocumentItem(uri, language, 1, text)
