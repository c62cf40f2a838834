"""Reading the table of names of a Java file from the nodes that `queries/java.scm` captures.

Constructors are methods named `CONSTRUCTOR`. What a record, an enumeration or a class without a constructor has by
itself is added, too. Start at `TableReader.read`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.languages.java.building import (
    CONSTRUCTOR,
    NOWHERE,
    OBJECT,
    THIS,
    TableBuilder,
    find_label,
)
from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

_INTERFACES = frozenset({"interface_declaration", "annotation_type_declaration"})


class TableReader(TableBuilder):
    """Reads one file."""

    def __init__(self, text: str, data: bytes) -> None:
        super().__init__(text, data)
        self._package = ""
        self._records: dict[int, tuple[Parameter, ...]] = {}  # components by the number of the record
        self._adding = {
            "package": self._set_package,
            "import": self._add_import,
            "class": self._add_class,
            "unnamed_class": self._add_unnamed_class,
            "method": self._add_method,
            "constructor": self._add_constructor,
            "initializer": self._add_initializer,
            "lambda": self._add_lambda,
            "field": self._add_fields,
            "constant": self._add_constant,
            "local": self._add_locals,
            "element": self._add_element,
            "caught": self._add_caught,
            "resource": self._add_resource,
            "pattern": self._add_pattern,
            "block": self._enter_block,
        }

    def read(self, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table made of the captured nodes."""
        order = list(self._adding)
        nodes = [
            (node.start_byte, -node.end_byte, order.index(name), number, node)
            for name, found in captures.items()
            if name in self._adding
            for number, node in enumerate(found)
        ]
        for start, _, place, _, node in sorted(nodes, key=lambda item: item[:4]):
            self._leave(start)
            self._adding[order[place]](node)
        return NameTable.of(self._definitions, self._imports, None, self._package)

    def _enter_block(self, node: tree_sitter.Node) -> None:
        """Note a block or a statement, to whose end the variables that it declares can be used."""
        self._blocks.append(node.end_byte)

    # Packages

    def _set_package(self, node: tree_sitter.Node) -> None:
        """Note the package that the file belongs to."""
        names = [child for child in node.named_children if child.type in {"identifier", "scoped_identifier"}]
        self._package = self._writer.write_class(names[0]) if names else ""

    def _add_import(self, node: tree_sitter.Node) -> None:
        """Add the name that an import binds: a class, a static member, or all names of a package or a class."""
        path = next((child for child in node.named_children if child.type in {"identifier", "scoped_identifier"}), None)
        written = self._writer.write_class(path)
        offset = self._lines.to_code_point(node.start_byte)
        if any(child.type == "asterisk" for child in node.named_children):
            self._imports.append(ImportedName("*", written, 0, "*", offset))
        elif "." in written:
            module, _, name = written.rpartition(".")
            self._imports.append(ImportedName(name, module, 0, name, offset))

    # Classes

    def _add_class(self, node: tree_sitter.Node) -> None:
        """Add a class, an interface, an enumeration or a record, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        if name is None or not (written := self._writer.read(name)):
            return
        generics = self._enter_generics(node, of_class=True)
        modifiers, scope = self._list_modifiers(node, self._scope), self._scope
        kind = "interface" if node.type in _INTERFACES else node.type.partition("_")[0]
        number = self._define(
            Definition(
                written, "class", self._locate(node), name.start_point[0], scope, scope,
                bases=(*self._list_bases(node), OBJECT), decorators=(kind, *modifiers), generics=generics,
                has_bare_members=True, is_public="public" in modifiers, is_inherited="protected" in modifiers,
            ),
            node,
        )  # fmt: skip
        self._add_own_members(node, name, kind, number)

    def _add_own_members(self, node: tree_sitter.Node, name: tree_sitter.Node, kind: str, number: int) -> None:
        """Add the members that a class has without declaring them."""
        written, body = self._writer.read(name), node.child_by_field_name("body")
        declared = {child.type for child in body.named_children} if body is not None else set()
        if kind == "enum":
            self._add_made(name, "values", "public", number, (), static="static", annotation=f"list[{written}]")
            given = (Parameter("name", "positional", "String"),)
            self._add_made(name, "valueOf", "public", number, given, static="static", annotation=written)
        elif kind == "record":
            listed = node.child_by_field_name("parameters")
            self._records[number] = tuple(self._list_parameters(listed))
            children = listed.named_children if listed is not None else []
            labels = {self._writer.read(label): label for child in children if (label := find_label(child))}
            for each in self._records[number]:
                annotation = f"list[{each.annotation}]" if each.kind == "rest" else each.annotation
                label = labels[each.name]
                self._add_variable(label, label, annotation=annotation, modifiers=("private", "final"))
                self._add_made(label, each.name, "public", number, (), annotation=annotation)
            self._add_made(name, CONSTRUCTOR, "public", number, self._records[number])
        elif kind == "class" and "constructor_declaration" not in declared:
            self._add_made(name, CONSTRUCTOR, "public", number, ())

    def _add_unnamed_class(self, node: tree_sitter.Node) -> None:
        """Add the class without a name that an expression or a constant of an enumeration has as its body."""
        around, scope = node.parent, self._scope
        if around is None:
            return
        if around.type == "enum_constant":
            base = self._definitions[scope].name if self._is_class(scope) else ""
        else:
            base = self._writer.write_class(around.child_by_field_name("type"))
        bases = (base, OBJECT) if base else (OBJECT,)
        place, line = self._locate(node), node.start_point[0]
        self._define(Definition("", "class", place, line, NOWHERE, scope, bases=bases, has_bare_members=True), node)

    # Functions

    def _add_method(self, node: tree_sitter.Node) -> None:
        """Add a method, which is then around the nodes inside it."""
        self._enter_generics(node, of_class=False)
        modifiers = self._list_modifiers(node, self._scope)
        written = self._write_declared(node.child_by_field_name("type"), node)
        parameters = self._list_parameters(node.child_by_field_name("parameters"))
        name = self._writer.read(node.child_by_field_name("name"))
        self._make_function(name if self._is_class(self._scope) else "", node, parameters, modifiers, written)

    def _add_constructor(self, node: tree_sitter.Node) -> None:
        """Add a constructor; the short one of a record takes its components, and is known already."""
        self._enter_generics(node, of_class=False)
        modifiers = self._list_modifiers(node, self._scope)
        if node.type == "compact_constructor_declaration":
            self._make_function("", node, list(self._records.get(self._scope, ())), modifiers, "")
            return
        parameters = self._list_parameters(node.child_by_field_name("parameters"))
        self._make_function(CONSTRUCTOR if self._is_class(self._scope) else "", node, parameters, modifiers, "")

    def _add_initializer(self, node: tree_sitter.Node) -> None:
        """Add a block that initialises a class or its objects, as a function without a name."""
        self._make_function("", node, [], ("static",) if node.type == "static_initializer" else (), "")

    def _add_lambda(self, node: tree_sitter.Node) -> None:
        """Add a lambda expression, as a function without a name that has no receiver of its own."""
        self._make_function("", node, self._list_given(node), ("static",), "")
        self._blocks.append(node.end_byte)

    # Variables

    def _add_fields(self, node: tree_sitter.Node) -> None:
        """Add the fields of a declaration in a class."""
        if not self._is_class(self._scope):
            return
        modifiers, type_ = self._list_modifiers(node, self._scope), node.child_by_field_name("type")
        for each in node.children_by_field_name("declarator"):
            annotation = self._write_declared(type_, each)
            value = "" if annotation else self._writer.write(each.child_by_field_name("value"))
            self._add_variable(
                each.child_by_field_name("name"), node, annotation=annotation, value=value, modifiers=modifiers
            )

    def _add_constant(self, node: tree_sitter.Node) -> None:
        """Add a constant of an enumeration: a field of its type."""
        if self._is_class(self._scope):
            owner = self._definitions[self._scope].name
            name = node.child_by_field_name("name")
            self._add_variable(name, node, annotation=owner, modifiers=("public", "static", "final"))

    def _add_locals(self, node: tree_sitter.Node) -> None:
        """Add the variables that a statement declares; one with `var` gets the type of its value."""
        type_, until = node.child_by_field_name("type"), self._find_block_end()
        for each in node.children_by_field_name("declarator"):
            annotation = self._write_declared(type_, each)
            value = "" if annotation else self._writer.write(each.child_by_field_name("value"))
            self._add_local(each.child_by_field_name("name"), each, annotation=annotation, value=value, until=until)

    def _add_local(
        self,
        name: tree_sitter.Node | None,
        node: tree_sitter.Node,
        *,
        until: int,
        annotation: str = "",
        value: str = "",
    ) -> None:
        """Add a variable of a function; outside of a function there are none."""
        if self._scope >= 0 and not self._is_class(self._scope):
            self._add_variable(name, node, annotation=annotation, value=value, until=until)

    def _add_element(self, node: tree_sitter.Node) -> None:
        """Add the variable of a loop over elements; one with `var` gets the type of an element."""
        self._blocks.append(node.end_byte)
        name, until = node.child_by_field_name("name"), self._find_block_end()
        annotation = self._write_declared(node.child_by_field_name("type"), node)
        if name is None or self._is_class(self._scope):
            return
        value = "" if annotation else self._writer.write(node.child_by_field_name("value"))
        self._add_variable(name, name, annotation=annotation, value=value, how="element", until=until)

    def _add_caught(self, node: tree_sitter.Node) -> None:
        """Add the variable of a handler."""
        types = next((child for child in node.named_children if child.type == "catch_type"), None)
        annotation, until = self._writer.write_type(types), self._find_block_end()
        self._add_local(node.child_by_field_name("name"), node, annotation=annotation, until=until)

    def _add_resource(self, node: tree_sitter.Node) -> None:
        """Add the variable of a `try` with resources."""
        annotation = self._writer.write_type(node.child_by_field_name("type"))
        value = "" if annotation else self._writer.write(node.child_by_field_name("value"))
        name, until = node.child_by_field_name("name"), self._find_block_end()
        self._add_local(name, node, annotation=annotation, value=value, until=until)

    def _add_pattern(self, node: tree_sitter.Node) -> None:
        """Add the variable of a pattern: what `instanceof` or a branch of `switch` tests the type of."""
        if node.type == "instanceof_expression":
            name, type_ = node.child_by_field_name("name"), node.child_by_field_name("right")
        else:
            kinds = [child for child in node.named_children if child.type != "modifiers"]
            name, type_ = (kinds[1], kinds[0]) if len(kinds) == 2 else (None, None)
        if name is None or name.type != "identifier" or self._writer.read(name) == THIS:
            return
        until = self._lines.to_code_point(self._blocks[-2]) if len(self._blocks) > 1 else self._find_block_end()
        self._add_local(name, node, annotation=self._writer.write_type(type_), until=until)
