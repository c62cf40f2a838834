"""Questions about single syntax nodes, whatever the grammar: conditions, bodies, branches, operands, names.

Knows the few field names that grammars use. Never recurses. Start at `list_branches`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.scanning.scan import Item, Scan

IFS = {"if_statement", "if_expression", "if"}
_ELIFS = {"elif_clause", "elsif", "else_if_clause", "elseif_statement"}
_ELSES = {"else_clause", "else", "else_statement"}
_WRAPPERS = {"parenthesized_expression", "condition_clause"}
# Kinds of nodes that may have a side effect, or another value each time they are evaluated.
_EFFECTS = re.compile(
    r"call|invocation|await|yield|creation|new_expression|macro|named_expression|^command|command_substitution|update_expression|receive"
    r"|instance_expression|print_intrinsic|include|require|super|process_substitution|asm|throw|clone|^selector$|^new$"
    r"|(?:^|_)assignment(?:$|_exp)|compound_assign"
)
_EFFECT_OPERATORS = {"++", "--", "<-", "delete", "=", "+=", "-="}
_EMPTY = {"pass_statement", "ellipsis", "empty_statement"}
_MOST_NODES = 400  # of one expression; a larger one counts as having effects
_MOST_BRANCHES = 200


def unwrap(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the expression inside redundant parentheses, or `node` itself if it has none."""
    while node.type in _WRAPPERS and node.named_child_count == 1:
        node = node.named_child(0)
    return node


def get_first_child(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the first named child of `node`; None if it has none."""
    return node.named_child(0) if node.named_child_count else None


def may_have_effects(node: tree_sitter.Node) -> bool:
    """Return whether evaluating `node` may have a side effect, or a different value each time.

    True for an expression of more than `_MOST_NODES` nodes.
    """
    stack, seen = [node], 0
    while stack:
        each = stack.pop()
        seen += 1
        if seen > _MOST_NODES or _is_effect_kind(each.type) or _is_effect_operator(each):
            return True
        stack.extend(each.named_children)
    return False


@cache
def _is_effect_kind(kind: str) -> bool:
    """Return whether nodes of this kind may have a side effect, or a different value each time."""
    return _EFFECTS.search(kind) is not None


def _is_effect_operator(node: tree_sitter.Node) -> bool:
    """Return whether `node` has an operator with side effects, such as `i++`, `delete a.b` or `<-channel`."""
    if not node.type.startswith(("unary", "prefix", "postfix", "infix")):
        return False
    if node.type == "infix_expression":
        return re.search(r"\w", get_operator(node)) is not None
    return any(child.type in _EFFECT_OPERATORS for child in node.children) or get_operator(node) in _EFFECT_OPERATORS


def find_next_statement(node: tree_sitter.Node, scan: Scan) -> tree_sitter.Node | None:
    """Return the statement after `node` in the same list.

    Returns None if `node` is the last, if another token is between the two, or if no line end, `;` or `}` separates
    them. Comments are skipped.
    """
    after = node.next_sibling
    while after is not None and (scan.is_comment(after) or not after.is_named):
        if not after.is_named and after.type.strip(";\r\n\t ,"):
            return None
        after = after.next_sibling
    if after is None:
        return None
    # a grammar may cut one statement in two: `return a` of Kotlin into `return` and `a`
    ends = scan.data[max(node.start_byte, node.end_byte - 1) : after.start_byte]
    return after if any(sign in ends for sign in (b"\n", b";", b"}")) else None


def get_operands(node: tree_sitter.Node) -> tuple[tree_sitter.Node, tree_sitter.Node] | None:
    """Return both sides of a binary operator or an assignment, by their fields, else the only two named children.

    None if `node` has neither.
    """
    for left, right in (("left", "right"), ("lhs", "rhs"), ("target", "result")):
        one, other = node.child_by_field_name(left), node.child_by_field_name(right)
        if one is not None and other is not None:
            return one, other
    named = [child for child in node.named_children if not child.type.endswith("operator")]
    return (named[0], named[1]) if len(named) == 2 else None


def get_operator(node: tree_sitter.Node) -> str:
    """Return the operator of a binary expression or an assignment as text: by its field, else the second child.

    "" if there is neither.
    """
    for field in ("operator", "operators", "op"):
        sign = node.child_by_field_name(field)
        if sign is not None:
            return (sign.text or b"").decode(errors="replace")
    return (node.child(1).text or b"").decode(errors="replace") if node.child_count > 1 else ""


def get_body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the body of a clause: by its field, else its last named child that is no comment; None for neither."""
    for field in ("body", "consequence"):
        found = node.child_by_field_name(field)
        if found is not None:
            return found
    named = [child for child in node.named_children if "comment" not in child.type]
    return named[-1] if named else None


def list_statements(node: tree_sitter.Node, scan: Scan) -> list[tree_sitter.Node]:
    """Return the statements of a body, without comments.

    A body that is a single statement without a block gives that statement.
    """
    inner = node
    while inner.named_child_count == 1 and inner.type in {"block", "then", "body_statement", "do"}:
        only = inner.named_child(0)
        if only.type not in {"statement_list", "block_body", "block"}:
            break
        inner = only
    if inner.type in scan.grammar.entry.blocks or inner.type in {"statement_list", "statements", "block_body"}:
        return [child for child in inner.named_children if not scan.is_comment(child)]
    return [inner]


def get_branches(scan: Scan, item: Item) -> list[tuple[tree_sitter.Node | None, tree_sitter.Node]]:
    """Return the result of `list_branches` for the node of `item`; computed once per scan."""
    known = scan.compute_once(_make_branch_cache)
    if id(item) not in known:
        known[id(item)] = list_branches(item.node)
    return known[id(item)]


def _make_branch_cache(_: Scan) -> dict[int, list[tuple[tree_sitter.Node | None, tree_sitter.Node]]]:
    """Return an empty cache for the branches of `if` statements, by the id of their item."""
    return {}


def list_branches(node: tree_sitter.Node) -> list[tuple[tree_sitter.Node | None, tree_sitter.Node]]:
    """Return condition (None for `else`) and body of each branch of an `if`, in order; [] if one of them is missing.

    Follows `else if` chains, up to `_MOST_BRANCHES` branches.
    """
    branches: list[tuple[tree_sitter.Node | None, tree_sitter.Node]] = []
    todo = [node]
    while todo and len(branches) < _MOST_BRANCHES:
        each = todo.pop()
        if each.type in IFS or each.type in _ELIFS:
            condition = each.child_by_field_name("condition")
            body = each.child_by_field_name("consequence") or each.child_by_field_name("body")
            if condition is None or body is None:
                return []
            branches.append((_widen_condition(each, condition), body))
            todo.extend(reversed(each.children_by_field_name("alternative")))
        elif each.type in _ELSES:
            body = get_body(each)
            if body is None:
                return []
            if body.type in IFS:
                todo.append(body)
            else:
                branches.append((None, body if each.type == "else_clause" or body.type == "block" else each))
        else:
            branches.append((None, each))
    return branches


def _widen_condition(branch: tree_sitter.Node, condition: tree_sitter.Node) -> tree_sitter.Node:
    """Return the condition, or all of `branch` if the condition has an initializer or more than one part."""
    several = len(branch.children_by_field_name("condition")) > 1
    return branch if several or branch.child_by_field_name("initializer") is not None else condition


def split_ternary(
    node: tree_sitter.Node, scan: Scan
) -> tuple[tree_sitter.Node, tree_sitter.Node, tree_sitter.Node] | None:
    """Return the condition of the ternary `node`, its value if the condition holds, and its value if not.

    None if one of them is missing, as in PHP's `a ?: b`.
    """
    parts = [child for child in node.named_children if not scan.is_comment(child)]
    if len(parts) != 3:
        return None
    if any(child.type == "if" for child in node.children):  # Python's `a if condition else b`
        return parts[1], parts[0], parts[2]
    return parts[0], parts[1], parts[2]


def does_nothing(scan: Scan, body: tree_sitter.Node) -> bool:
    """Return whether `body` is empty or has only statements without effect, such as `pass`."""
    for statement in list_statements(body, scan):
        inner = get_first_child(statement) if statement.type == "expression_statement" else statement
        if inner is not None and inner.type not in _EMPTY and inner.end_byte > inner.start_byte:
            return inner == body and inner.named_child_count == 0 and scan.read_bytes(inner).strip(b"{} \t\r\n;") == b""
    return True


def has_explanation(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether a comment is inside `node` or after it on its last line."""
    end = scan.data.find(b"\n", node.end_byte)
    text = scan.data[node.start_byte : end if end >= 0 else len(scan.data)]
    entry = scan.grammar.entry
    if not entry.block_comment[0] and entry.line_comment.encode() not in text:
        return False
    return any(
        node.start_byte <= comment.start < (end if end >= 0 else len(scan.data))
        for comment in scan.get_items("comment")
    )


def find_name(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the node that names a definition, also the target that an anonymous function is assigned to.

    Without a name, returns the definition's first child, or `node` if it has no children.
    """
    name = node.child_by_field_name("name")
    declarator = node.child_by_field_name("declarator")
    while name is None and declarator is not None:
        inner = declarator.child_by_field_name("declarator")
        if inner is None:
            return declarator
        declarator = inner
    if name is not None:
        return name
    parent = node.parent
    if parent is not None:
        for field in ("name", "left", "key", "property", "pattern"):
            named = parent.child_by_field_name(field)
            if named is not None and named.end_byte <= node.start_byte:
                return named
    return node.child(0) if node.child_count else node
