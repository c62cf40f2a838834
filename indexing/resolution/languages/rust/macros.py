"""Items inside calls of macros (`cfg_if! { pub fn a() {} }`), which no grammar parses: they are read as plain code.

Expands no macro: only the mark of the call is blanked, so that every offset stays. Start at `read_captures`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution import rules
from indexing.syntax import grammars, languages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    Captures = Mapping[str, Sequence[tree_sitter.Node]]

MODULE = "rust.rules"  # as the language's entry names it
_ROUNDS = 2  # calls of macros inside each other
_DEEPEST = 1_000  # nodes inside each other that are read
_MOST_HEAD = 2_000  # bytes of comments and attributes before the first item
_ITEM = re.compile(
    rb"\s*(?:(?://[^\n]*\n|#!?\[[^\]\n]*\])\s*)*"
    rb"(?:pub|fn|mod|use|impl|struct|enum|trait|type|const|static|unsafe|extern|async)\b"
)


def read_captures(data: bytes, captures: Captures) -> tuple[bytes, Captures]:
    """Return a text with the items of its macro calls as plain code, as long as `data`, and what the query finds in it.

    The arguments themselves if there are no such items, or no grammar.
    """
    for _ in range(_ROUNDS):
        plain = _unwrap(data, captures.get("items", ()))
        found = _query(plain) if plain is not None else None
        if plain is None or found is None:
            break
        data, captures = plain, found
    return data, captures


def _unwrap(data: bytes, calls: Sequence[tree_sitter.Node]) -> bytes | None:
    """Return `data` with the names and braces of the macro calls that hold items as spaces; None if none does."""
    blanked: bytearray | None = None
    for call in calls:
        tree = call.named_children[-1] if call.named_children else None
        if tree is None or tree.type != "token_tree" or data[tree.start_byte : tree.start_byte + 1] != b"{":
            continue
        inside = tree.start_byte + 1
        if not _ITEM.match(data, inside, min(inside + _MOST_HEAD, tree.end_byte)):
            continue
        blanked = blanked if blanked is not None else bytearray(data)
        for start, end in ((call.start_byte, inside), (tree.end_byte - 1, tree.end_byte)):
            blanked[start:end] = bytes(byte if byte in b"\r\n" else 32 for byte in data[start:end])
    return bytes(blanked) if blanked is not None else None


def _query(data: bytes) -> Captures | None:
    """Return what the language's query captures in a text; None if it cannot be parsed."""
    name = next((each.name for each in languages.LANGUAGES if each.resolution == MODULE), "")
    grammar, query = grammars.load(name), rules.load_query(name)
    tree = grammar.parse(data) if grammar is not None else None
    if query is None or tree is None:
        return None
    import tree_sitter  # noqa: PLC0415  # loaded with the grammar

    cursor = tree_sitter.QueryCursor(query)
    cursor.set_max_start_depth(_DEEPEST)
    return cursor.captures(tree.root_node)
