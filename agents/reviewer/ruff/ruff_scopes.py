"""Bindings of a Python name around its use: in an earlier iteration of a loop, or until a `del` that may not run.

Works on the syntax tree alone. Start at `is_bound_in_loop`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

_LOOPS = {"for_statement", "while_statement"}
_SCOPES = {"function_definition", "class_definition", "lambda"}
_BRANCHES = {
    *("if_statement", "elif_clause", "else_clause", "conditional_expression", "boolean_operator", "try_statement"),
    *("match_statement", "for_statement", "while_statement", "except_clause", "list_comprehension", "with_statement"),
    *("generator_expression", "set_comprehension", "dictionary_comprehension", "lambda", "finally_clause"),
}
_JUMP_KINDS = {"continue_statement", "break_statement", "return_statement", "raise_statement"}
_TARGETS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "named_expression": "name",
    "function_definition": "name",
    "class_definition": "name",
}
_IMPORTS = {"import_statement", "import_from_statement"}
_MOST_NODES = 20_000


def walk_ancestors(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the nodes that contain `node`, innermost first."""
    around = node.parent
    while around is not None:
        yield around
        around = around.parent


def is_bound_in_loop(use: tree_sitter.Node, name: str) -> bool:
    """Return whether a loop around `use`, in the same function, may have bound `name` in an earlier iteration.

    True only if the first iteration may skip `use`, by a branch or a jump.
    """
    inner, may_skip = use, False
    for around in walk_ancestors(use):
        if around.type == "function_definition":
            return False
        if around.type in _LOOPS and around.child_by_field_name("body") == inner:
            may_skip = may_skip or _may_leave_before(inner, use)
            if may_skip and any(_binds(each, name) for each in _walk_scope(inner)):
                return True
        may_skip = may_skip or around.type in _BRANCHES
        inner = around
    return False


def is_bound_in_module(root: tree_sitter.Node, name: str) -> bool:
    """Return whether a statement of the module's own scope binds `name`."""
    return any(_binds(each, name) for each in _walk_scope(root))


def is_deleted_sometimes(use: tree_sitter.Node, name: str) -> bool:
    """Return whether an earlier `del name` is in a branch that does not contain `use`."""
    scope = next((each for each in walk_ancestors(use) if each.type in {"function_definition", "module"}), None)
    if scope is None:
        return False
    around = {each.id for each in walk_ancestors(use)}
    return any(
        each.type == "delete_statement"
        and each.start_byte < use.start_byte
        and each.parent is not None
        and each.parent.id not in around
        and any(_is_named(inner, name) for inner in _find_names(each))
        for each in _walk_scope(scope)
    )


def _may_leave_before(body: tree_sitter.Node, use: tree_sitter.Node) -> bool:
    """Return whether a statement of the loop's body before `use` may end the iteration."""
    before = [each for each in body.named_children if each.end_byte <= use.start_byte]
    return any(inner.type in _JUMP_KINDS for each in before for inner in _walk_scope(each))


def _walk_scope(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield `node` and its descendants in the same scope, at most `_MOST_NODES`."""
    stack, seen = [node], 0
    while stack and seen < _MOST_NODES:
        each = stack.pop()
        seen += 1
        yield each
        if each is node or each.type not in _SCOPES:
            stack.extend(each.named_children)


def _binds(node: tree_sitter.Node, name: str) -> bool:
    """Return whether `node` binds `name`; the variable of an `except` clause does not count, for it is deleted."""
    if node.type in _TARGETS:
        target = node.child_by_field_name(_TARGETS[node.type])
        has_value = node.type != "assignment" or node.child_by_field_name("right") is not None
        return target is not None and has_value and any(_is_named(each, name) for each in _find_names(target))
    if node.type in _IMPORTS:
        return any(_is_named(each, name) for each in _find_names(node))
    if node.type == "as_pattern_target" and not any(each.type == "except_clause" for each in _get_two_ancestors(node)):
        return any(_is_named(each, name) for each in _find_names(node))
    return False


def _get_two_ancestors(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the parent and the grandparent of `node`, as far as they exist."""
    above = node.parent
    return [each for each in (above, above.parent if above is not None else None) if each is not None]


def _find_names(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield the identifiers in `node`, without those in attributes, subscripts and calls."""
    stack = [node]
    while stack:
        each = stack.pop()
        if each.type == "identifier":
            yield each
        elif each.type not in {"attribute", "subscript", "call"}:
            stack.extend(each.named_children)


def _is_named(node: tree_sitter.Node, name: str) -> bool:
    """Return whether the text of `node` is `name`."""
    return node.text == name.encode()
