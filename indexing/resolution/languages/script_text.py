"""Expressions and types of TypeScript and JavaScript, rewritten in the notation that `expressions.parse` reads.

A type `A<B>` becomes `A[B]`, `A[]` becomes `list[A]`; an expression `new A(b)` becomes `A(b)`, `a?.b!` becomes `a.b`,
`a as A` becomes `__cast(A, a)`. What no type can follow becomes `?`. Start at `Writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

UNKNOWN = "?"
CAST = "__cast"  # no name of a program: the first argument is the type of the result
GIVEN = "__given_"  # likewise, with two numbers after it: returns what its argument gives to a callback
LONGEST = 600  # characters of an expression or type that a table keeps
_DEEPEST = 20
_MOST_ARGUMENTS = 8
_ARRAYS = {"Array", "ReadonlyArray"}
_SAME = frozenset({"parenthesized_expression", "non_null_expression", "satisfies_expression", "parenthesized_type"})
_PLAIN = frozenset({"readonly_type", "optional_type", "rest_type", "type_annotation", "infer_type"})
_NAMES = frozenset(
    {"identifier", "property_identifier", "private_property_identifier", "type_identifier", "this_type", "this",
     "shorthand_property_identifier", "nested_type_identifier", "nested_identifier"}
)  # fmt: skip
_STRINGS = frozenset({"string", "template_string", "template_literal_type"})
_CHOICES = frozenset({"union_type", "intersection_type"})


def read_name(node: tree_sitter.Node | None, data: bytes) -> str:
    """Return a name without the `#` of a private one and without quotes; "" for None and for a computed one."""
    if node is None or node.type == "computed_property_name":
        return ""
    text = data[node.start_byte : node.end_byte].decode(errors="replace")
    return text.lstrip("#").strip("\"'")


class Writer:
    """Rewrites nodes of one file.

    Args:
        data: the file's text in UTF-8.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.generics: dict[str, str] = {}  # type parameters in force, each with the type that it extends, "" for none

    def write(self, node: tree_sitter.Node | None) -> str:
        """Return the expression of `node`; "" for None, and where no type can follow or it is too long."""
        found = self._write(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def write_type(self, node: tree_sitter.Node | None) -> str:
        """Return the type of `node`; "" as for an expression."""
        found = self._write_type(node, 0) if node is not None else ""
        return found if found != UNKNOWN and len(found) <= LONGEST else ""

    def _text(self, node: tree_sitter.Node) -> str:
        """Return the text of a node."""
        return self._data[node.start_byte : node.end_byte].decode(errors="replace")

    def _write(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one for each kind
        """Return the expression of `node`, `UNKNOWN` if no type can follow it."""
        kind = node.type
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in _NAMES:
            return read_name(node, self._data).replace("?", "")
        if kind in _STRINGS:
            return '""'
        if kind in _SAME:
            return self._write(node.named_children[0], depth + 1) if node.named_children else UNKNOWN
        if kind == "super":
            return "super"
        if kind == "member_expression":
            return self._write_member(node, depth)
        if kind in {"call_expression", "new_expression"}:
            called = node.child_by_field_name("function") or node.child_by_field_name("constructor")
            types = node.child_by_field_name("type_arguments") if kind == "new_expression" else None
            return self._write_call(called, types, node.child_by_field_name("arguments"), depth)
        if kind == "subscript_expression":
            base, index = node.child_by_field_name("object"), node.child_by_field_name("index")
            if base is None or index is None or (of := self._write(base, depth + 1)) == UNKNOWN:
                return UNKNOWN
            return f"{of}[{self._text(index) if index.type == 'number' else UNKNOWN}]"
        if kind in {"as_expression", "type_assertion"}:
            children = node.named_children
            if len(children) < 2:
                return self._write(children[0], depth + 1) if children else UNKNOWN
            value, type_ = children[:2] if kind == "as_expression" else children[1::-1]
            type_ = type_.named_children[0] if type_.type == "type_arguments" and type_.named_children else type_
            return self._cast(value, type_, depth)
        if kind == "await_expression":
            inner = self._write(node.named_children[0], depth + 1) if node.named_children else UNKNOWN
            return f"(await {inner})" if inner != UNKNOWN else UNKNOWN
        if kind == "ternary_expression":
            parts = [node.child_by_field_name(field) for field in ("consequence", "alternative")]
            return self._join([part for part in parts if part is not None], " or ", depth)
        if kind == "binary_expression":
            return self._write_binary(node, depth)
        if kind == "assignment_expression":
            right = node.child_by_field_name("right")
            return self._write(right, depth + 1) if right is not None else UNKNOWN
        if kind == "sequence_expression":
            return self._write(node.named_children[-1], depth + 1) if node.named_children else UNKNOWN
        if kind == "array":
            written = [self._write(child, depth + 1) for child in node.named_children[:_MOST_ARGUMENTS]]
            return f"[{', '.join(written)}]"
        return UNKNOWN

    def _write_member(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of `a.b`."""
        base = node.child_by_field_name("object")
        name = read_name(node.child_by_field_name("property"), self._data)
        written = self._write(base, depth + 1) if base is not None else UNKNOWN
        if written == UNKNOWN or not name:
            return UNKNOWN
        return f"{written}.{name}" if not written.startswith("[") else f"({written}).{name}"

    def _write_call(
        self,
        called: tree_sitter.Node | None,
        types: tree_sitter.Node | None,
        arguments: tree_sitter.Node | None,
        depth: int,
    ) -> str:
        """Return the expression of a call, or of creating an instance."""
        written = self._write(called, depth + 1) if called is not None else UNKNOWN
        if written == UNKNOWN or len(written) > LONGEST:
            return UNKNOWN
        if types is not None:
            kinds = [self._write_type(each, depth + 1) for each in types.named_children[:_MOST_ARGUMENTS]]
            written = f"{written}[{', '.join(kinds)}]" if kinds else written
        given = arguments.named_children[:_MOST_ARGUMENTS] if arguments is not None else []
        return f"{written}({', '.join(self._write(each, depth + 4) for each in given if each.type != 'comment')})"

    def _cast(self, value: tree_sitter.Node, type_: tree_sitter.Node, depth: int) -> str:
        """Return the expression of a value with an asserted type."""
        written = self._write_type(type_, depth + 1)
        if written in {UNKNOWN, "const"}:
            return self._write(value, depth + 1)
        return f"{CAST}({written}, {UNKNOWN})"

    def _write_binary(self, node: tree_sitter.Node, depth: int) -> str:
        """Return the expression of two operands: one of both, the second, or unknown."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        mark = self._text(operator) if operator is not None else ""
        if left is None or right is None or mark not in {"||", "??", "&&"}:
            return UNKNOWN
        return self._write(right, depth + 1) if mark == "&&" else self._join([left, right], " or ", depth)

    def _join(self, nodes: list[tree_sitter.Node], mark: str, depth: int) -> str:
        """Return the alternatives of several expressions."""
        written = [text for node in nodes if (text := self._write(node, depth + 1)) != UNKNOWN]
        return written[0] if len(written) == 1 else f"({mark.join(written)})" if written else UNKNOWN

    def _write_type(self, node: tree_sitter.Node, depth: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one for each kind
        """Return the type of `node`, `UNKNOWN` if it says nothing."""
        kind, children = node.type, node.named_children
        if depth > _DEEPEST:
            return UNKNOWN
        if kind in {"type_identifier", "identifier"}:
            name = self._text(node)
            return (self.generics[name] or UNKNOWN) if name in self.generics else name
        if kind in _NAMES:
            return "this" if kind in {"this_type", "this"} else self._text(node).replace(" ", "")
        if kind in _SAME or kind in _PLAIN:
            return self._write_type(children[-1], depth + 1) if children else UNKNOWN
        if kind == "generic_type":
            return self._write_generic(children, depth)
        if kind == "array_type":
            return f"list[{self._write_type(children[0], depth + 1)}]" if children else UNKNOWN
        if kind == "tuple_type":
            parts = [child.child_by_field_name("type") or child for child in children]
            return f"tuple[{', '.join(self._write_type(part, depth + 1) for part in parts)}]"
        if kind in _CHOICES:
            return self._join_types(children, depth)
        if kind in {"function_type", "constructor_type"}:
            result = node.child_by_field_name("return_type") or node.child_by_field_name("type")
            written_result = self._write_type(result, depth + 1) if result is not None else UNKNOWN
            if kind == "constructor_type":
                return f"type[{written_result}]"
            return f"Callable[{', '.join((*self._list_taken(node, depth), written_result))}]"
        if kind in {"type_predicate_annotation", "asserts_annotation", "predefined_type", "literal_type"}:
            return UNKNOWN
        if kind == "type_query":
            return f"type[{self._write(children[0], depth + 1)}]" if children else UNKNOWN
        if kind == "conditional_type":
            branches = (node.child_by_field_name(field) for field in ("consequence", "alternative"))
            return self._join_types([branch for branch in branches if branch is not None], depth)
        return UNKNOWN

    def _join_types(self, nodes: list[tree_sitter.Node], depth: int) -> str:
        """Return the alternatives of several types."""
        written = [text for node in nodes if (text := self._write_type(node, depth + 1)) != UNKNOWN]
        return " | ".join(written) if written else UNKNOWN

    def _list_taken(self, node: tree_sitter.Node, depth: int) -> list[str]:
        """Return the types of the parameters of a function type."""
        listed = node.child_by_field_name("parameters")
        children = [each for each in listed.named_children if each.type != "comment"] if listed is not None else []
        types = [each.child_by_field_name("type") for each in children]
        return [self._write_type(each, depth + 1) if each is not None else UNKNOWN for each in types]

    def _write_generic(self, children: list[tree_sitter.Node], depth: int) -> str:
        """Return the type of `A<B>`."""
        base = self._text(children[0]).replace(" ", "")
        base = "list" if base in _ARRAYS else base
        given = children[1].named_children[:_MOST_ARGUMENTS] if len(children) > 1 else []
        arguments = [self._write_type(each, depth + 1) for each in given]
        return f"{base}[{', '.join(arguments)}]" if arguments else base
