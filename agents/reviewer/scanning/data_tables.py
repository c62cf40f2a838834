"""Lines of a function that are data: strings, tables, registrations one after another. Start at `lines_saved`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.scanning.metrics import LineKinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tree_sitter

    from agents.reviewer.scanning.scan import Scan

_TABLES = re.compile(
    r"^(?:list|dictionary|set|tuple|array|object|hash|table_constructor|array_creation_expression|array_expression"
    r"|initializer_list|composite_literal|literal_value|initializer_expression|array_initializer|map_literal|list_literal"
    r"|collection_literal|array_literal|dictionary_literal|set_or_map_literal)$"
)
_STRINGS = re.compile(r"string|heredoc|text_block")
_CODE = re.compile(r"function|lambda|arrow|method|block$|closure|class|element$|fragment$|anonymous")
_CALLS = re.compile(r"^expression_statement$|call|invocation|^command$")
_HEAD = re.compile(rb"([\w.$>:\\@-]{1,100})\s*\(")
_RUN = 5  # statements of one shape in a row: fewer are steps, more are a table
_MOST_NODES = 20_000


def lines_saved(scan: Scan, function: tree_sitter.Node) -> int:
    """Return how many lines of code of `function` are spared when each string, table and run counts as one line."""
    kinds = scan.once(LineKinds.of).code
    counted: set[int] = set()
    for first, last in _data(scan, function):
        counted.update(line for line in range(first + 1, last + 1) if kinds[line])
    return len(counted)


def _data(scan: Scan, function: tree_sitter.Node) -> Iterable[tuple[int, int]]:
    """Yield the first and last lines, from 0, of what counts as one line."""
    stack, seen = list(function.named_children), 0
    while stack and seen < _MOST_NODES:
        node = stack.pop()
        seen += 1
        first, last = node.start_point[0], node.end_point[0]
        if first == last:
            continue
        if _is_string(scan, node) or (_TABLES.match(node.type) and not _holds_code(node)):
            yield first, last
            continue
        children = node.named_children
        yield from _runs(scan, children)
        stack += children


def _is_string(scan: Scan, node: tree_sitter.Node) -> bool:
    return node.type in scan.grammar.entry.strings or _STRINGS.search(node.type) is not None


def _holds_code(node: tree_sitter.Node) -> bool:
    """Return whether statements stand in a table: a table of functions is read like code."""
    stack, seen = list(node.named_children), 0
    while stack and seen < _MOST_NODES:
        each = stack.pop()
        seen += 1
        if _CODE.search(each.type) and each.start_point[0] != each.end_point[0]:
            return True
        stack += each.named_children
    return False


def _runs(scan: Scan, statements: list[tree_sitter.Node]) -> Iterable[tuple[int, int]]:
    """Yield runs of calls of the same name: `table.add(...)` again and again."""
    run: list[tree_sitter.Node] = []
    for statement in [each for each in statements if not scan.is_comment(each)]:
        if run and _callee(scan, statement) != _callee(scan, run[0]):
            if len(run) >= _RUN:
                yield run[0].start_point[0], run[-1].end_point[0]
            run = []
        if _callee(scan, statement) and not _holds_code(statement):
            run.append(statement)
    if len(run) >= _RUN:
        yield run[0].start_point[0], run[-1].end_point[0]


def _callee(scan: Scan, statement: tree_sitter.Node) -> bytes:
    """Return what a statement calls, b"" where it is no plain call."""
    if _CALLS.search(statement.type) is None:
        return b""
    head = _HEAD.match(scan.data, statement.start_byte)
    return head[1] if head is not None else b""
