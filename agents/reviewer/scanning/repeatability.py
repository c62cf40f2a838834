"""Tests for expressions that have the same value each time, so that a repeated one is redundant.

Excluded are expressions with side effects, and comparisons of a value with itself that test for NaN. Start at
`is_repeatable` and `may_test_for_nan`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.scanning.scan import Item, Scan

_NAMES = {"identifier", "simple_identifier", "variable_name", "name"}
_MOST_NODES = 400
_FUNCTION_BYTES = 4000  # of a function, searched for a declaration
_NAN_WORDS = re.compile(
    rb"(?i:\bis_?nan|\bnan\b|_nan\b|\bnot_?nan|not_?a_?number|\b(?:is_?)?finite|is_?valid|is_?null|not_?null|is_?na\b)|NaN"
)
_INEXACT = re.compile(rb"float|double|real|number|f32|f64|auto|var\b", re.IGNORECASE)
_EXACT = (
    r"(?i:unsigned|signed|u?int(?:\d+|eger)?(?:_t)?|[iu](?:8|16|32|64|128|size)|s?size_t|usize|long|short|char|bool(?:ean)?"
    r"|string|str|byte|rune|error|bigint)"
)


def is_repeatable(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node`, evaluated twice in a row, has the same value both times and no side effect."""
    if nodes.may_have_effects(node):
        return False
    if scan.has_trait(Trait.VOLATILE) and b"volatile" in scan.data:
        return not any(_occurs_in_file(scan, r"\bvolatile\b[^;(){{}}]*\b{0}\b", name) for name in _find_names(node))
    if binds := scan.grammar.entry.bare_names:
        return all(_occurs_in_file(scan, binds, name) for name in _find_names(node))
    return True


def _occurs_in_file(scan: Scan, shape: str, name: tree_sitter.Node) -> bool:
    """Return whether the file has a match of the pattern `shape`, in which `{0}` stands for `name`."""
    return re.search(shape.format(re.escape(scan.read_text(name))).encode(), scan.data) is not None


def _find_names(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the identifiers in `node`, in no particular order."""
    stack = [node]
    while stack:
        each = stack.pop()
        if each.type in _NAMES:
            yield each
        stack.extend(each.named_children)


def may_test_for_nan(scan: Scan, item: Item, operand: tree_sitter.Node) -> bool:
    """Return whether comparing `operand` with itself may be a test for NaN.

    True if the function around mentions NaN. Otherwise a name may be tested unless the function declares it with a type
    that has no NaN; any other expression only in Python, if the comparison selects rows.
    """
    around = _get_function_source(scan, item)
    if _NAN_WORDS.search(around):
        return True
    if operand.type not in _NAMES:
        return _is_mask(item.node) and scan.grammar.entry.python_parser
    name = re.escape(scan.read_text(operand))
    before = re.compile(rf"\b{_EXACT}\b([^;(){{}}=]*)(?<![\w$]){name}(?!\w)".encode())
    after = re.compile(rf"(?<!\w){name}(?!\w)([\w\s,]*:?\s*&?(?:mut\s+)?)\b{_EXACT}\b".encode())
    found = [match for shape in (before, after) for match in shape.finditer(around)]
    return not any(_INEXACT.search(match[1]) is None for match in found)


def _get_function_source(scan: Scan, item: Item) -> bytes:
    """Return the first `_FUNCTION_BYTES` of the function around `item`; b"" outside of functions."""
    function = item.function
    if function is None:
        return b""
    # in Dart, signature and body are siblings
    head = function.node.prev_named_sibling if function.node.type == "function_body" else None
    start = head.start_byte if head is not None else function.start
    return scan.data[start : min(function.end, start + _FUNCTION_BYTES)]


def _is_mask(node: tree_sitter.Node) -> bool:
    """Return whether the comparison selects rows: `frame[frame.a == frame.a]`."""
    around = node.parent
    while around is not None and around.type in {"parenthesized_expression", "binary_operator", "unary_operator"}:
        around = around.parent
    return around is not None and around.type == "subscript"
