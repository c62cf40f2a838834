"""What is asked of single syntax nodes, whatever the grammar: conditions, bodies, chains of branches, operands.

Knows the few field names that grammars use; never recurses. Start at `chain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.scan import Scan

IFS = {"if_statement", "if_expression", "if"}
_ELIFS = {"elif_clause", "elsif", "else_if_clause", "elseif_statement"}
_ELSES = {"else_clause", "else", "else_statement"}
_WRAPPERS = {"parenthesized_expression", "condition_clause"}
_CALLS = {
    *("call", "call_expression", "method_invocation", "invocation_expression", "function_call", "macro_invocation"),
    *("function_call_expression", "member_call_expression", "scoped_call_expression", "new_expression", "await"),
    *("object_creation_expression", "await_expression", "update_expression", "assignment_expression", "yield"),
    *("named_expression", "command", "command_substitution", "assignment", "augmented_assignment_expression"),
    *("nullsafe_member_call_expression", "selector", "postfix_unary_expression", "prefix_unary_expression"),
    *("postfix_expression", "co_await_expression", "receive_statement", "yield_expression", "instance_expression"),
    *("unary_expression_receive", "pointer_expression_update", "print_intrinsic", "include_expression"),
}
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


def calls(node: tree_sitter.Node) -> bool:
    """Whether something in `node` may give another value, or do something, each time it is evaluated."""
    stack, seen = [node], 0
    while stack:
        each = stack.pop()
        seen += 1
        if each.type in _CALLS or seen > _MOST_NODES:
            return True
        if each.type == "unary_expression" and _first_type(each) in {"<-", "++", "--"}:
            return True
        stack.extend(each.named_children)
    return False


def _first_type(node: tree_sitter.Node) -> str:
    return node.child(0).type if node.child_count else ""


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
            branches.append((condition, held))
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
