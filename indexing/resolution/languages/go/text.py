"""Expressions and types of Go, rewritten in the notation that `expressions.parse` reads.

A type `[]A` becomes `list[A]`, `map[A]B` becomes `dict[A, B]`, `*A` becomes `A`; an expression `&A{}` becomes
`__cast(A, ?)`. What no type can follow becomes `?`. Start at `Writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tree_sitter

UNKNOWN = "?"
CAST = "__cast"  # no name of a program: the first argument is the type of the result
UNNAMED = "__struct_"  # beginning of the name of a struct type without one; its place follows
LONGEST = 600  # characters of an expression or type that a table keeps
_DEEPEST = 20
_MOST_ARGUMENTS = 8
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier", "package_identifier"})
_MAKING = frozenset({"new", "make"})
_STRINGS = frozenset({"interpreted_string_literal", "raw_string_literal"})
_SAME = frozenset({"parenthesized_expression", "parenthesized_type", "pointer_type", "type_elem", "literal_element"})


class Writer:
    """Rewrites nodes of one file.

    Args:
        data: the file's text in UTF-8.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.generics: dict[str, str] = {}  # type parameters in force, each with the type that it has to be

    def read(self, node: tree_sitter.Node | None) -> str:
        """Return the text of a node; "" for None."""
        return self._data[node.start_byte : node.end_byte].decode(errors="replace") if node is not None else ""

    def write(self, node: tree_sitter.Node | None) -> str:
        """Return the expression of `node`; "" for None, and where no type can follow or it is too long."""
        found = self._write(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_type(self, node: tree_sitter.Node | None) -> str:
        """Return the type of `node`; "" as for an expression."""
        found = self._write_type(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def _write(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: C901, PLR0911 - one for each kind
        """Return the expression of `node`, `UNKNOWN` if no type can follow it."""
        kind, children = node.type, node.named_children
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in _NAMES:
            return self.read(node)
        if kind in _STRINGS:
            return '""'
        if kind in _SAME:
            return self._write(children[0], depth + 1) if children else UNKNOWN
        if kind == "selector_expression":
            base, name = node.child_by_field_name("operand"), self.read(node.child_by_field_name("field"))
            written = self._write(base, depth + 1) if base is not None else UNKNOWN
            return f"{written}.{name}" if written != UNKNOWN and name else UNKNOWN
        if kind == "call_expression":
            return self._write_call(node, depth)
        if kind == "type_conversion_expression":
            type_ = node.child_by_field_name("type")
            if type_ is not None and type_.type == "generic_type":  # also a call of a generic function
                return f"{self._write_type(type_, depth + 1)}()"
            return self._cast(type_, depth)
        if kind in {"composite_literal", "type_assertion_expression"}:
            return self._cast(node.child_by_field_name("type"), depth)
        if kind in {"index_expression", "slice_expression", "type_instantiation_expression"}:
            base = node.child_by_field_name("operand") or (children[0] if children else None)
            written = self._write(base, depth + 1) if base is not None else UNKNOWN
            return written if written == UNKNOWN or kind == "slice_expression" else f"{written}[{UNKNOWN}]"
        if kind == "func_literal":
            return f"{CAST}({self.write_function(node, depth)}, {UNKNOWN})"
        return self._write_unary(node, depth) if kind == "unary_expression" else UNKNOWN

    def _write_unary(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of an address, of what a pointer points to, or of what a channel gives."""
        inner, mark = node.child_by_field_name("operand"), self._data[node.start_byte : node.start_byte + 2]
        if inner is None or not mark.startswith((b"&", b"*", b"<-")):
            return UNKNOWN
        written = self._write(inner, depth + 1)
        return f"{written}?" if mark == b"<-" and written != UNKNOWN else written

    def _write_call(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of a call."""
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        given = arguments.named_children if arguments is not None else []
        if function is None:
            return UNKNOWN
        name = self.read(function) if function.type == "identifier" else ""
        if name in _MAKING and given:
            return self._cast(given[0], depth)
        if name == "append" and given:
            return self._write(given[0], depth + 1)
        written = self._write(function, depth + 1)
        return f"{written}()" if written != UNKNOWN and len(written) <= LONGEST else UNKNOWN

    def _cast(self, type_: tree_sitter.Node | None, depth: int) -> str:
        """Return the expression of a value with a type."""
        written = self._write_type(type_, depth + 1) if type_ is not None else UNKNOWN
        return f"{CAST}({written}, {UNKNOWN})" if written != UNKNOWN else UNKNOWN

    def _write_type(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: PLR0911 - one for each kind
        """Return the type of `node`, `UNKNOWN` if it says nothing."""
        kind, children = node.type, node.named_children
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in _NAMES:
            name = self.read(node)
            return self.generics.get(name) or name
        if kind in _SAME:
            return self._write_type(children[-1], depth + 1) if len(children) == 1 else UNKNOWN
        if kind in {"qualified_type", "selector_expression"}:
            return ".".join(self.read(each) for each in children) if len(children) == 2 else UNKNOWN
        if kind == "generic_type":
            base, listed = node.child_by_field_name("type"), node.child_by_field_name("type_arguments")
            given = listed.named_children[:_MOST_ARGUMENTS] if listed is not None else []
            arguments = ", ".join(self._write_type(each, depth + 1) for each in given)
            written = self._write_type(base, depth + 1) if base is not None else UNKNOWN
            return f"{written}[{arguments}]" if arguments and written != UNKNOWN else written
        if kind in {"slice_type", "array_type", "implicit_length_array_type"}:
            element = node.child_by_field_name("element")
            return f"list[{self._write_type(element, depth + 1) if element is not None else UNKNOWN}]"
        if kind == "map_type":
            parts = [node.child_by_field_name(field) for field in ("key", "value")]
            written = ", ".join(self._write_type(each, depth + 1) if each is not None else UNKNOWN for each in parts)
            return f"dict[{written}]"
        if kind == "channel_type":
            value = node.child_by_field_name("value")
            return f"chan[{self._write_type(value, depth + 1) if value is not None else UNKNOWN}]"
        if kind == "function_type":
            return self.write_function(node, depth)
        return f"{UNNAMED}{node.start_byte}" if kind == "struct_type" else UNKNOWN

    def write_function(self, node: tree_sitter.Node, depth: int = 0) -> str:
        """Return the type of a function: of its parameters and of its result."""
        taken = [self._write_type(each, depth + 1) for each in list_types(node.child_by_field_name("parameters"))]
        return f"Callable[{', '.join([*taken, self.write_result(node, depth + 1) or UNKNOWN])}]"

    def write_result(self, node: tree_sitter.Node, depth: int = 0) -> str:
        """Return the type of a function's result, a tuple for several; "" for none."""
        result = node.child_by_field_name("result")
        if result is None:
            return ""
        if result.type != "parameter_list":
            found = self._write_type(result, depth)
        else:
            types = [self._write_type(each, depth + 1) for each in list_types(result)]
            found = types[0] if len(types) == 1 else f"tuple[{', '.join(types)}]" if types else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""


def list_types(listed: tree_sitter.Node | None) -> Sequence[tree_sitter.Node]:
    """Return the type of each parameter or result in a list; one for each name."""
    found: list[tree_sitter.Node] = []
    for child in listed.named_children if listed is not None else ():
        type_ = child.child_by_field_name("type")
        if type_ is not None:
            found += [type_] * max(1, len(child.children_by_field_name("name")))
    return found
