"""Reading the table of names of a Rust file from the nodes that `queries/rust.scm` captures.

An `impl` block is a part of a class (`Definition.part_of`), an inline module a class that is open, a module in another
file an import. Start at `TableReader.read`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages.captures import order_captures
from indexing.resolution.languages.rust.building import FIELD, NOWHERE, TableBuilder, make_variable
from indexing.resolution.languages.rust.text import GIVEN
from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

TRAIT = "trait"  # decorator of a trait and of its `impl`
OBJECT = "__object"  # base of all types: traits in other files can add methods to any
_MOST_ARGUMENTS = 20  # of a call, among which closures are looked for


class TableReader(TableBuilder):
    """Reads one file."""

    def __init__(self, text: str, data: bytes) -> None:
        super().__init__(text, data)
        self._given: dict[int, tuple[str, int]] = {}  # callee and argument number by the first byte of a closure
        self._matches: list[tuple[int, str]] = []  # end byte and value of the matches around the current node
        self._adding = {
            "use": self._add_use,
            "extern": self._add_extern,
            "module": self._add_module,
            "function": self._add_function,
            "giving": self._note_given,
            "unnamed": self._add_unnamed,
            "struct": self._add_struct,
            "enum": self._add_enum,
            "trait": self._add_trait,
            "impl": self._add_impl,
            "alias": self._add_alias,
            "constant": self._add_constant,
            "let": self._add_let,
            "for": self._add_for,
            "match": self._enter_match,
            "arm": self._add_arm,
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
            while self._matches and self._matches[-1][0] <= start:
                self._matches.pop()
            while self._generics and self._generics[-1][0] <= start:
                self._writer.generics = self._generics.pop()[1]
            self._adding[name](node)
        return NameTable.of(self._definitions, self._imports, None)

    def _enter_block(self, node: tree_sitter.Node) -> None:
        """Note a block or an expression, to whose end the variables that it declares can be used."""
        self._blocks.append(node.end_byte)

    # Modules

    def _add_extern(self, node: tree_sitter.Node) -> None:
        """Add the name of `extern crate a as b`."""
        name = self._writer.read(node.child_by_field_name("name"))
        alias = self._writer.read(node.child_by_field_name("alias")) or name
        self._bind(ImportedName(alias, name, offset=self._lines.to_code_point(node.start_byte)), public=False)

    def _add_module(self, node: tree_sitter.Node) -> None:
        """Add a module: one in another file as an import, an inline one as an open class."""
        name = node.child_by_field_name("name")
        if name is None:
            return
        label, public = self._writer.read(name), self._is_public(node)
        if node.child_by_field_name("body") is None:
            offset = self._lines.to_code_point(node.start_byte)
            self._bind(ImportedName(label, f"self.{label}", offset=offset), public=public)
            return
        place = (self._locate(node), name.start_point[0], self._scope, self._scope)
        self._define(Definition(label, "class", *place, is_open=True, is_public=public), node)

    # Functions

    def _add_function(self, node: tree_sitter.Node) -> None:
        """Add a function or a method, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        if name is not None:
            public = self._is_public(node)
            self._enter_generics(node)
            self._make_function(self._writer.read(name), node, name.start_point[0], self._scope, public=public)

    def _note_given(self, node: tree_sitter.Node) -> None:
        """Note the call whose arguments closures are."""
        listed = node.child_by_field_name("arguments")
        callee = self._writer.write(node.child_by_field_name("function"))
        for number, child in enumerate(listed.named_children[:_MOST_ARGUMENTS] if listed is not None else ()):
            if child.type == "closure_expression" and callee:
                self._given[child.start_byte] = (callee, number)

    def _add_unnamed(self, node: tree_sitter.Node) -> None:
        """Add a closure."""
        self._make_function("", node, node.start_point[0], NOWHERE, public=False)

    def _make_function(self, name: str, node: tree_sitter.Node, line: int, parent: int, *, public: bool) -> None:
        """Add a function with its parameters; names in a pattern are variables of the function instead."""
        listed = node.child_by_field_name("parameters")
        patterns: list[tuple[tree_sitter.Node, Definition]] = []
        callee, argument = self._given.get(node.start_byte, ("", 0))
        parameters: list[Parameter] = []
        for child in listed.named_children if listed is not None else ():
            if child.type == "self_parameter":
                parameters.append(Parameter("self", "receiver"))
                continue
            pattern = child.child_by_field_name("pattern") if child.type == "parameter" else child
            if pattern is None or child.type in {"attribute_item", "line_comment", "block_comment"}:
                continue
            annotation = self._writer.write_type(child.child_by_field_name("type"))
            place = len(parameters)
            given = f"{GIVEN}{argument}_{place}({callee})" if callee and not annotation else ""
            while pattern.type in {"reference_pattern", "ref_pattern", "mut_pattern"} and pattern.named_children:
                pattern = pattern.named_children[-1]
            if pattern.type == "identifier":
                parameters.append(Parameter(self._writer.read(pattern), "positional", annotation, given))
            else:
                parameters.append(Parameter(f"_{place}", "positional", annotation, given))
                patterns.append((pattern, make_variable(given, annotation=annotation)))
        made = Definition(
            name, "function", self._locate(node), line, parent, self._scope, parameters=tuple(parameters),
            annotation=self._writer.write_type(node.child_by_field_name("return_type")), is_public=public,
        )  # fmt: skip
        self._define(made, node)
        self._blocks.append(node.end_byte)
        for pattern, variable in patterns:
            self._add_pattern(pattern, pattern, variable)

    # Types

    def _add_struct(self, node: tree_sitter.Node) -> None:
        """Add a struct or a union with its fields."""
        number = self._add_class(node)
        if number >= 0:
            self._add_members(node.child_by_field_name("body"), number, public=False)
            self._open.pop()

    def _add_class(self, node: tree_sitter.Node, decorators: tuple[str, ...] = (), bases: Sequence[str] = ()) -> int:
        """Add a type, which is then around the nodes inside it; return its number, -1 if it has no name."""
        name = node.child_by_field_name("name")
        if name is None:
            return -1
        generics, public = self._enter_generics(node), self._is_public(node)
        made = Definition(
            self._writer.read(name), "class", self._locate(node), name.start_point[0], self._scope, self._scope,
            bases=(*bases, OBJECT), decorators=decorators, generics=generics, is_public=public,
        )  # fmt: skip
        return self._define(made, node)

    def _add_members(self, body: tree_sitter.Node | None, owner: int, *, public: bool) -> None:
        """Add the fields of a type: by name, or by number; all of them are visible if `public`."""
        numbered, visible = 0, public
        for child in body.named_children if body is not None else ():
            if child.type == "visibility_modifier":
                visible = True
                continue
            label = child.child_by_field_name("name")
            is_field = child.type == "field_declaration"
            if not is_field and (body is None or body.type != "ordered_field_declaration_list"):
                continue
            if not is_field and child.type in {"attribute_item", "line_comment", "block_comment"}:
                continue
            name = self._writer.read(label) if is_field else str(numbered)
            type_ = child.child_by_field_name("type") if is_field else child
            place = (self._locate(child), (label or child).start_point[0], owner, owner)
            seen = visible or (is_field and self._is_public(child))
            annotation = self._writer.write_type(type_)
            self._definitions.append(
                Definition(name, "variable", *place, annotation=annotation, decorators=(FIELD,), is_public=seen)
            )
            numbered, visible = numbered + 1, public

    def _add_enum(self, node: tree_sitter.Node) -> None:
        """Add an enumeration: variants with fields are classes that it is a base of, others are its values."""
        owner, body = self._add_class(node), node.child_by_field_name("body")
        if owner < 0:
            return
        name = self._definitions[owner].name
        for child in body.named_children if body is not None else ():
            label = child.child_by_field_name("name")
            if child.type != "enum_variant" or label is None:
                continue
            fields, place = child.child_by_field_name("body"), (self._locate(child), label.start_point[0], owner, owner)
            made = Definition(self._writer.read(label), "variable", *place, is_public=True)
            if fields is None:
                self._definitions.append(replace(made, annotation=name))
                continue
            self._definitions.append(replace(made, kind="class", bases=(name,)))
            self._add_members(fields, len(self._definitions) - 1, public=True)
        self._open.pop()

    def _add_trait(self, node: tree_sitter.Node) -> None:
        """Add a trait; those that it requires are its base classes."""
        bounds = node.child_by_field_name("bounds")
        required = [self._writer.write_type(each) for each in (bounds.named_children if bounds is not None else ())]
        bases = [each.partition("[")[0] for each in required if each and each[0].isidentifier()]
        number = self._add_class(node, (TRAIT,), bases)
        if number >= 0:
            self._definitions[number] = replace(self._definitions[number], is_public=True)

    def _add_impl(self, node: tree_sitter.Node) -> None:
        """Add the part of a type that an `impl` block is; the trait is its base class."""
        self._enter_generics(node)
        trait, type_ = node.child_by_field_name("trait"), node.child_by_field_name("type")
        written = self._writer.write_type(type_)
        head = written.partition("[")[0]
        listed = type_.child_by_field_name("type_arguments") if type_ is not None else None
        given = [self._writer.read(each) for each in (listed.named_children if listed is not None else ())]
        path = self._writer.write_path(trait) if trait is not None else ""
        bases = [path] if path else []
        if path.rpartition(".")[2] in {"Deref", "DerefMut"}:
            bases += [target for target in (self._find_target(node),) if target]
        name = head.rpartition(".")[2]
        made = Definition(
            name or "_", "class", self._locate(node), node.start_point[0], NOWHERE, self._scope,
            bases=tuple(bases), decorators=(TRAIT,) if trait is not None else (), is_public=trait is not None,
            generics=tuple(name for name in given if not name.startswith("'")), part_of=head,
        )  # fmt: skip
        self._define(made, node)

    def _find_target(self, node: tree_sitter.Node) -> str:
        """Return the type that an `impl` of `Deref` names as its target, without arguments; "" for none."""
        body = node.child_by_field_name("body")
        for child in body.named_children if body is not None else ():
            if child.type == "type_item" and self._writer.read(child.child_by_field_name("name")) == "Target":
                return self._writer.write_type(child.child_by_field_name("type")).partition("[")[0]
        return ""

    def _add_alias(self, node: tree_sitter.Node) -> None:
        """Add another name of a type, or a type that belongs to a trait."""
        name, type_ = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is None:
            return
        place = (self._locate(node), name.start_point[0], self._scope, self._scope)
        written = self._writer.write_type(type_ or node.child_by_field_name("bounds"))
        made = Definition(self._writer.read(name), "variable", *place, value=written, is_public=self._is_public(node))
        self._definitions.append(made)

    # Variables

    def _add_constant(self, node: tree_sitter.Node) -> None:
        """Add a constant or a static variable."""
        name = node.child_by_field_name("name")
        if name is not None:
            place = (self._locate(node), name.start_point[0], self._scope, self._scope)
            annotation = self._writer.write_type(node.child_by_field_name("type"))
            label, public = self._writer.read(name), self._is_public(node)
            self._definitions.append(Definition(label, "variable", *place, annotation=annotation, is_public=public))

    def _add_let(self, node: tree_sitter.Node) -> None:
        """Add the variables of `let a: A = b`, or of `if let Some(a) = b`."""
        annotation = self._writer.write_type(node.child_by_field_name("type"))
        value = "" if annotation else self._writer.write(node.child_by_field_name("value"))
        self._add_pattern(node.child_by_field_name("pattern"), node, make_variable(value, annotation=annotation))

    def _add_for(self, node: tree_sitter.Node) -> None:
        """Add the variables of a loop."""
        self._enter_block(node)
        pattern, value = node.child_by_field_name("pattern"), self._writer.write(node.child_by_field_name("value"))
        if pattern is not None:
            self._add_pattern(pattern, pattern, make_variable(value, how="element"))

    def _enter_match(self, node: tree_sitter.Node) -> None:
        """Note the value that the arms of a match look at."""
        self._matches.append((node.end_byte, self._writer.write(node.child_by_field_name("value"))))

    def _add_arm(self, node: tree_sitter.Node) -> None:
        """Add the variables of an arm of a match."""
        self._enter_block(node)
        pattern = node.child_by_field_name("pattern")
        if self._matches and pattern is not None:
            self._add_pattern(pattern, pattern, make_variable(self._matches[-1][1]))
