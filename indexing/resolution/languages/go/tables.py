"""Reading the table of names of a Go file from the nodes that `queries/go.scm` captures.

The methods of a type are a part of a class (`Definition.part_of`), as they can be in another file than the type. Start
at `TableReader.read`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages.captures import order_captures
from indexing.resolution.languages.go.text import UNNAMED, Writer
from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import tree_sitter

    from indexing.resolution.records import How, ParameterKind

NOWHERE = -2  # parent of what has no name in any scope
_VERSION = re.compile(r"v\d+")
_TWO_RESULTS = frozenset({"index_expression", "unary_expression", "type_assertion_expression"})  # the value, and `ok`


class TableReader:
    """Reads one file; holds what has been found so far."""

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._lines = texts.ByteLines(text, data)
        self._writer = Writer(data)
        self._definitions: list[Definition] = []
        self._imports: list[ImportedName] = []
        self._package = ""
        self._open: list[tuple[int, int]] = []  # end byte and number of the functions around the current node
        self._blocks: list[int] = []  # end bytes of the blocks around it
        self._generics: list[tuple[int, dict[str, str]]] = []  # end byte, and the type parameters before
        self._parts: dict[tuple[str, tuple[str, ...]], int] = {}
        self._named: set[int] = set()  # first bytes of struct types that have a name
        self._switches: list[tuple[int, tree_sitter.Node]] = []  # end byte, and the variable of a switch over types
        self._adding = {
            "package": self._set_package,
            "import": self._add_import,
            "function": self._add_function,
            "method": self._add_method,
            "unnamed": self._add_unnamed,
            "type": self._add_type,
            "alias": self._add_alias,
            "struct": self._add_struct,
            "constants": self._add_constants,
            "variable": self._add_variable,
            "short": self._add_short,
            "range": self._add_range,
            "receive": self._add_short,
            "switch": self._add_switch,
            "case": self._add_case,
            "block": self._enter_block,
        }

    def read(self, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table made of the captured nodes."""
        for name, node in order_captures(captures, self._adding):
            start = node.start_byte
            while self._open and self._open[-1][0] <= start:
                self._open.pop()
            while self._blocks and self._blocks[-1] <= start:
                self._blocks.pop()
            while self._switches and self._switches[-1][0] <= start:
                self._switches.pop()
            while self._generics and self._generics[-1][0] <= start:
                self._writer.generics = self._generics.pop()[1]
            self._adding[name](node)
        return NameTable.of(self._definitions, self._imports, None, self._package)

    # Places

    @property
    def _scope(self) -> int:
        """Number of the innermost function around the current node; -1 for none."""
        return self._open[-1][1] if self._open else -1

    def _locate(self, node: tree_sitter.Node) -> Span:
        """Return the span of a node in code points."""
        return Span(self._lines.to_code_point(node.start_byte), self._lines.to_code_point(node.end_byte))

    def _enter_block(self, node: tree_sitter.Node) -> None:
        """Note a block or a statement, to whose end the variables that it declares can be used."""
        self._blocks.append(node.end_byte)

    def _enter_generics(self, node: tree_sitter.Node) -> tuple[str, ...]:
        """Note the type parameters of a definition, in force until it ends; return their names."""
        listed = node.child_by_field_name("type_parameters")
        if listed is None:
            return ()
        self._generics.append((node.end_byte, self._writer.generics))
        known, names = dict(self._writer.generics), list[str]()
        for child in listed.named_children:
            limit = self._writer.write_type(_unwrap(child.child_by_field_name("type")))
            for name in child.children_by_field_name("name"):
                names.append(self._writer.read(name))
                known[names[-1]] = "" if limit in {"any", "comparable"} else limit
        self._writer.generics = known
        return tuple(names)

    # Packages

    def _set_package(self, node: tree_sitter.Node) -> None:
        """Note the package that the file belongs to."""
        self._package = self._writer.read(node.named_children[0]) if node.named_children else ""

    def _add_import(self, node: tree_sitter.Node) -> None:
        """Add the name of an imported package; without a name of its own, those that its path lets one expect."""
        module = self._writer.read(node.child_by_field_name("path")).strip('"`')
        alias = self._writer.read(node.child_by_field_name("name"))
        offset = self._lines.to_code_point(node.start_byte)
        if not module or alias == "_":
            return
        if alias == ".":
            self._imports.append(ImportedName("*", module, 0, "*", offset))
            return
        for name in (alias,) if alias else list_names(module):
            self._imports.append(ImportedName(name, module, offset=offset))

    # Functions

    def _add_function(self, node: tree_sitter.Node) -> None:
        """Add a function, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        if name is not None:
            self._enter_generics(node)
            self._make_function(self._writer.read(name), node, name.start_point[0], -1)

    def _add_method(self, node: tree_sitter.Node) -> None:
        """Add a method to the part of its receiver's type."""
        name, listed = node.child_by_field_name("name"), node.child_by_field_name("receiver")
        receiver = listed.named_children[0] if listed is not None and listed.named_children else None
        if name is None or receiver is None:
            return
        type_, generics = _unwrap(receiver.child_by_field_name("type")), tuple[str, ...]()
        if type_ is not None and type_.type == "generic_type":
            given = type_.child_by_field_name("type_arguments")
            generics = tuple(self._writer.read(each) for each in (given.named_children if given is not None else ()))
            type_ = type_.child_by_field_name("type")
        owner, place, line = self._writer.read(type_), self._locate(node), name.start_point[0]
        if (owner, generics) not in self._parts:
            self._parts[owner, generics] = len(self._definitions)
            part = Definition(owner, "class", place, line, NOWHERE, part_of=owner, generics=generics)
            self._definitions.append(part)
        first = Parameter(self._writer.read(receiver.child_by_field_name("name")), "receiver")
        self._make_function(self._writer.read(name), node, line, self._parts[owner, generics], first)

    def _add_unnamed(self, node: tree_sitter.Node) -> None:
        """Add a function without a name."""
        self._make_function("", node, node.start_point[0], NOWHERE)

    def _make_function(self, name: str, node: tree_sitter.Node, line: int, parent: int, *first: Parameter) -> None:
        """Add a function with its parameters, after the receiver `first`, and its named results."""
        parameters = self._list_parameters(node.child_by_field_name("parameters"))
        number = len(self._definitions)
        made = Definition(
            name, "function", self._locate(node), line, parent, self._scope,
            parameters=(*first, *parameters), annotation=self._writer.write_result(node), is_public=name[:1].isupper(),
        )  # fmt: skip
        self._definitions.append(made)
        self._open.append((node.end_byte, number))
        result = node.child_by_field_name("result")
        for child in result.named_children if result is not None and result.type == "parameter_list" else ():
            variable = _make_variable(annotation=self._writer.write_type(child.child_by_field_name("type")))
            for label in child.children_by_field_name("name"):
                self._add_named(label, child, variable)

    def _list_parameters(self, listed: tree_sitter.Node | None) -> list[Parameter]:
        """Return the parameters in a list; those without a name are called by their number."""
        found: list[Parameter] = []
        for child in listed.named_children if listed is not None else ():
            if child.type == "comment":
                continue
            kind: ParameterKind = "rest" if child.type == "variadic_parameter_declaration" else "positional"
            annotation = self._writer.write_type(child.child_by_field_name("type"))
            names = [self._writer.read(each) for each in child.children_by_field_name("name")]
            found += [Parameter(name, kind, annotation) for name in names or [f"_{len(found)}"]]
        return found

    # Types

    def _add_type(self, node: tree_sitter.Node) -> None:
        """Add a type: its fields, the methods of an interface, or what it is made of."""
        name, type_ = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is None or type_ is None:
            return
        generics, number = self._enter_generics(node), len(self._definitions)
        label = self._writer.read(name)
        made = Definition(
            label, "class", self._locate(node), name.start_point[0], self._scope, self._scope, generics=generics,
            is_public=label[:1].isupper(),
        )  # fmt: skip
        self._definitions.append(made)
        if type_.type == "struct_type":
            self._named.add(type_.start_byte)
            self._add_fields(type_, number)
        elif type_.type == "interface_type":
            self._add_methods(type_, number)
        elif base := self._writer.write_type(type_):
            self._definitions[number] = replace(made, bases=(base,))

    def _add_struct(self, node: tree_sitter.Node) -> None:
        """Add a struct type without a name."""
        if node.start_byte not in self._named:
            name, number = f"{UNNAMED}{node.start_byte}", len(self._definitions)
            place = (self._locate(node), node.start_point[0], self._scope, self._scope)
            self._definitions.append(Definition(name, "class", *place))
            self._add_fields(node, number)

    def _add_fields(self, struct: tree_sitter.Node, owner: int) -> None:
        """Add the fields of a struct; the types that it embeds are its base classes, too."""
        bases: list[str] = []
        for child in (field for listed in struct.named_children for field in listed.named_children):
            type_ = child.child_by_field_name("type")
            if child.type != "field_declaration" or type_ is None:
                continue
            annotation = self._writer.write_type(type_)
            names: Iterable[tree_sitter.Node] = child.children_by_field_name("name")
            if not names and annotation:
                bases.append(annotation)
                names = [_find_last_name(type_)]
            for name in names:
                self._add_member(name, child, owner, annotation)
        if bases:
            self._definitions[owner] = replace(self._definitions[owner], bases=tuple(bases))

    def _add_member(self, name: tree_sitter.Node, node: tree_sitter.Node, owner: int, annotation: str) -> None:
        """Add a field of the type with the number `owner`."""
        label = self._writer.read(name)
        place = (self._locate(node), name.start_point[0], owner, self._scope)
        public = label[:1].isupper()
        self._definitions.append(Definition(label, "variable", *place, annotation=annotation, is_public=public))

    def _add_methods(self, interface: tree_sitter.Node, owner: int) -> None:
        """Add the methods of an interface; the interfaces that it embeds are its base classes."""
        bases: list[str] = []
        for child in interface.named_children:
            name = child.child_by_field_name("name")
            if child.type == "method_elem" and name is not None:
                label = self._writer.read(name)
                parameters = self._list_parameters(child.child_by_field_name("parameters"))
                place = (self._locate(child), name.start_point[0], owner, self._scope)
                self._definitions.append(
                    Definition(
                        label, "function", *place, parameters=(Parameter("", "receiver"), *parameters),
                        annotation=self._writer.write_result(child), is_public=label[:1].isupper(),
                    )
                )  # fmt: skip
            elif child.type == "type_elem" and (base := self._writer.write_type(child)):
                bases.append(base)
        self._definitions[owner] = replace(self._definitions[owner], bases=tuple(bases))

    def _add_alias(self, node: tree_sitter.Node) -> None:
        """Add another name of a type."""
        value = self._writer.write_type(node.child_by_field_name("type"))
        self._add_named(node.child_by_field_name("name"), node, _make_variable(value))

    # Variables

    def _add_named(self, name: tree_sitter.Node | None, node: tree_sitter.Node, made: Definition) -> None:
        """Add a variable with the name in `name`, declared by `node`."""
        label = self._writer.read(name)
        if name is None or name.type not in {"identifier", "type_identifier"} or label == "_":
            return
        scope, until = self._scope, -1
        if self._blocks and scope >= 0:
            until = self._lines.to_code_point(self._blocks[-1])
        self._definitions.append(
            replace(
                made, name=label, span=self._locate(node), line=name.start_point[0], parent=scope, scope=scope,
                until=until, is_public=label[:1].isupper(),
            )
        )  # fmt: skip

    def _add_constants(self, node: tree_sitter.Node) -> None:
        """Add the constants of a declaration; one without type and value has the type of the one before it."""
        annotation = ""
        for child in node.named_children:
            if child.type != "const_spec":
                continue
            value = child.child_by_field_name("value")
            if value is not None or child.child_by_field_name("type") is not None:
                annotation = self._writer.write_type(child.child_by_field_name("type"))
            values = value.named_children if value is not None else []
            for number, name in enumerate(child.children_by_field_name("name")):
                written = self._writer.write(values[number]) if number < len(values) else ""
                if name.type == "identifier":
                    self._add_named(name, child, _make_variable(written, annotation=annotation))

    def _add_variable(self, node: tree_sitter.Node) -> None:
        """Add the variables of `var a, b A = x, y`."""
        annotation = self._writer.write_type(node.child_by_field_name("type"))
        names = [each for each in node.children_by_field_name("name") if each.is_named]
        self._add_values(names, node.child_by_field_name("value"), node, annotation)

    def _add_short(self, node: tree_sitter.Node) -> None:
        """Add the variables of `a, b := x, y`."""
        left = node.child_by_field_name("left")
        if left is not None and any(child.type == ":=" for child in node.children):
            self._add_values(left.named_children, node.child_by_field_name("right"), node, "")

    def _add_values(
        self, names: Sequence[tree_sitter.Node], right: tree_sitter.Node | None, node: tree_sitter.Node, annotation: str
    ) -> None:
        """Add variables: each gets a value of its own, or all get the results of one call."""
        is_list = right is not None and right.type == "expression_list"
        values = [] if right is None else right.named_children if is_list else [right]
        single = len(values) == 1 and len(names) > 1
        for number, name in enumerate(names):
            if annotation or not values or (number and single and values[0].type in _TWO_RESULTS):
                made = _make_variable(annotation=annotation)
            elif single:
                made = _make_variable(self._writer.write(values[0]))
                if values[0].type not in _TWO_RESULTS:
                    made = replace(made, component=number)
            else:
                made = _make_variable(self._writer.write(values[number]) if number < len(values) else "")
            self._add_named(name, node, made)

    def _add_range(self, node: tree_sitter.Node) -> None:
        """Add the variables of a loop: a key and an element, or what a channel gives."""
        left, right = node.child_by_field_name("left"), self._writer.write(node.child_by_field_name("right"))
        names = left.named_children if left is not None and any(each.type == ":=" for each in node.children) else []
        for number, name in enumerate(names[:2]):
            key = f"{right}.__key()" if right else ""
            self._add_named(name, node, _make_variable(right, how="element") if number else _make_variable(key))

    def _add_switch(self, node: tree_sitter.Node) -> None:
        """Add the variable of a switch over types."""
        self._enter_block(node)
        alias = node.child_by_field_name("alias")
        if alias is not None and alias.named_children:
            name = alias.named_children[0]
            self._switches.append((node.end_byte, name))
            self._add_named(name, node, _make_variable(self._writer.write(node.child_by_field_name("value"))))

    def _add_case(self, node: tree_sitter.Node) -> None:
        """Add that the variable of a switch over types has the only type of this case."""
        self._enter_block(node)
        types = node.children_by_field_name("type")
        if self._switches and len(types) == 1 and (annotation := self._writer.write_type(types[0])):
            self._add_named(self._switches[-1][1], node, _make_variable(annotation=annotation))


def list_names(module: str) -> tuple[str, ...]:
    """Return the names that a package with the path `module` can have: by custom, the last part of its path."""
    parts = [part for part in module.split("/") if part]
    if len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        del parts[-1]
    last = re.sub(r"\.v\d+$", "", parts[-1]) if parts else ""
    if last.isidentifier():
        return (last,)
    pieces = [piece for piece in re.split(r"[-.]", last) if piece and piece != "go"]
    names = ["".join(pieces), *pieces, "_".join(pieces)]
    return tuple(dict.fromkeys(name for name in names if name.isidentifier()))


def _unwrap(node: tree_sitter.Node | None) -> tree_sitter.Node | None:
    """Return the type inside parentheses, pointers and constraints with one element."""
    while node is not None and node.type in {"pointer_type", "parenthesized_type", "type_constraint"}:
        node = node.named_children[0] if len(node.named_children) == 1 else None
    return node


def _find_last_name(node: tree_sitter.Node) -> tree_sitter.Node:
    """Return the name of an embedded type, without package and type arguments."""
    inner = _unwrap(node) or node
    if inner.type == "generic_type":
        inner = inner.child_by_field_name("type") or inner
    return inner.child_by_field_name("name") or inner


def _make_variable(value: str = "", *, annotation: str = "", how: How = "value") -> Definition:
    """Return the definition of a variable whose name and place are not known yet."""
    return Definition("", "variable", Span(0, 0), 0, annotation=annotation, value=value, how=how)
