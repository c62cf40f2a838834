"""Tests for code that is part of a test, by the names of its file and functions, or that an assertion checks.

Start at `is_test` and `is_asserted`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes

if TYPE_CHECKING:
    from pathlib import Path

    import tree_sitter

    from agents.reviewer.scanning.scan import Item, Scan

_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|testsuite|specs?|__tests__|unittests?|test-[^/]*|[^/]*-tests?|benchmarks?)/"
    r"|/test_[^/]*$|[_.-](?:tests?|spec)\.\w+$|Tests?\.\w+$|/conftest\.py$|/tests?\.\w+$",
)
_TEST_NAME = re.compile(r"^(?:test|Test|it_|should|bench|time_)|Tests?$|_test$")
_CHECKING_NAMES = re.compile(
    r"(?:assert|expect|require|check|verif|ensure|should|must|true|false|fail|truthy|falsy|test|\bok\b|\bis\b|equal"
    r"|confirm|nok)\w*!?$",
    re.IGNORECASE,
)
_WRAPPER_KINDS = re.compile(
    r"parenthesized|^not_|^unary|^prefix|^negated|^value_argument$|^argument$|^condition_clause$"
)


def is_test_path(path: Path) -> bool:
    """Return whether the file at `path` belongs to tests or benchmarks, by its name or its folders."""
    return _TEST_PATH.search(path.as_posix()) is not None


def is_test(scan: Scan, item: Item) -> bool:
    """Return whether `item` is in a test, by the name of its file or of a function or class around it."""
    path = scan.document.path
    if path is not None and is_test_path(path):
        return True
    return any(
        each.role in {"function", "class"} and _TEST_NAME.search(scan.read_text(nodes.find_name(each.node)))
        for each in item.walk_ancestors()
    )


def is_under_test(scan: Scan, item: Item) -> bool:
    """Return whether `item` is asserted, or is in a test."""
    return is_asserted(scan, item) or is_test(scan, item)


def is_asserted(scan: Scan, item: Item) -> bool:
    """Return whether `item` is the argument of an assertion, a macro, or a call whose name says that it checks."""
    around = item.node.parent
    while around is not None and _WRAPPER_KINDS.search(around.type):
        around = around.parent
    if around is None:
        return False
    if around.type.startswith("assert") or "macro" in around.type:
        return True
    call = around.parent if "argument" in around.type or around.type == "expression_list" else None
    if call is not None and call.type == "call_suffix":
        call = call.parent
    return call is not None and _CHECKING_NAMES.search(_get_callee(scan, call, around)) is not None


def _get_callee(scan: Scan, call: tree_sitter.Node, arguments: tree_sitter.Node) -> str:
    """Return the last 80 characters of the source of `call` before its arguments."""
    return scan.data[call.start_byte : arguments.start_byte].decode(errors="replace").rstrip("( ")[-80:]
