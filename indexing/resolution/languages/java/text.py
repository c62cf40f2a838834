"""Expressions and types of Java, rewritten in the notation that `expressions.parse` reads.

A type `A<B>` becomes `A[B]`, `A[]` becomes `list[A]`, `Function<A, B>` becomes `Callable[A, B]`; an expression
`new A(b)` becomes `A(b)`, `(A) b` becomes `$(A, ?)`. What no type can follow becomes `?`. Start at `Writer`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

UNKNOWN = "?"
CAST = "$"  # no name that people give: the first argument is the type of the result
GIVEN = "__given_"  # likewise, with two numbers after it: returns what its argument gives to a callback
LONGEST = 600  # characters of an expression or type that a table keeps
MOST_ARGUMENTS = 8
_DEEPEST = 30
_SPACE = re.compile(r"\s+|@\w+(?:\([^()]*\))?|<[^<>]*>")
_COLLECTIONS = re.compile(r"^java\.util\.(?:[a-z]+\.)*")
_PRIMITIVES = frozenset({"integral_type", "floating_point_type", "boolean_type"})
# Functional interfaces of the standard library: numbers of the arguments that they take, and of their result (-1: none)
_FUNCTIONAL = {
    "Function": ((0,), 1),
    "BiFunction": ((0, 1), 2),
    "UnaryOperator": ((0,), 0),
    "BinaryOperator": ((0, 0), 0),
    "Predicate": ((0,), -1),
    "BiPredicate": ((0, 1), -1),
    "Consumer": ((0,), -1),
    "BiConsumer": ((0, 1), -1),
    "Supplier": ((), 0),
    "Callable": ((), 0),
    "Comparator": ((0, 0), -1),
    "ToIntFunction": ((0,), -1),
    "ToLongFunction": ((0,), -1),
    "ToDoubleFunction": ((0,), -1),
    "IntFunction": ((-1,), 0),
}


class Writer:
    """Rewrites nodes of one file.

    Args:
        data: the file's text in UTF-8.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.generics: dict[str, str] = {}  # type parameters in force, each with what it stands for, "" for anything

    def read(self, node: tree_sitter.Node | None) -> str:
        """Return the text of a node; "" for None."""
        return self._data[node.start_byte : node.end_byte].decode(errors="replace") if node is not None else ""

    def write(self, node: tree_sitter.Node | None) -> str:
        """Return the expression of `node`; "" for None, and where no type can follow or it is too long."""
        found = self._write(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_type(self, node: tree_sitter.Node | None) -> str:
        """Return the type of `node`; "" as for an expression, and for `var` and `void`."""
        found = self._write_type(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_class(self, node: tree_sitter.Node | None) -> str:
        """Return the class of a type as an expression, without types in brackets and `java.util`; "" for None."""
        return _COLLECTIONS.sub("", _SPACE.sub("", self.read(node)[:LONGEST]).partition("<")[0])

    def write_callee(self, node: tree_sitter.Node) -> str:
        """Return what a call or the creation of an object calls; "" where no type can follow."""
        found = self._write_callee(node, 0)
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def _write(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one for each kind
        """Return the expression of `node`, `UNKNOWN` if no type can follow it."""
        kind = node.type
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in {"identifier", "this", "super", "scoped_identifier"}:
            return self.read(node)[:LONGEST]
        if kind == "string_literal":
            return '""'
        if kind == "field_access":
            return self._write_field(node, depth)
        if kind in {"method_invocation", "object_creation_expression"}:
            called = self._write_callee(node, depth)
            if called == UNKNOWN or len(called) > LONGEST:
                return UNKNOWN
            return f"{called}({', '.join(self._list_arguments(node, depth))})"
        if kind == "parenthesized_expression":
            return self._write(node.named_children[0], depth + 1) if node.named_children else UNKNOWN
        if kind in {"cast_expression", "array_creation_expression"}:
            type_ = node.child_by_field_name("type")
            written = self._write_type(type_, depth + 1) if type_ is not None else UNKNOWN
            if written == UNKNOWN:
                return UNKNOWN
            return (
                f"{CAST}({written}, {UNKNOWN})" if kind == "cast_expression" else f"{CAST}(list[{written}], {UNKNOWN})"
            )
        if kind == "class_literal":
            return (
                f"{CAST}(Class[{self.write_class(node.named_children[0])}], {UNKNOWN})" if node.named_children else ""
            )
        if kind == "array_access":
            base = node.child_by_field_name("array")
            written = self._write(base, depth + 1) if base is not None else UNKNOWN
            return f"{written}[{UNKNOWN}]" if written != UNKNOWN else UNKNOWN
        if kind == "ternary_expression":
            fields = (node.child_by_field_name(each) for each in ("consequence", "alternative"))
            parts = [text for each in fields if each is not None and (text := self._write(each, depth + 1)) != UNKNOWN]
            return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})" if parts else UNKNOWN
        if kind == "assignment_expression":
            right = node.child_by_field_name("right")
            return self._write(right, depth + 1) if right is not None else UNKNOWN
        return UNKNOWN

    def _write_field(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of `a.b`, `A.this` or `A.super.b`."""
        base, field = node.child_by_field_name("object"), node.child_by_field_name("field")
        if base is None or field is None:
            return UNKNOWN
        if field.type == "this":
            return f"{CAST}({self.write_class(base)}, {UNKNOWN})"
        if any(child.type == "super" for child in node.children):
            return f"super.{self.read(field)}"
        written = self._write(base, depth + 1)
        return f"{written}.{self.read(field)}" if written != UNKNOWN else UNKNOWN

    def _write_callee(self, node: tree_sitter.Node, depth: int) -> str:
        """Return what a call or the creation of an object calls."""
        if node.type == "object_creation_expression":
            type_ = node.child_by_field_name("type")
            written = self._write_type(type_, depth + 1) if type_ is not None else UNKNOWN
            return self.write_class(type_) if written.startswith("Callable") else written
        name, base = self.read(node.child_by_field_name("name")), node.child_by_field_name("object")
        if not name:
            return UNKNOWN
        if any(child.type == "super" for child in node.children):
            return f"super.{name}"
        if base is None:
            return name
        written = self._write(base, depth + 1)
        return f"{written}.{name}" if written != UNKNOWN else UNKNOWN

    def _list_arguments(self, node: tree_sitter.Node, depth: int) -> list[str]:
        """Return the expressions of the first arguments of a call."""
        listed = node.child_by_field_name("arguments")
        count = min(listed.named_child_count, MOST_ARGUMENTS) if listed is not None else 0
        given = [listed.named_child(number) for number in range(count)] if listed is not None else []
        return [self._write(each, depth + 6) for each in given if each is not None and "comment" not in each.type]

    def _write_type(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: PLR0911 - one for each kind
        """Return the type of `node`, `UNKNOWN` if it says nothing."""
        kind, children = node.type, [child for child in node.named_children if "annotation" not in child.type]
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in {"type_identifier", "identifier"}:
            name = self.read(node)
            if name in self.generics:
                return self.generics[name] or UNKNOWN
            return UNKNOWN if name == "var" else name
        if kind in _PRIMITIVES:
            return self.read(node)
        if kind == "scoped_type_identifier":
            return self.write_class(node) or UNKNOWN
        if kind == "generic_type":
            return self._write_generic(children, depth)
        if kind == "array_type":
            element = node.child_by_field_name("element")
            return f"list[{self._write_type(element, depth + 1)}]" if element is not None else UNKNOWN
        if kind in {"wildcard", "annotated_type"}:
            return self._write_type(children[-1], depth + 1) if children else UNKNOWN
        if kind == "catch_type":
            return " | ".join(self._write_type(child, depth + 1) for child in children[:MOST_ARGUMENTS]) or UNKNOWN
        return UNKNOWN

    def _write_generic(self, children: list[tree_sitter.Node], depth: int) -> str:
        """Return the type of `A<B>`."""
        base = self.write_class(children[0]) if children else ""
        given = children[1].named_children[:MOST_ARGUMENTS] if len(children) > 1 else []
        arguments = [self._write_type(each, depth + 1) for each in given if "comment" not in each.type]
        if base in _FUNCTIONAL and arguments:
            taken, result = _FUNCTIONAL[base]
            wanted = [arguments[each] if 0 <= each < len(arguments) else UNKNOWN for each in (*taken, result)]
            return f"Callable[{', '.join(wanted)}]"
        return f"{base}[{', '.join(arguments)}]" if arguments else base or UNKNOWN
