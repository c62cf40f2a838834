"""When two equal texts are the same question: what may change the answer, what is a test, what asks for NaN.

Start at `is_steady`, `is_tested` and `asks_for_nan`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tree_sitter

    from agents.reviewer.scanning.scan import Item, Scan

_NAMES = {"identifier", "simple_identifier", "variable_name", "name"}
_MOST_NODES = 400
_FUNCTION_BYTES = 4000  # of a function, looked at for a declaration
_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|testsuite|specs?|__tests__|unittests?|test-[^/]*|[^/]*-tests?|benchmarks?)/"
    r"|/test_[^/]*$|[_.-](?:tests?|spec)\.\w+$|Tests?\.\w+$|/conftest\.py$|/tests?\.\w+$",
)
_TEST_NAME = re.compile(r"^(?:test|Test|it_|should|bench|time_)|Tests?$|_test$")
_ASSERTS = re.compile(
    r"(?:assert|expect|require|check|verif|ensure|should|must|true|false|fail|truthy|falsy|test|\bok\b|\bis\b|equal"
    r"|confirm|nok)\w*!?$",
    re.IGNORECASE,
)
_AROUND = re.compile(r"parenthesized|^not_|^unary|^prefix|^negated|^value_argument$|^argument$|^condition_clause$")
_NAN_WORDS = re.compile(
    rb"(?i:\bis_?nan|\bnan\b|_nan\b|\bnot_?nan|not_?a_?number|\b(?:is_?)?finite|is_?valid|is_?null|not_?null|is_?na\b)|NaN"
)
_INEXACT = re.compile(rb"float|double|real|number|f32|f64|auto|var\b", re.IGNORECASE)
_EXACT = (
    r"(?i:unsigned|signed|u?int(?:\d+|eger)?(?:_t)?|[iu](?:8|16|32|64|128|size)|s?size_t|usize|long|short|char|bool(?:ean)?"
    r"|string|str|byte|rune|error|bigint)"
)


def is_steady(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node`, evaluated twice with nothing in between, gives the same value both times."""
    if nodes.acts(node):
        return False
    if scan.has(Trait.VOLATILE) and b"volatile" in scan.data:
        return not any(_declares(scan, r"\bvolatile\b[^;(){{}}]*\b{0}\b", name) for name in _names(node))
    if binds := scan.grammar.entry.bare_names:
        return all(_declares(scan, binds, name) for name in _names(node))
    return True


def _declares(scan: Scan, shape: str, name: tree_sitter.Node) -> bool:
    return re.search(shape.format(re.escape(scan.text(name))).encode(), scan.data) is not None


def _names(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    stack = [node]
    while stack:
        each = stack.pop()
        if each.type in _NAMES:
            yield each
        stack.extend(each.named_children)


def is_test_path(path: Path) -> bool:
    """Return whether the file belongs to tests, by its name or its folders."""
    return _TEST_PATH.search(path.as_posix()) is not None


def is_test(scan: Scan, item: Item) -> bool:
    """Return whether `item` stands in a test, by the name of its file or of a function around it."""
    path = scan.document.path
    if path is not None and is_test_path(path):
        return True
    return any(
        each.role in {"function", "class"} and _TEST_NAME.search(scan.text(nodes.name_of(each.node)))
        for each in item.ancestors()
    )


def is_tested(scan: Scan, item: Item) -> bool:
    """Return whether a test is about `item` itself: it is asserted, or stands in a test."""
    return is_asserted(scan, item) or is_test(scan, item)


def is_asserted(scan: Scan, item: Item) -> bool:
    """Return whether `item` is what an assertion, or a call that checks, is given."""
    around = item.node.parent
    while around is not None and _AROUND.search(around.type):
        around = around.parent
    if around is None:
        return False
    if around.type.startswith("assert") or "macro" in around.type:
        return True
    call = around.parent if "argument" in around.type or around.type == "expression_list" else None
    if call is not None and call.type == "call_suffix":
        call = call.parent
    return call is not None and _ASSERTS.search(_callee(scan, call, around)) is not None


def _callee(scan: Scan, call: tree_sitter.Node, arguments: tree_sitter.Node) -> str:
    return scan.data[call.start_byte : arguments.start_byte].decode(errors="replace").rstrip("( ")[-80:]


def asks_for_nan(scan: Scan, item: Item, operand: tree_sitter.Node) -> bool:
    """Return whether comparing `operand` with itself asks for NaN: it may be a float, or the words around say so."""
    around = _function_around(scan, item)
    if _NAN_WORDS.search(around):
        return True
    if operand.type not in _NAMES:
        return _is_mask(item.node) and scan.grammar.entry.python_parser
    name = re.escape(scan.text(operand))
    before = re.compile(rf"\b{_EXACT}\b([^;(){{}}=]*)(?<![\w$]){name}(?!\w)".encode())
    behind = re.compile(rf"(?<!\w){name}(?!\w)([\w\s,]*:?\s*&?(?:mut\s+)?)\b{_EXACT}\b".encode())
    found = [match for shape in (before, behind) for match in shape.finditer(around)]
    return not any(_INEXACT.search(match[1]) is None for match in found)


def _function_around(scan: Scan, item: Item) -> bytes:
    function = item.function
    if function is None:
        return b""
    head = function.node.prev_named_sibling if function.node.type == "function_body" else None  # Dart
    start = head.start_byte if head is not None else function.start
    return scan.data[start : min(function.end, start + _FUNCTION_BYTES)]


def _is_mask(node: tree_sitter.Node) -> bool:
    """Return whether the comparison chooses rows: `frame[frame.a == frame.a]`."""
    around = node.parent
    while around is not None and around.type in {"parenthesized_expression", "binary_operator", "unary_operator"}:
        around = around.parent
    return around is not None and around.type == "subscript"
