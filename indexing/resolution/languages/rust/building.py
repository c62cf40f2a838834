"""A table of a Rust file while it is built: open definitions, type parameters, patterns, and paths of `use`.

`tables.py` says what is added for which node. Start at `TableBuilder`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages.rust.text import CAST, UNKNOWN, Writer
from indexing.resolution.records import Definition, ImportedName
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    import tree_sitter

    from indexing.resolution.records import How

NOWHERE = -2  # parent of what has no name in any scope
FIELD = "field"  # decorator of what only a value has, not its type
_DEEPEST = 20  # patterns and lists of `use` inside each other
_MOST_USED = 500  # names of one `use`
_HOLDING = frozenset({"Some", "Ok"})


class TableBuilder:
    """Holds what has been found so far in one file."""

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._lines = texts.ByteLines(text, data)
        self._writer = Writer(data)
        self._definitions: list[Definition] = []
        self._imports: list[ImportedName] = []
        self._open: list[tuple[int, int]] = []  # end byte and number of the definitions around the current node
        self._blocks: list[int] = []  # end bytes of the blocks around it
        self._generics: list[tuple[int, dict[str, str]]] = []  # end byte, and the type parameters before

    # Places

    @property
    def _scope(self) -> int:
        """Number of the innermost definition around the current node; -1 for none."""
        return self._open[-1][1] if self._open else -1

    def _locate(self, node: tree_sitter.Node) -> Span:
        """Return the span of a node in code points."""
        return Span(self._lines.to_code_point(node.start_byte), self._lines.to_code_point(node.end_byte))

    def _define(self, made: Definition, node: tree_sitter.Node) -> int:
        """Add a definition that is around the nodes inside `node`; return its number."""
        self._definitions.append(made)
        self._open.append((node.end_byte, len(self._definitions) - 1))
        return len(self._definitions) - 1

    def _is_public(self, node: tree_sitter.Node) -> bool:
        """Return whether a definition is visible outside of its module: marked so, or in a trait or its `impl`."""
        if node.children and any(child.type == "visibility_modifier" for child in node.children[:4]):
            return True
        return self._scope >= 0 and self._definitions[self._scope].is_public and self._is_trait(self._scope)

    def _is_trait(self, number: int) -> bool:
        """Return whether a definition is a trait or the `impl` of one, whose items are visible without a mark."""
        return "trait" in self._definitions[number].decorators

    def _enter_generics(self, node: tree_sitter.Node) -> tuple[str, ...]:
        """Note the type parameters of a definition, in force until it ends; return their names."""
        listed = node.child_by_field_name("type_parameters")
        where = next((child for child in node.children if child.type == "where_clause"), None)
        if listed is None and where is None:
            return ()
        self._generics.append((node.end_byte, self._writer.generics))
        known, names = dict(self._writer.generics), list[str]()
        for child in listed.named_children if listed is not None else ():
            name = self._writer.read(child.child_by_field_name("name"))
            if child.type == "type_parameter" and name:
                names.append(name)
                known[name] = self._writer.write_type(child.child_by_field_name("bounds"))
        for child in where.named_children if where is not None else ():
            name = self._writer.read(child.child_by_field_name("left"))
            if name in known and not known[name]:
                known[name] = self._writer.write_type(child.child_by_field_name("bounds"))
        self._writer.generics = known
        return tuple(names)

    # Patterns

    def _add_named(self, name: tree_sitter.Node, node: tree_sitter.Node, made: Definition) -> None:
        """Add a variable with the name in `name`, declared by `node`; a capital letter begins a constant instead."""
        label = self._writer.read(name)
        if not label or label == "_" or label[0].isupper():
            return
        until = self._lines.to_code_point(self._blocks[-1]) if self._blocks else -1
        scope, place = self._scope, self._locate(node)
        self._definitions.append(
            replace(
                made, name=label, span=place, line=name.start_point[0], parent=scope, scope=scope, until=until
            )
        )  # fmt: skip

    def _add_pattern(
        self, pattern: tree_sitter.Node | None, node: tree_sitter.Node, made: Definition, depth: int = 0
    ) -> None:
        """Add the variables that a pattern binds in `node` to the parts of the value of `made`."""
        if pattern is None or depth > _DEEPEST:
            return
        kind, children = pattern.type, pattern.named_children
        if kind in {"identifier", "shorthand_field_identifier"}:
            self._add_named(pattern, node, made)
        elif kind in {"match_pattern", "or_pattern"} and children:
            self._add_pattern(children[0], node, made, depth + 1)
        elif kind in {"mut_pattern", "ref_pattern", "reference_pattern"} and children:
            self._add_pattern(children[-1], node, made, depth + 1)
        elif kind in {"captured_pattern", "slice_pattern"}:
            value = _get_value(made)
            part = make_variable(f"{value}[{UNKNOWN}]" if value else "") if kind == "slice_pattern" else made
            for child in children:
                self._add_pattern(child, node, part, depth + 1)
        elif kind == "tuple_pattern":
            for number, child in enumerate(_list_places(pattern)):
                part = replace(made, component=number) if made.component < 0 else make_variable()
                self._add_pattern(child, node, part, depth + 1)
        elif kind in {"tuple_struct_pattern", "struct_pattern"}:
            self._add_fields(pattern, node, made, depth)

    def _add_fields(self, pattern: tree_sitter.Node, node: tree_sitter.Node, made: Definition, depth: int) -> None:
        """Add the variables of `A(b, c)` or `A { b, c: d }`; of `Some(b)` what the value holds."""
        type_ = pattern.child_by_field_name("type")
        path, value = self._writer.write_path(type_), _get_value(made)
        fields = [child for child in _list_places(pattern) if child != type_]
        if pattern.type == "tuple_struct_pattern" and path in _HOLDING:
            for child in fields[:1]:
                self._add_pattern(child, node, make_variable(f"{value}?" if value else ""), depth + 1)
            return
        base = f"{CAST}({path}, {UNKNOWN})" if path else ""
        for number, child in enumerate(fields):
            target, name = child, str(number)
            if pattern.type == "struct_pattern":
                label = child.child_by_field_name("name")
                target, name = child.child_by_field_name("pattern") or label or child, self._writer.read(label)
            part = make_variable(f"{base}.{name}" if base and name else "")
            self._add_pattern(target, node, part, depth + 1)

    # Imports

    def _add_use(self, node: tree_sitter.Node) -> None:
        """Add the names of a `use`."""
        argument = node.child_by_field_name("argument")
        public = any(child.type == "visibility_modifier" for child in node.children)
        levels = sum(1 for _, number in self._open if self._definitions[number].is_open)
        offset, most = self._lines.to_code_point(node.start_byte), len(self._imports) + _MOST_USED
        waiting = [(argument, "", 0)] if argument is not None else []
        while waiting and len(self._imports) < most:
            tree, prefix, depth = waiting.pop()
            alias = ""
            if tree.type == "use_as_clause":
                alias, inner = self._writer.read(tree.child_by_field_name("alias")), tree.child_by_field_name("path")
                tree = inner if inner is not None else tree
            if tree.type in {"scoped_use_list", "use_list"}:
                listed = tree.child_by_field_name("list") or tree
                path = _join(prefix, self._writer.write_path(tree.child_by_field_name("path")))
                if depth < _DEEPEST:
                    waiting += [(child, path, depth + 1) for child in reversed(listed.named_children)]
                continue
            if tree.type == "use_wildcard":
                inside = tree.named_children[0] if tree.named_children else None
                bound = ("*", _join(prefix, self._writer.write_path(inside)), "*")
            else:
                path = prefix if tree.type == "self" and prefix else _join(prefix, self._writer.write_path(tree))
                module, _, member = path.rpartition(".")
                bound = (alias or member, module or member, member if module else "")
            made = ImportedName(bound[0], _leave(bound[1], levels), 0, bound[2], offset)
            self._bind(made, public=public)

    def _bind(self, made: ImportedName, *, public: bool) -> None:
        """Add an imported name, unless it is none."""
        if made.name and made.name != "_" and made.module:
            self._imports.append(replace(made, visibility="public" if public else "private"))


def _leave(module: str, levels: int) -> str:
    """Return the path of a module as this file names it; `levels` inline modules are around the place that names it."""
    parts = module.split(".")
    while levels and parts[0] == "super":
        del parts[0]
        levels -= 1
        if not parts or parts[0] != "super":
            parts.insert(0, "self")
    return ".".join(parts)


def _list_places(pattern: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the parts of a pattern, also those that bind nothing (`_`)."""
    return [child for child in pattern.children if child.is_named or child.type == "_"]


def _get_value(made: Definition) -> str:
    """Return the expression of a variable's value; "" if it is not known or a part of one."""
    if made.how != "value" or made.component >= 0:
        return ""
    return f"{CAST}({made.annotation}, {UNKNOWN})" if made.annotation else made.value


def _join(before: str, after: str) -> str:
    """Return a path of two parts, either of which may be empty."""
    return f"{before}.{after}" if before and after else before or after


def make_variable(value: str = "", *, annotation: str = "", how: How = "value") -> Definition:
    """Return the definition of a variable whose name and place are not known yet."""
    return Definition("", "variable", Span(0, 0), 0, annotation=annotation, value=value, how=how)
