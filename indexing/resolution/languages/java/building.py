"""A table of a Java file while it is built: open definitions, blocks, type parameters, parameters and base classes.

`tables.py` says what is added for which node. Start at `TableBuilder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.languages.java.text import GIVEN, Writer
from indexing.resolution.records import Definition, ImportedName, Parameter
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from indexing.resolution.records import How

NOWHERE = -2  # parent of what has no name in any scope
THIS = "this"
OBJECT = "Object"  # base of all classes, with members that are not in the workspace
CONSTRUCTOR = "<init>"  # no name of a program
_MODIFIERS = frozenset({"public", "protected", "private", "static", "abstract", "final", "default"})
_MOST_GIVEN = 20  # arguments of a call, among which a lambda expression is looked for
_MOST_BASES = 20
_BASES = frozenset({"superclass", "super_interfaces", "extends_interfaces"})


class TableBuilder:
    """Holds what has been found so far in one file."""

    def __init__(self, text: str, data: bytes) -> None:
        self._lines = texts.ByteLines(text, data)
        self._writer = Writer(data)
        self._definitions: list[Definition] = []
        self._imports: list[ImportedName] = []
        self._open: list[tuple[int, int]] = []  # end byte and number of the definitions around the current node
        self._blocks: list[int] = []  # end bytes of the blocks around it
        self._generics: list[tuple[int, dict[str, str]]] = []  # end byte, and the type parameters before

    # Places

    def _leave(self, start: int) -> None:
        """Leave the definitions, blocks and type parameters that end before the byte `start`."""
        while self._open and self._open[-1][0] <= start:
            self._open.pop()
        while self._blocks and self._blocks[-1] <= start:
            self._blocks.pop()
        while self._generics and self._generics[-1][0] <= start:
            self._writer.generics = self._generics.pop()[1]

    def _locate(self, node: tree_sitter.Node) -> Span:
        """Return the span of a node in code points."""
        return Span(self._lines.to_code_point(node.start_byte), self._lines.to_code_point(node.end_byte))

    def _find_block_end(self) -> int:
        """Return where the innermost block ends, in code points; -1 for none."""
        return self._lines.to_code_point(self._blocks[-1]) if self._blocks else -1

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

    # Parts of definitions

    def _enter_generics(self, node: tree_sitter.Node, *, of_class: bool) -> tuple[str, ...]:
        """Note the type parameters of a definition, in force until it ends; return their names.

        One with a bound stands for that; without a bound that of a class for itself, and that of a method for anything.
        """
        listed = node.child_by_field_name("type_parameters")
        if listed is None:
            return ()
        self._generics.append((node.end_byte, self._writer.generics))
        known, names = dict(self._writer.generics), list[str]()
        for child in listed.named_children:
            kinds = [each for each in child.named_children if "annotation" not in each.type]
            if child.type != "type_parameter" or not kinds:
                continue
            name, bound = self._writer.read(kinds[0]), kinds[1].named_children if len(kinds) > 1 else []
            names.append(name)
            known[name] = ""  # a bound that names the parameter itself says no more
            self._writer.generics = known
            known[name] = self._writer.write_type(bound[0]) if bound else name if of_class else ""
        self._writer.generics = known
        return tuple(names)

    def _list_modifiers(self, node: tree_sitter.Node, owner: int = -1) -> tuple[str, ...]:
        """Return the modifiers of a declaration, with those that a member of an interface has by itself."""
        listed = next((child for child in node.children if child.type == "modifiers"), None)
        found = [child.type for child in listed.children] if listed is not None else []
        found = [each for each in found if each in _MODIFIERS]
        if self._is_class(owner) and "interface" in self._definitions[owner].decorators:
            found += ["public"] if not {"public", "private"} & set(found) else []
            found += ["static"] if node.type in {"constant_declaration", "field_declaration"} else []
        return tuple(found)

    def _list_bases(self, node: tree_sitter.Node) -> Iterator[str]:
        """Yield what a class or an interface extends and implements, as expressions."""
        for child in node.children:
            if child.type not in _BASES:
                continue
            for each in child.named_children:
                for base in each.named_children[:_MOST_BASES] if each.type == "type_list" else [each]:
                    if written := self._writer.write_type(base):
                        yield written

    def _list_parameters(self, node: tree_sitter.Node | None) -> list[Parameter]:
        """Return the parameters in the node of a parameter list, or the one that a lambda expression has alone."""
        if node is None:
            return []
        if node.type == "identifier":
            return [Parameter(self._writer.read(node), "positional")]
        found: list[Parameter] = []
        for child in node.named_children:
            if child.type == "identifier":
                found.append(Parameter(self._writer.read(child), "positional"))
            elif child.type == "formal_parameter":
                written = self._write_declared(child.child_by_field_name("type"), child)
                found.append(Parameter(self._writer.read(child.child_by_field_name("name")), "positional", written))
            elif child.type == "spread_parameter":
                kinds = [each for each in child.named_children if each.type != "modifiers"]
                written = self._writer.write_type(kinds[0]) if kinds else ""
                found.append(Parameter(self._writer.read(find_label(child)), "rest", written))
        return [each for each in found if each.name]

    def _write_declared(self, type_: tree_sitter.Node | None, name: tree_sitter.Node) -> str:
        """Return the type of a declared name, with the brackets that may come after the name."""
        written = self._writer.write_type(type_)
        return f"list[{written}]" if written and name.child_by_field_name("dimensions") is not None else written

    def _make_function(
        self, name: str, node: tree_sitter.Node, parameters: list[Parameter], modifiers: tuple[str, ...], written: str
    ) -> int:
        """Add a function that is defined by `node` and returns the type `written`; return its number.

        A method that is not static gets the receiver `this`; a function without a name belongs nowhere.
        """
        scope = self._scope
        if self._is_class(scope) and "static" not in modifiers:
            parameters = [Parameter(THIS, "receiver"), *parameters]
        label = node.child_by_field_name("name") or node
        return self._define(
            Definition(
                name, "function", self._locate(node), label.start_point[0], scope if name else NOWHERE, scope,
                parameters=tuple(parameters), annotation=written, decorators=modifiers,
                is_public="public" in modifiers, is_inherited="protected" in modifiers,
            ),
            node,
        )  # fmt: skip

    def _add_made(
        self, name: tree_sitter.Node, label: str, kind: str, owner: int, parameters: tuple[Parameter, ...], **more: str
    ) -> None:
        """Add a member that a class has without declaring it, at the place of the class's or the member's name.

        `kind` is a modifier for who may use it; `more` can have a `static` and an `annotation`.
        """
        decorators = tuple(filter(None, (kind, more.get("static", ""))))
        receiver = () if "static" in decorators else (Parameter(THIS, "receiver"),)
        self._definitions.append(
            Definition(
                label, "function", self._locate(name), name.start_point[0], owner, owner,
                parameters=(*receiver, *parameters), annotation=more.get("annotation", ""), decorators=decorators,
                is_public=kind == "public",
            )
        )  # fmt: skip

    def _add_variable(  # noqa: PLR0913 - a name, a place and what is known about it
        self, name: tree_sitter.Node | None, node: tree_sitter.Node, *, annotation: str = "", value: str = "",
        how: How = "value", modifiers: tuple[str, ...] = (), until: int = -1,
    ) -> None:  # fmt: skip
        """Add the variable or field with the name in `name`, defined by `node`."""
        if name is None or not (written := self._writer.read(name)):
            return
        self._definitions.append(
            Definition(
                written, "variable", self._locate(node), name.start_point[0], self._scope, self._scope,
                annotation=annotation, value=value, how=how, decorators=modifiers, until=until,
                is_public="public" in modifiers, is_inherited="protected" in modifiers,
            )
        )  # fmt: skip

    def _find_argument(self, node: tree_sitter.Node) -> tuple[str, int]:
        """Return the callee that a lambda expression is an argument of, and its number; ("", 0) for none."""
        around = node.parent
        call = around.parent if around is not None and around.type == "argument_list" else None
        if around is None or call is None or call.type not in {"method_invocation", "object_creation_expression"}:
            return "", 0
        place = 0
        for number in range(min(around.named_child_count, _MOST_GIVEN)):
            child = around.named_child(number)
            if child == node:
                return self._writer.write_callee(call), place
            place += child is not None and "comment" not in child.type
        return "", 0

    def _list_given(self, node: tree_sitter.Node) -> list[Parameter]:
        """Return the parameters of a lambda expression; one without a type gets what the callee gives it."""
        callee, argument = self._find_argument(node)
        found = self._list_parameters(node.child_by_field_name("parameters"))
        for place, each in enumerate(found[:4] if callee else ()):
            if not each.annotation:
                found[place] = Parameter(each.name, each.kind, "", f"{GIVEN}{argument}_{place}({callee})")
        return found


def find_label(parameter: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the name of a parameter; None for anything else."""
    if parameter.type == "spread_parameter":
        declared = [each for each in parameter.named_children if each.type == "variable_declarator"]
        return declared[0].child_by_field_name("name") if declared else None
    return parameter.child_by_field_name("name")
