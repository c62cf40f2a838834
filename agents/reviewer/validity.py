"""Whether a text parses, by the best parser at hand: ruff's for Python, else tree-sitter's, which is less certain.

A grammar may be older than its language, so an error of tree-sitter that is small and local decides nothing. Start at
`judge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.reviewer.scanning import figures
from indexing.syntax.languages import Trait
from starling_python import parse_python

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.ruff.ruff import Ruff
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax

_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a text.

    Attributes:
        parses: None where that cannot be told.
        places: where it does not, or where the parser gave up.
    """

    parses: bool | None
    places: tuple[Span, ...] = ()


def judge(document: Document, syntax: Syntax, ruff: Ruff | None = None, timeout_s: float = 5.0) -> Verdict:
    """Say whether `document` parses."""
    if document.entry.ruff and ruff is not None:
        places = ruff.broken(document, timeout_s)
        if places is not None:
            return Verdict(not places, places)
    found = figures.broken(syntax)
    if found is None:
        return Verdict(None)
    if not found or (document.entry.python_parser and _is_python(document.text)):
        return Verdict(parses=True)
    return Verdict(None if _may_be_newer(document, syntax, found) else False, found)


def _is_python(text: str) -> bool:
    """Return whether the Python that runs here reads the text."""
    try:
        parse_python(text)
    except SyntaxError:
        return False
    return True


def _may_be_newer(document: Document, syntax: Syntax, places: tuple[Span, ...]) -> bool:
    """Return whether the text may be right in a newer version of its language than the grammar knows."""
    parsed = syntax.parsed
    if parsed is None or Trait.SETTLED in document.entry.traits:
        return False
    local = all("\n" not in document.text[place.start : place.end].strip() for place in places)
    return local and _is_balanced(parsed.tree.root_node)


def _is_balanced(root: tree_sitter.Node) -> bool:
    """Return whether each bracket has its other half."""
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
