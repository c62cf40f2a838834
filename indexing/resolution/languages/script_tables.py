"""Reading the table of names of a TypeScript or JavaScript file from the nodes that the language's query captures.

What a file exports under another name, and its default export, are imports of the file from itself (module ""). Start
at `TableReader.read`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages import script_exports
from indexing.resolution.languages.captures import order_captures
from indexing.resolution.languages.script_building import NOWHERE, OBJECT, THIS, TableBuilder
from indexing.resolution.languages.script_text import GIVEN, read_name
from indexing.resolution.records import Definition, NameTable, Parameter
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution.records import ParameterKind

MOST_RETURNS = 4  # of a function
CONSTRUCTOR = "constructor"
_MOST_ARGUMENTS = 20  # of a call, among which a function is looked for
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function"})


class TableReader(TableBuilder):
    """Reads one file."""

    def __init__(self, text: str, data: bytes) -> None:
        super().__init__(text, data)
        self._exports = script_exports.ExportReader(data, self._locate)
        self._members: dict[int, set[str]] = {}  # names by the number of what they belong to
        self._listed = 0  # definitions whose names are in `_members`
        self._adding = {
            "import": self._exports.add_import,
            "export": self._add_export,
            "function": self._add_function,
            "method": self._add_method,
            "unnamed": self._add_unnamed,
            "class": self._add_class,
            "type": self._add_type,
            "field": self._add_field,
            "variable": self._add_variable,
            "assignment": self._add_assignment,
            "return": self._add_return,
            "element": self._add_elements,
            "narrowing": self._add_narrowing,
        }

    def read(self, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table made of the captured nodes."""
        for name, node in order_captures(captures, self._adding):
            start = node.start_byte
            while self._open and self._open[-1][0] <= start:
                self._open.pop()
            while self._generics and self._generics[-1][0] <= start:
                self._writer.generics = self._generics.pop()[1]
            self._adding[name](node)
        made = [
            replace(each, returns=tuple(self._returns[number])) if number in self._returns else each
            for number, each in enumerate(self._definitions)
        ]
        self._join_overloads(made)
        return NameTable.of(made, self._exports.imports, self._exports.list_exported())

    # Functions

    def _add_function(self, node: tree_sitter.Node) -> None:
        """Add a function, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        if name is not None:
            self._make_function(read_name(name, self._data), node, node, name.start_point[0])

    def _add_method(self, node: tree_sitter.Node) -> None:
        """Add a method: under its name in a class, an interface, an object type or a variable's object, else without.

        Also adds the fields that the parameters of a class's constructor declare.
        """
        label, home = node.child_by_field_name("name"), node.parent
        name = read_name(label, self._data)
        if label is None or home is None or home.start_byte not in self._homes:
            name = ""
        around = self._scope
        number = self._make_function(name, node, node, (label or node).start_point[0])
        if name == CONSTRUCTOR and self._is_class(around):
            listed = node.child_by_field_name("parameters")
            for child in listed.named_children if listed is not None else ():
                if any(each.type in {"accessibility_modifier", "readonly"} for each in child.children):
                    self._add_parameter_property(child, around, number)

    def _add_parameter_property(self, node: tree_sitter.Node, owner: int, scope: int) -> None:
        """Add the field that a parameter of a constructor declares."""
        pattern = node.child_by_field_name("pattern")
        made = self._make_variable(node.child_by_field_name("type"), node.child_by_field_name("value"))
        if pattern is not None and pattern.type == "identifier":
            name, span = read_name(pattern, self._data), self._locate(node)
            self._definitions.append(
                replace(
                    made, name=name, span=span, line=pattern.start_point[0], parent=owner, scope=scope, of_self=True
                )
            )

    def _add_unnamed(self, node: tree_sitter.Node) -> None:
        """Add a function that is an expression: under the name that it is given, or without a name."""
        around = node.parent
        if around is not None and around.type in {"public_field_definition", "field_definition"}:
            name = around.child_by_field_name("name") or around.child_by_field_name("property")
        elif around is not None and around.type in {"variable_declarator", "pair"}:
            name = around.child_by_field_name("name") or around.child_by_field_name("key")
            if around.type == "pair" and (around.parent is None or around.parent.start_byte not in self._homes):
                name = None
        elif around is not None and around.type == "assignment_expression":
            left = around.child_by_field_name("left")
            target = script_exports.find_exported(left, self._data) if left is not None else ""
            if target:
                self._make_function(target, around, node, around.start_point[0])
                self._exports.add_exported(target)
                return
            name = None
        elif around is not None and around.type == "export_statement":
            self._make_function("default", around, node, around.start_point[0])
            self._exports.add_exported("default")
            return
        else:
            name = None
        if name is not None and name.type not in {"object_pattern", "array_pattern"} and around is not None:
            self._make_function(read_name(name, self._data), around, node, name.start_point[0])
        else:
            self._make_function("", node, node, node.start_point[0], self._find_argument(node))

    def _find_argument(self, node: tree_sitter.Node) -> tuple[str, int]:
        """Return the callee that a function is an argument of, and the argument's number; ("", 0) for none."""
        around = node.parent
        call = around.parent if around is not None and around.type == "arguments" else None
        if around is None or call is None:
            return "", 0
        called = call.child_by_field_name("function") or call.child_by_field_name("constructor")
        given = [child for child in _list_first(around) if child.type != "comment"]
        return self._writer.write(called) if node in given else "", given.index(node) if node in given else 0

    def _make_function(
        self, name: str, node: tree_sitter.Node, function: tree_sitter.Node, line: int, given: tuple[str, int] = ("", 0)
    ) -> int:
        """Add the function `function`, defined by `node`; return its number.

        `given` is the callee that the function is an argument of, and the argument's number.
        """
        around = self._scope
        self._enter_generics(function)
        parameters = self._list_parameters(function)
        callee, argument = given
        for place, each in enumerate(parameters[:4] if callee else ()):
            if not each.annotation and not each.default:
                parameters[place] = replace(each, default=f"{GIVEN}{argument}_{place}({callee})")
        modifiers = {child.type for child in node.children}
        if self._is_class(around):
            kind: ParameterKind = "class_receiver" if "static" in modifiers else "receiver"
            parameters.insert(0, Parameter(THIS, kind))
        result = function.child_by_field_name("return_type")
        written = self._writer.write_type(result)
        decorators = ("get",) if "get" in modifiers else ()
        number = self._define(
            Definition(
                name, "function", self._locate(node), line, around if name else NOWHERE, around,
                parameters=tuple(parameters), annotation=written, decorators=decorators,
            ),
            node if name else function,
        )  # fmt: skip
        body = function.child_by_field_name("body")
        if body is not None:
            self._bodies.add(number)
            if body.type != "statement_block" and not written and (value := self._writer.write(body)):
                self._returns[number] = [f"{value}"]
        listed = function.child_by_field_name("parameters")
        for child in listed.named_children if listed is not None else ():
            pattern = child.child_by_field_name("pattern") or child.child_by_field_name("left")
            if pattern is not None and pattern.type == "object_pattern":
                default = child.child_by_field_name("value") or child.child_by_field_name("right")
                self._add_pattern(pattern, child, self._make_variable(child.child_by_field_name("type"), default))
        return number

    def _add_return(self, node: tree_sitter.Node) -> None:
        """Note a returned expression, if the function around it has no annotation."""
        number = next((each for _, each in reversed(self._open) if self._definitions[each].kind == "function"), -1)
        if number >= 0 and not self._definitions[number].annotation and node.named_children:
            found = self._returns.setdefault(number, [])
            if len(found) < MOST_RETURNS and (written := self._writer.write(node.named_children[0])):
                found.append(written)

    def _join_overloads(self, made: list[Definition]) -> None:
        """Give the body's definition of an overloaded function the last result; hide the others, in place."""
        bodies = {(made[number].parent, made[number].name): number for number in sorted(self._bodies, reverse=True)}
        for number, each in enumerate(made):
            body = bodies.get((each.parent, each.name)) if each.kind == "function" else None
            if body is None or number in self._bodies:
                continue
            if not made[body].annotation:
                made[body] = replace(made[body], annotation=each.annotation)
            made[number] = replace(each, parent=NOWHERE)

    # Classes and types

    def _add_class(self, node: tree_sitter.Node) -> None:
        """Add a class, an interface, an enumeration or a namespace, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        around = node.parent
        if name is None and around is not None and around.type == "variable_declarator":
            name = around.child_by_field_name("name")
        written = read_name(name, self._data)
        if around is not None and around.type == "assignment_expression":
            left = around.child_by_field_name("left")
            target = script_exports.find_exported(left, self._data) if left is not None else ""
            if target and written:
                self._exports.add_alias(target, written, node)
            else:
                self._exports.add_exported(target)
                written = written or target
        elif not written and around is not None and around.type == "export_statement":
            written = "default"
            self._exports.add_exported(written)
        self._enter_generics(node)
        parent = self._scope if written else NOWHERE
        made = Definition(
            written, "class", self._locate(node), (name or node).start_point[0], parent, self._scope,
            bases=(*self._list_bases(node), OBJECT),
        )  # fmt: skip
        number = self._define(made, node)
        body = node.child_by_field_name("body")
        if body is not None:
            self._homes.add(body.start_byte)
        if node.type == "enum_declaration" and body is not None:
            for child in body.named_children:
                member = child.child_by_field_name("name") or child
                if label := read_name(member, self._data):
                    place = self._locate(child)
                    self._definitions.append(
                        Definition(label, "variable", place, child.start_point[0], number, number, value=written)
                    )

    def _add_type(self, node: tree_sitter.Node) -> None:
        """Add a type alias: a class if it lists members, else a variable whose value is the type."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or value is None:
            return
        self._enter_generics(node)
        made = Definition(
            read_name(name, self._data), "class", self._locate(node), name.start_point[0], self._scope, self._scope
        )
        parts = value.named_children if value.type in {"intersection_type", "union_type"} else [value]
        if any(part.type == "object_type" for part in parts):
            self._homes.update(part.start_byte for part in parts if part.type == "object_type")
            others = [self._writer.write_type(part) for part in parts if part.type != "object_type"]
            bases = tuple(base for other in others for each in other.split(" | ") if (base := each.partition("[")[0]))
            self._define(replace(made, bases=(*bases, OBJECT)), node)
        else:
            self._definitions.append(replace(made, kind="variable", value=self._writer.write_type(value)))

    def _add_field(self, node: tree_sitter.Node) -> None:
        """Add a field of a class, an interface or an object type, unless it holds a function."""
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        value = node.child_by_field_name("value")
        home = node.parent
        if home is None or home.start_byte not in self._homes or not self._is_class(self._scope) or name is None:
            return
        if value is not None and value.type in _FUNCTIONS:
            return
        self._add_named(name, node, self._make_variable(node.child_by_field_name("type"), value))

    # Variables

    def _add_variable(self, node: tree_sitter.Node) -> None:
        """Add the variables of a declaration that is no loop's; those with a function or a class are added elsewhere.

        If the value requires a module, adds imports instead.
        """
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None or (value is not None and value.type in {*_FUNCTIONS, "class"} and name.type == "identifier"):
            return
        if value is not None and self._exports.add_required(name, value, node):
            return
        around = node.parent.parent if node.parent is not None else None
        if around is not None and around.type == "for_in_statement":
            return
        if value is not None and value.type == "object" and name.type == "identifier" and value.named_children:
            self._add_object(name, value, node)
            return
        self._add_pattern(name, node, self._make_variable(node.child_by_field_name("type"), value))

    def _add_object(self, name: tree_sitter.Node, value: tree_sitter.Node, node: tree_sitter.Node) -> None:
        """Add a variable that is an object: one with a type as a variable, else a class with its properties."""
        type_ = node.child_by_field_name("type")
        if type_ is not None:
            self._add_named(name, node, self._make_variable(type_, None))
            return
        self._homes.add(value.start_byte)
        place, scope = self._locate(node), self._scope
        number = self._define(
            Definition(read_name(name, self._data), "class", place, name.start_point[0], scope, scope, bases=(OBJECT,)),
            node,
        )
        for child in value.named_children:
            key = child if child.type == "shorthand_property_identifier" else child.child_by_field_name("key")
            inner = child if child.type == "shorthand_property_identifier" else child.child_by_field_name("value")
            if key is None or inner is None or inner.type in _FUNCTIONS or child.type == "method_definition":
                continue
            label, written = read_name(key, self._data), self._writer.write(inner)
            if label:
                self._definitions.append(
                    Definition(label, "variable", self._locate(child), key.start_point[0], number, scope, value=written)
                )

    def _add_assignment(self, node: tree_sitter.Node) -> None:
        """Add an attribute that a method assigns to `this`, or what `module.exports` and `exports` get."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or left.type != "member_expression":
            return
        if self._exports.add_assigned(left, right):
            return
        base = left.child_by_field_name("object")
        if base is None or base.type != THIS or right.type in _FUNCTIONS:
            return
        owner = self._find_class()
        name = self._read(left, "property")
        if name and owner >= 0 and name not in self._list_members(owner):
            self._members[owner].add(name)
            made = self._make_variable(None, right)
            place, line = self._locate(node), left.start_point[0]
            self._definitions.append(
                replace(made, name=name, span=place, line=line, parent=owner, scope=self._scope, of_self=True)
            )

    def _list_members(self, owner: int) -> set[str]:
        """Return the names of the members of a class that have been found so far."""
        for each in self._definitions[self._listed :]:
            self._members.setdefault(each.parent, set()).add(each.name)
        self._listed = len(self._definitions)
        return self._members.setdefault(owner, set())

    def _find_class(self) -> int:
        """Return the number of the class whose method is around the current node; -1 outside of one."""
        for _, number in reversed(self._open):
            each = self._definitions[number]
            if each.kind == "function" and any(one.name == THIS for one in each.parameters[:1]):
                return each.parent if each.parameters[0].kind == "receiver" else -1
        return -1

    def _add_elements(self, node: tree_sitter.Node) -> None:
        """Add the variables of a `for ... of` loop; nothing for `for ... in`."""
        if any(child.type == "of" for child in node.children):
            made = self._make_variable(None, node.child_by_field_name("right"), how="element")
            self._add_pattern(node.child_by_field_name("left"), node, made)

    def _add_narrowing(self, node: tree_sitter.Node) -> None:
        """Add that a variable has the class of an `instanceof`, from there on."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and left.type == "identifier":
            made = Definition("", "variable", Span(0, 0), 0, annotation=self._writer.write(right), how="narrowed")
            self._add_named(left, node, made)

    # Exports

    def _add_export(self, node: tree_sitter.Node) -> None:
        """Add what a statement exports: names of other files, other names of this one, its default."""
        value = node.child_by_field_name("value")
        if value is not None and value.type != "identifier":
            if value.type in {*_FUNCTIONS, "class"}:
                return
            made = self._make_variable(None, value)
            place, line = self._locate(node), node.start_point[0]
            self._definitions.append(replace(made, name="default", span=place, line=line))
            self._exports.add_exported("default")
            return
        self._exports.add_export(node)


def _list_first(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the first `_MOST_ARGUMENTS` named children of a node."""
    found = (node.named_child(number) for number in range(min(_MOST_ARGUMENTS, node.named_child_count)))
    return [child for child in found if child is not None]
