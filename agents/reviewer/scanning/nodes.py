"""What is asked of single syntax nodes, whatever the grammar: conditions, bodies, chains of branches, operands.

Knows the few field names that grammars use; never recurses. Start at `chain`.
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
# Kinds of nodes that may do something, or give another value, each time they are evaluated.
_ACTS = re.compile(
    r"call|invocation|await|yield|creation|new_expression|macro|named_expression|^command|command_substitution|update_expression|receive"
    r"|instance_expression|print_intrinsic|include|require|super|process_substitution|asm|throw|clone|^selector$|^new$"
    r"|(?:^|_)assignment(?:$|_exp)|compound_assign"
)
_STEPS = {"++", "--", "<-", "delete", "=", "+=", "-="}
_EMPTY = {"pass_statement", "ellipsis", "empty_statement"}
_MOST_NODES = 400  # looked at in one expression; a longer one is not worth the time
_MOST_BRANCHES = 200


def unwrapped(node: tree_sitter.Node) -> tree_sitter.Node:
    """The expression within its brackets."""
    while node.type in _WRAPPERS and node.named_child_count == 1:
        node = node.named_child(0)
    return node


def first(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Its first named part, None for none."""
    return node.named_child(0) if node.named_child_count else None


def acts(node: tree_sitter.Node) -> bool:
    """Return whether something in `node` may do something, or give another value, each time it is evaluated."""
    stack, seen = [node], 0
    while stack:
        each = stack.pop()
        seen += 1
        if seen > _MOST_NODES or _is_act(each.type) or _steps(each):
            return True
        stack.extend(each.named_children)
    return False


@cache
def _is_act(kind: str) -> bool:
    return _ACTS.search(kind) is not None


def _steps(node: tree_sitter.Node) -> bool:
    """Return whether `node` is `i++`, `delete a.b`, `<-channel` or, in Scala, a method between its operands."""
    if not node.type.startswith(("unary", "prefix", "postfix", "infix")):
        return False
    if node.type == "infix_expression":
        return re.search(r"\w", operator(node)) is not None
    return any(child.type in _STEPS for child in node.children) or operator(node) in _STEPS


def following(node: tree_sitter.Node, scan: Scan) -> tree_sitter.Node | None:
    """Return the next statement of the same list; None where something else than an end of line comes between."""
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


def operands(node: tree_sitter.Node) -> tuple[tree_sitter.Node, tree_sitter.Node] | None:
    """The two sides of an operator, of an assignment too."""
    for left, right in (("left", "right"), ("lhs", "rhs"), ("target", "result")):
        one, other = node.child_by_field_name(left), node.child_by_field_name(right)
        if one is not None and other is not None:
            return one, other
    named = [child for child in node.named_children if not child.type.endswith("operator")]
    return (named[0], named[1]) if len(named) == 2 else None


def operator(node: tree_sitter.Node) -> str:
    """The sign between two operands."""
    for field in ("operator", "operators", "op"):
        sign = node.child_by_field_name(field)
        if sign is not None:
            return (sign.text or b"").decode(errors="replace")
    return (node.child(1).text or b"").decode(errors="replace") if node.child_count > 1 else ""


def body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """What a clause holds: by its field, else its last part that is no comment."""
    for field in ("body", "consequence"):
        found = node.child_by_field_name(field)
        if found is not None:
            return found
    named = [child for child in node.named_children if "comment" not in child.type]
    return named[-1] if named else None


def statements(node: tree_sitter.Node, scan: Scan) -> list[tree_sitter.Node]:
    """What stands in a body, without comments; a single statement is a body of one."""
    inner = node
    while inner.named_child_count == 1 and inner.type in {"block", "then", "body_statement", "do"}:
        only = inner.named_child(0)
        if only.type not in {"statement_list", "block_body", "block"}:
            break
        inner = only
    if inner.type in scan.grammar.entry.blocks or inner.type in {"statement_list", "statements", "block_body"}:
        return [child for child in inner.named_children if not scan.is_comment(child)]
    return [inner]


def branches(scan: Scan, item: Item) -> list[tuple[tree_sitter.Node | None, tree_sitter.Node]]:
    """Return the branches of an `if` of `scan`, as `chain` does; they are looked for once."""
    known = scan.once(_no_chains)
    if id(item) not in known:
        known[id(item)] = chain(item.node)
    return known[id(item)]


def _no_chains(_: Scan) -> dict[int, list[tuple[tree_sitter.Node | None, tree_sitter.Node]]]:
    return {}


def chain(node: tree_sitter.Node) -> list[tuple[tree_sitter.Node | None, tree_sitter.Node]]:
    """The branches of an `if` with all its `else if`s: condition (None for `else`) and body, in order."""
    branches: list[tuple[tree_sitter.Node | None, tree_sitter.Node]] = []
    todo = [node]
    while todo and len(branches) < _MOST_BRANCHES:
        each = todo.pop()
        if each.type in IFS or each.type in _ELIFS:
            condition = each.child_by_field_name("condition")
            held = each.child_by_field_name("consequence") or each.child_by_field_name("body")
            if condition is None or held is None:
                return []
            branches.append((_whole(each, condition), held))
            todo.extend(reversed(each.children_by_field_name("alternative")))
        elif each.type in _ELSES:
            held = body(each)
            if held is None:
                return []
            if held.type in IFS:
                todo.append(held)
            else:
                branches.append((None, held if each.type == "else_clause" or held.type == "block" else each))
        else:
            branches.append((None, each))
    return branches


def _whole(branch: tree_sitter.Node, condition: tree_sitter.Node) -> tree_sitter.Node:
    """Return the condition, or all of `branch` where the condition has an initializer or more than one part."""
    several = len(branch.children_by_field_name("condition")) > 1
    return branch if several or branch.child_by_field_name("initializer") is not None else condition


def does_nothing(scan: Scan, held: tree_sitter.Node) -> bool:
    """Return whether a body holds no statement that does anything."""
    for statement in statements(held, scan):
        inner = first(statement) if statement.type == "expression_statement" else statement
        if inner is not None and inner.type not in _EMPTY and inner.end_byte > inner.start_byte:
            return inner == held and inner.named_child_count == 0 and scan.bytes(inner).strip(b"{} \t\r\n;") == b""
    return True


def explained(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether a comment in the clause, or at the end of its last line, gives a reason."""
    end = scan.data.find(b"\n", node.end_byte)
    text = scan.data[node.start_byte : end if end >= 0 else len(scan.data)]
    entry = scan.grammar.entry
    if not entry.block_comment[0] and entry.line_comment.encode() not in text:
        return False
    return any(
        node.start_byte <= comment.start < (end if end >= 0 else len(scan.data)) for comment in scan.of_role("comment")
    )


def name_of(node: tree_sitter.Node) -> tree_sitter.Node:
    """The name of a definition, for pointing at; its head where it has none."""
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
