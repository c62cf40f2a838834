"""The verdict on whether a text parses, by ruff for Python, otherwise by tree-sitter, which is less certain.

A grammar may be older than its language, so a small, local error of tree-sitter gives no verdict.
Start at `check_syntax`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.syntax import texts
from indexing.syntax.documents import Span
from indexing.syntax.languages import Trait
from starling_python import parse_python

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.ruff.ruff import Ruff
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

_OPENING, _CLOSING = "([{", ")]}"
_MOST_ERRORS = 100  # places; after the first few, errors are mostly consequences of earlier ones


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one text.

    Attributes:
        parses: None if unknown.
        places: of the syntax errors, in order.
    """

    parses: bool | None
    places: tuple[Span, ...] = ()


def check_syntax(document: Document, syntax: Syntax, ruff: Ruff | None = None, timeout_s: float = 5.0) -> Verdict:
    """Return the verdict on whether `document` parses.

    Args:
        document: the text.
        syntax: its syntax by tree-sitter.
        ruff: parses Python; None to use tree-sitter only.
        timeout_s: time limit for ruff, in seconds.
    """
    if document.entry.ruff and ruff is not None:
        places = ruff.find_syntax_errors(document, timeout_s)
        if places is not None:
            return Verdict(not places, places)
    found = find_syntax_errors(syntax)
    if found is None:
        return Verdict(None)
    if not found or (document.entry.python_parser and _parses_as_python(document.text)):
        return Verdict(parses=True)
    return Verdict(None if _may_be_newer(document, syntax, found) else False, found)


def find_syntax_errors(syntax: Syntax) -> tuple[Span, ...] | None:
    """Return the places that tree-sitter cannot parse, in order, at most 100; None if the text was not parsed."""
    parsed = syntax.parsed
    if parsed is None:
        return None
    if not syntax.count_errors():
        return ()
    import tree_sitter  # noqa: PLC0415 (already loaded, because there is a tree)

    errors = tree_sitter.QueryCursor(parsed.grammar.errors).captures(parsed.tree.root_node).get("bad", ())
    lines = texts.ByteLines(syntax.text, parsed.data)
    places = sorted({(node.start_byte, node.end_byte) for node in errors})[:_MOST_ERRORS]
    return tuple(Span(lines.to_code_point(start), lines.to_code_point(end)) for start, end in places)


def _parses_as_python(text: str) -> bool:
    """Return whether the running Python interpreter can parse the text."""
    try:
        parse_python(text)
    except SyntaxError:
        return False
    return True


def _may_be_newer(document: Document, syntax: Syntax, places: tuple[Span, ...]) -> bool:
    """Return whether the errors may come from syntax that is newer than the grammar: local, with balanced brackets."""
    parsed = syntax.parsed
    if parsed is None or Trait.SETTLED in document.entry.traits:
        return False
    local = all("\n" not in document.text[place.start : place.end].strip() for place in places)
    return local and _is_balanced(parsed.tree.root_node)


def _is_balanced(root: tree_sitter.Node) -> bool:
    """Return whether each bracket below `root` has its counterpart."""
    opened: list[str] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.child_count:
            stack.extend(reversed(node.children))
        elif node.is_missing or node.is_named:
            continue
        elif node.type[-1:] in _OPENING and node.type:
            opened.append(_CLOSING[_OPENING.index(node.type[-1])])
        elif node.type[:1] in _CLOSING and node.type and (not opened or opened.pop() != node.type[0]):
            return False
    return not opened
