"""Lines of a function that are data: strings, tables, runs of the same call. Start at `count_collapsed_lines`."""

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
_CALL_HEAD = re.compile(rb"([\w.$>:\\@-]{1,100})\s*\(")
_SHORTEST_RUN = 5  # calls of the same function in a row that count as a table
_MOST_NODES = 20_000


def count_collapsed_lines(scan: Scan, function: tree_sitter.Node) -> int:
    """Return how many fewer lines of code `function` has if each string, table and run of calls counts as one line."""
    kinds = scan.compute_once(LineKinds.of).code
    counted: set[int] = set()
    for first, last in _find_data_ranges(scan, function):
        counted.update(line for line in range(first + 1, last + 1) if kinds[line])
    return len(counted)


def _find_data_ranges(scan: Scan, function: tree_sitter.Node) -> Iterable[tuple[int, int]]:
    """Yield the first and last line, from 0, of each string, table and run of calls that takes several lines."""
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
        yield from _find_call_runs(scan, children)
        stack += children


def _is_string(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` is a string literal, in any language."""
    return node.type in scan.grammar.entry.strings or _STRINGS.search(node.type) is not None


def _holds_code(node: tree_sitter.Node) -> bool:
    """Return whether `node` contains code over several lines, such as a table of functions does."""
    stack, seen = list(node.named_children), 0
    while stack and seen < _MOST_NODES:
        each = stack.pop()
        seen += 1
        if _CODE.search(each.type) and each.start_point[0] != each.end_point[0]:
            return True
        stack += each.named_children
    return False


def _find_call_runs(scan: Scan, statements: list[tree_sitter.Node]) -> Iterable[tuple[int, int]]:
    """Yield the first and last line of each run of `_SHORTEST_RUN` or more calls of the same function.

    Calls with code of several lines in their arguments do not count.
    """
    run: list[tree_sitter.Node] = []
    for statement in [each for each in statements if not scan.is_comment(each)]:
        if run and _get_callee(scan, statement) != _get_callee(scan, run[0]):
            if len(run) >= _SHORTEST_RUN:
                yield run[0].start_point[0], run[-1].end_point[0]
            run = []
        if _get_callee(scan, statement) and not _holds_code(statement):
            run.append(statement)
    if len(run) >= _SHORTEST_RUN:
        yield run[0].start_point[0], run[-1].end_point[0]


def _get_callee(scan: Scan, statement: tree_sitter.Node) -> bytes:
    """Return the name that `statement` calls, b"" if it is no plain call."""
    if _CALLS.search(statement.type) is None:
        return b""
    head = _CALL_HEAD.match(scan.data, statement.start_byte)
    return head[1] if head is not None else b""
