"""A table of a TypeScript or JavaScript file while it is built: open definitions, variables of patterns.

`script_tables.py` says what is added for which node. Start at `TableBuilder`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages.script_text import CAST, UNKNOWN, Writer, read_name
from indexing.resolution.records import Definition, Parameter
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    import tree_sitter

    from indexing.resolution.records import How, ParameterKind

NOWHERE = -2  # parent of a function without a name
THIS = "this"
OBJECT = "Object"  # base of all classes: it has members, and any object can get more


class TableBuilder:
    """Holds what has been found so far in one file."""

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._lines = texts.ByteLines(text, data)
        self._writer = Writer(data)
        self._definitions: list[Definition] = []
        self._open: list[tuple[int, int]] = []  # end byte and number of the definitions around the current node
        self._generics: list[tuple[int, dict[str, str]]] = []  # end byte, and the type parameters before
        self._returns: dict[int, list[str]] = {}
        self._bodies: set[int] = set()  # numbers of functions with a body
        self._homes: set[int] = set()  # first bytes of the bodies whose fields and methods are members

    def _locate(self, node: tree_sitter.Node) -> Span:
        """Return the span of a node in code points."""
        return Span(self._lines.to_code_point(node.start_byte), self._lines.to_code_point(node.end_byte))

    def _read(self, node: tree_sitter.Node, field: str) -> str:
        """Return the name in a field of `node`; "" if there is none."""
        return read_name(node.child_by_field_name(field), self._data)

    @property
    def _scope(self) -> int:
        """Number of the innermost definition around the current node; -1 for none."""
        return self._open[-1][1] if self._open else -1

    def _is_class(self, number: int) -> bool:
        """Return whether a definition is a class."""
        return number >= 0 and self._definitions[number].kind == "class"

    def _define(self, made: Definition, node: tree_sitter.Node) -> int:
        """Add a definition that is around the nodes inside `node`; return its number."""
        self._definitions.append(made)
        self._open.append((node.end_byte, len(self._definitions) - 1))
        return len(self._definitions) - 1

    def _enter_generics(self, node: tree_sitter.Node) -> None:
        """Note the type parameters of a definition, in force until it ends."""
        listed = node.child_by_field_name("type_parameters")
        if listed is None:
            return
        self._generics.append((node.end_byte, self._writer.generics))
        known = dict(self._writer.generics)
        for child in listed.named_children:
            limit = child.child_by_field_name("constraint")
            inner = limit.named_children[-1] if limit is not None and limit.named_children else None
            known[self._read(child, "name")] = self._writer.write_type(inner)
        self._writer.generics = known

    def _make_variable(
        self, type_: tree_sitter.Node | None, value: tree_sitter.Node | None, how: How = "value"
    ) -> Definition:
        """Return a variable with this type and value, whose name and place are not known yet."""
        inner = type_.named_children[0] if type_ is not None and type_.named_children else None
        if inner is not None and inner.type == "type_query":
            value, type_ = inner.named_children[0] if inner.named_children else None, None
        written = self._writer.write_type(type_)
        return Definition("", "variable", Span(0, 0), 0, annotation=written, value=self._writer.write(value), how=how)

    def _add_named(self, name: tree_sitter.Node, node: tree_sitter.Node, made: Definition) -> None:
        """Add a variable with the name in `name`, defined by `node`."""
        if written := read_name(name, self._data):
            scope = self._scope
            self._definitions.append(
                replace(
                    made, name=written, span=self._locate(node), line=name.start_point[0], parent=scope, scope=scope
                )
            )

    def _add_pattern(self, left: tree_sitter.Node | None, node: tree_sitter.Node, made: Definition) -> None:
        """Add the variables that the pattern `left` binds in `node`."""
        if left is None:
            return
        if left.type in {"assignment_pattern", "object_assignment_pattern"}:
            self._add_pattern(left.child_by_field_name("left"), node, made)
        elif left.type == "array_pattern" and made.component < 0:
            for number, child in enumerate(left.named_children):
                self._add_pattern(child, node, replace(made, component=number))
        elif left.type == "object_pattern" and (made.value or made.annotation) and made.how == "value":
            for child in left.named_children:
                pair = child.type == "pair_pattern"
                target = child.child_by_field_name("value") if pair else child
                key = child.child_by_field_name("key") if pair else child.child_by_field_name("left") or child
                member = read_name(key, self._data)
                base = f"{CAST}({made.annotation}, {UNKNOWN})" if made.annotation else made.value
                self._add_pattern(
                    target, node, replace(made, annotation="", value=f"{base}.{member}" if member else "")
                )
        elif left.type in {"identifier", "shorthand_property_identifier_pattern"}:
            self._add_named(left, node, made)

    def _list_parameters(self, function: tree_sitter.Node) -> list[Parameter]:
        """Return the parameters of a function; names in a pattern are variables of the function instead."""
        single = function.child_by_field_name("parameter")
        if single is not None:
            return [Parameter(read_name(single, self._data))]
        found: list[Parameter] = []
        listed = function.child_by_field_name("parameters")
        for child in listed.named_children if listed is not None else ():
            pattern = child.child_by_field_name("pattern") or child.child_by_field_name("left") or child
            if child.type == "comment" or pattern.type == THIS:
                continue
            kind: ParameterKind = "positional"
            if pattern.type == "rest_pattern":
                kind, pattern = "rest", pattern.named_children[0] if pattern.named_children else pattern
            default = child.child_by_field_name("value") or child.child_by_field_name("right")
            written = self._writer.write(default)
            if child.type == "optional_parameter" and not written:
                written = "undefined"
            name = read_name(pattern, self._data) if pattern.type == "identifier" else f"_{len(found)}"
            annotation = self._writer.write_type(child.child_by_field_name("type"))
            if kind == "rest":
                annotation = annotation.removeprefix("list[").removesuffix("]") if annotation[:5] == "list[" else ""
            found.append(Parameter(name, kind, annotation, written))
        return found

    def _list_bases(self, node: tree_sitter.Node) -> list[str]:
        """Return what a class or interface extends and implements, as expressions."""
        found: list[str] = []
        for child in node.children:
            clauses = child.named_children if child.type == "class_heritage" else [child]
            for clause in clauses:
                if clause.type == "extends_clause":
                    found.append(self._writer.write(clause.child_by_field_name("value")))
                elif clause.type in {"implements_clause", "extends_type_clause"}:
                    found += [self._writer.write_type(each).partition("[")[0] for each in clause.named_children]
                elif child.type == "class_heritage":
                    found.append(self._writer.write(clause))
        return [each for each in found if each]
