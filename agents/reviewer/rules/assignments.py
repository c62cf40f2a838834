"""The rule about values that are assigned to themselves, with the cases in which that has an effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule, make_hit
from agents.reviewer.scanning import nodes, repeatability
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_PLAIN_NAMES = {
    "identifier",
    "simple_identifier",
    "variable_name",
    "directly_assignable_expression",
    "assignable_expression",
}
# `self.size = size`, and no more than that
_STORED = re.compile(rb"(?:\.|->|@)(?P<name>[^\W\d]\w*)\s*=\s*\$?(?P=name)[ \t]*(?:[;\r\n}#]|//|\Z)")
_NAMED_ARGUMENTS = {"initializer_expression", "with_initializer", "arguments", "argument_list", "attribute_argument"}


def find_self_assignment(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `a = a`, which changes nothing, unless it may have an effect or a purpose."""
    sides, sign = nodes.get_operands(item.node), nodes.get_operator(item.node)
    if sides is None or sign not in {"=", ":="} or scan.read_bytes(sides[0]) != scan.read_bytes(sides[1]):
        return
    if not repeatability.is_repeatable(scan, sides[0]) or _is_intended(scan, item, sides[0]):
        return
    yield make_hit(item.node, "This assigns a value to itself, which changes nothing. Change the side that is wrong.")


def _is_intended(scan: Scan, item: Item, side: tree_sitter.Node) -> bool:
    """Return whether the self-assignment has a purpose: it names, exports or silences something, or runs a setter."""
    around = item.node.parent
    if around is not None and around.type in _NAMED_ARGUMENTS:
        return True  # `new Box { Size = Size }`, `box(size = size)`
    scope = next((each.role for each in item.walk_ancestors() if each.role in {"class", "function"}), "")
    if scope != "function" and scan.has_trait(Trait.ASSIGNING_DEFINES):
        return True  # in a module or class body, `a = a` creates a name
    if _has_comment(scan, item) or _is_only_statement(item):
        return True
    function = item.function
    if side.type in _PLAIN_NAMES:
        return function is not None and not (
            _is_used_elsewhere(scan, function, side) or _may_lack_receiver(scan, function, side)
        )
    return scan.has_trait(Trait.ASSIGNING_RUNS_CODE) and not _is_parameter(scan, function, side)


def _has_comment(scan: Scan, item: Item) -> bool:
    """Return whether a comment follows on the same line."""
    end = scan.data.find(b"\n", item.end)
    return any(item.end <= each.start < (end if end >= 0 else len(scan.data)) for each in scan.get_items("comment"))


def _is_only_statement(item: Item) -> bool:
    """Return whether the assignment is the only statement of an `else` or a handler, where it says "unchanged"."""
    statement = item.node.parent
    block = statement.parent if statement is not None else None
    around = block.parent if block is not None else None
    return (
        block is not None and block.named_child_count == 1 and around is not None and around.type in _ALTERNATIVE_KINDS
    )


def _is_used_elsewhere(scan: Scan, function: Item, side: tree_sitter.Node) -> bool:
    """Return whether the function's body has the name outside `a = a`; `unused = unused` only silences a compiler."""
    body = nodes.get_body(function.node) or function.node
    word = re.compile(rb"(?<![\w$])" + re.escape(scan.read_bytes(side)) + rb"(?!\w)")
    return len(word.findall(scan.read_bytes(body))) > 2


def _is_parameter(scan: Scan, function: Item | None, side: tree_sitter.Node) -> bool:
    """Return whether `function` has a parameter with the last name of `side`, such as `size` for `self.size`."""
    if function is None:
        return False
    parameters = function.node.child_by_field_name("parameters")
    name = re.split(rb"\W+", scan.read_bytes(side))[-1]
    if parameters is None or not name:
        return False
    return re.search(rb"(?<!\w)" + re.escape(name) + rb"(?!\w)", scan.read_bytes(parameters)) is not None


def _may_lack_receiver(scan: Scan, function: Item, side: tree_sitter.Node) -> bool:
    """Return whether `mode = mode` may lack a `self.`: `mode` is a parameter, and the function stores values.

    That is, its body has an assignment of a name to an attribute of that name (`self.size = size`).
    """
    body = nodes.get_body(function.node) or function.node
    return _is_parameter(scan, function, side) and _STORED.search(scan.read_bytes(body)) is not None


_ALTERNATIVE_KINDS = frozenset({"except_clause", "else_clause", "catch_clause", "rescue", "else"})
RULES = (
    Rule(
        "self-assignment",
        Severity.WARNING,
        ("assign",),
        find_self_assignment,
        equivalents=("PLW0127", "no-self-assign"),
    ),
)
