"""Questions about nodes of a Python syntax tree: what contains them, and whether they are bound, used or called.

Start at `find_function` and `is_bound`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

_CONDITION_KINDS = frozenset({"identifier", "attribute", "subscript", "call"})
_CONDITIONAL_KINDS = frozenset({"if_statement", "elif_clause", "while_statement", "assert_statement"})
_FUNCTION_KINDS = frozenset({"function_definition", "lambda"})
_PARAMETER_KINDS = frozenset(
    {"parameters", "lambda_parameters", "typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"}
)


def find_function(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the innermost function or lambda that contains `node`; None if a class is nearer, or there is none."""
    holder = node.parent
    while holder is not None and holder.type not in _FUNCTION_KINDS:
        if holder.type == "class_definition":
            return None
        holder = holder.parent
    return holder


def find_statement(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the statement that contains `node`."""
    while node.parent is not None and node.parent.type not in {"block", "module"}:
        node = node.parent
    return node


def get_field_name(node: tree_sitter.Node) -> str:
    """Return the name of the field that `node` has in its parent, "" for none."""
    parent = node.parent
    if parent is None:
        return ""
    at = next((number for number, child in enumerate(parent.children) if child.id == node.id), None)
    return (parent.field_name_for_child(at) or "") if at is not None else ""


def is_bound(node: tree_sitter.Node) -> bool:
    """Return whether `node` is a name that its parent binds, as a parameter or a target."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in _PARAMETER_KINDS:
        return get_field_name(node) != "type"
    if parent.type in {"default_parameter", "typed_default_parameter", "keyword_argument", "named_expression"}:
        return get_field_name(node) == "name" and parent.type != "keyword_argument"
    if parent.type in {"pattern_list", "tuple_pattern", "as_pattern_target"}:
        return True
    return is_target(node)


def is_target(node: tree_sitter.Node) -> bool:
    """Return whether `node` is the target of an assignment or a loop."""
    parent = node.parent
    return (
        parent is not None
        and parent.type in {"assignment", "augmented_assignment", "for_statement", "for_in_clause"}
        and get_field_name(node) == "left"
    )


def is_used(node: tree_sitter.Node) -> bool:
    """Return whether the name `node` is evaluated in a function.

    It is not if it is bound, imported or deleted there, is a decorator's name, or is an annotation by itself. The
    target of an augmented assignment counts as bound.
    """
    parent = node.parent
    if parent is None or find_function(node) is None or is_bound(node) or _is_deleted(node):
        return False
    role = get_field_name(node)
    if parent.type in {"function_definition", "class_definition", "dotted_name", "aliased_import", "type"}:
        return False
    if parent.type in {"global_statement", "nonlocal_statement", "decorator"}:
        return False
    return (parent.type, role) not in {("keyword_argument", "name"), ("attribute", "attribute")}


def _is_deleted(node: tree_sitter.Node) -> bool:
    """Return whether a `del` statement deletes `node` itself, alone or in a list or tuple of targets."""
    around = node.parent
    while around is not None and around.type in {"expression_list", "parenthesized_expression", "tuple", "list"}:
        around = around.parent
    return around is not None and around.type == "delete_statement"


def is_called(node: tree_sitter.Node) -> bool:
    """Return whether `node` is the function in a call."""
    return node.parent is not None and node.parent.type == "call" and get_field_name(node) == "function"


def is_condition(node: tree_sitter.Node) -> bool:
    """Return whether `node` is a name, attribute, subscript or call that is tested, so that a `not` may be missing.

    Operands of `and` and `or` count as tested.
    """
    parent = node.parent
    if parent is None or node.type not in _CONDITION_KINDS:
        return False
    if parent.type in _CONDITIONAL_KINDS:
        return get_field_name(node) in {"condition", ""} and parent.named_children[0].id == node.id
    if parent.type == "boolean_operator":
        return True
    parts = [child.id for child in parent.named_children if child.type != "comment"]
    return parent.type == "conditional_expression" and parts[1:2] == [node.id]


def may_lack_await(node: tree_sitter.Node) -> bool:
    """Return whether an `await` may be missing: the call `node` is a statement, returned or assigned in a coroutine."""
    function, parent = find_function(node), node.parent
    if function is None or parent is None or not any(child.type == "async" for child in function.children):
        return False
    return parent.type in {"expression_statement", "return_statement"} or (
        parent.type == "assignment" and get_field_name(node) == "right"
    )
