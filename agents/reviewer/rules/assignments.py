"""The rule about assignments of a value to itself, and what such an assignment is good for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule, at
from agents.reviewer.scanning import nodes, sameness
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_BARE = {"identifier", "simple_identifier", "variable_name", "directly_assignable_expression", "assignable_expression"}
_NAMING = {"initializer_expression", "with_initializer", "arguments", "argument_list", "attribute_argument"}


def self_assignment(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield `a = a`, which does nothing."""
    sides, sign = nodes.operands(item.node), nodes.operator(item.node)
    if sides is None or sign not in {"=", ":="} or scan.bytes(sides[0]) != scan.bytes(sides[1]):
        return
    if not sameness.is_steady(scan, sides[0]) or _is_meant(scan, item, sides[0]):
        return
    yield at(item.node, "This assigns a value to itself, which changes nothing; one side was probably meant to differ.")


def _is_meant(scan: Scan, item: Item, side: tree_sitter.Node) -> bool:
    """Return whether the assignment names, exports, silences or triggers something."""
    around = item.node.parent
    if around is not None and around.type in _NAMING:
        return True  # `new Box { Size = Size }`, `box(size = size)`
    scope = next((each.role for each in item.ancestors() if each.role in {"class", "function"}), "")
    if scope != "function" and scan.has(Trait.ASSIGNING_DEFINES):
        return True  # at the top, and in a class, `a = a` makes a name
    if _has_comment(scan, item) or _stands_for_nothing(item):
        return True
    function = item.function
    if side.type in _BARE:
        return function is not None and not _used_elsewhere(scan, function, side)
    return scan.has(Trait.ASSIGNING_RUNS_CODE) and not _is_parameter(scan, function, side)


def _has_comment(scan: Scan, item: Item) -> bool:
    """Return whether a comment on the same line gives a reason."""
    end = scan.data.find(b"\n", item.end)
    return any(item.end <= each.start < (end if end >= 0 else len(scan.data)) for each in scan.of_role("comment"))


def _stands_for_nothing(item: Item) -> bool:
    """Return whether all that an `else` or a handler does is the assignment: it says that the value stays."""
    statement = item.node.parent
    block = statement.parent if statement is not None else None
    around = block.parent if block is not None else None
    return block is not None and block.named_child_count == 1 and around is not None and around.type in _OTHERWISE


def _used_elsewhere(scan: Scan, function: Item, side: tree_sitter.Node) -> bool:
    """Return whether the body uses the name apart from here; `unused = unused` silences a compiler."""
    body = nodes.body(function.node) or function.node
    word = re.compile(rb"(?<![\w$])" + re.escape(scan.bytes(side)) + rb"(?!\w)")
    return len(word.findall(scan.bytes(body))) > 2


def _is_parameter(scan: Scan, function: Item | None, side: tree_sitter.Node) -> bool:
    """Return whether `self.size = self.size` stands where there is a parameter `size`."""
    if function is None:
        return False
    parameters = function.node.child_by_field_name("parameters")
    name = re.split(rb"\W+", scan.bytes(side))[-1]
    if parameters is None or not name:
        return False
    return re.search(rb"(?<!\w)" + re.escape(name) + rb"(?!\w)", scan.bytes(parameters)) is not None


_OTHERWISE = frozenset({"except_clause", "else_clause", "catch_clause", "rescue", "else"})
RULES = (Rule("self-assignment", Severity.WARNING, ("assign",), self_assignment, equals=("PLW0127", "no-self-assign")),)
