"""Detection of prose in code: comments, and strings that are sentences. Start at `is_prose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.syntax.syntax import Syntax

_SPACES = 4  # a string with as many or more counts as a sentence
_LEVELS = 4  # most nodes above the place that are checked


def is_prose(syntax: Syntax, offset: int) -> bool:
    """Return whether the code point at `offset` is in a comment or in a string with `_SPACES` spaces or more."""
    parsed = syntax.parsed
    if parsed is None:
        return False
    entry, at = parsed.grammar.entry, syntax.to_byte(offset)
    node = parsed.tree.root_node.descendant_for_byte_range(at, at + 1)
    for _ in range(_LEVELS):
        if node is None:
            return False
        if node.type in entry.comments:
            return True
        if node.type in entry.strings:
            return parsed.data.count(b" ", node.start_byte, node.end_byte) >= _SPACES
        node = node.parent
    return False
