"""Imports and exports of a TypeScript or JavaScript file, in ES modules and in CommonJS.

Start at `ExportReader`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.languages.script_text import read_name
from indexing.resolution.records import ImportedName

if TYPE_CHECKING:
    from collections.abc import Callable

    import tree_sitter

    from indexing.syntax.documents import Span

WHOLE = "export="  # name of what a CommonJS module is, where it is one value
DEFAULT = "default"


def find_exported(left: tree_sitter.Node, data: bytes) -> str:
    """Return the name that an assignment to `left` exports (`exports.a`, `module.exports`); "" if it exports none."""
    base, name = left.child_by_field_name("object"), read_name(left.child_by_field_name("property"), data)
    if base is None or not name:
        return ""
    written = data[base.start_byte : base.end_byte].decode(errors="replace")
    if written in {"exports", "module.exports"}:
        return name
    return WHOLE if written == "module" and name == "exports" else ""


class ExportReader:
    """Collects the imports and exports of one file.

    Args:
        data: the file's text in UTF-8.
        locate: returns the span of a node in code points.
    """

    def __init__(self, data: bytes, locate: Callable[[tree_sitter.Node], Span]) -> None:
        self._data = data
        self._locate = locate
        self.imports: list[ImportedName] = []
        self._exported: list[str] = []
        self._has_star = False

    def list_exported(self) -> tuple[str, ...] | None:
        """Return the names that `export *` passes on; None if it exports nothing, or has an `export *` itself."""
        names = tuple(name for name in dict.fromkeys(self._exported) if name not in {DEFAULT, WHOLE})
        return names if self._exported and not self._has_star else None

    def add_alias(self, name: str, local: str, node: tree_sitter.Node) -> None:
        """Add that the file exports its name `local` as `name`."""
        self._bind(name, "", local, node)
        self.add_exported(name)

    def add_exported(self, name: str) -> None:
        """Note an exported name."""
        if name:
            self._exported.append(name)

    def _read(self, node: tree_sitter.Node, field: str) -> str:
        """Return the name in a field of `node`; "" if there is none."""
        return read_name(node.child_by_field_name(field), self._data)

    def _bind(self, name: str, module: str, member: str, node: tree_sitter.Node) -> None:
        """Add an imported name."""
        self.imports.append(ImportedName(name, module, 0, member, self._locate(node).start))

    def add_import(self, node: tree_sitter.Node) -> None:
        """Add the names of `import a, { b as c } from "d"`, `import * as e from "d"` or `import f = require("d")`."""
        for clause in node.named_children:
            if clause.type == "import_require_clause":
                module = self._read(clause, "source")
                self._bind(read_name(clause.named_children[0], self._data), module, "", node)
        module = self._read(node, "source")
        for clause in node.named_children if module else ():
            for child in clause.named_children if clause.type == "import_clause" else ():
                if child.type == "identifier":
                    self._bind(read_name(child, self._data), module, DEFAULT, node)
                elif child.type == "namespace_import" and child.named_children:
                    self._bind(read_name(child.named_children[0], self._data), module, "", node)
                for each in child.named_children if child.type == "named_imports" else ():
                    name = self._read(each, "name")
                    self._bind(self._read(each, "alias") or name, module, name, node)

    def add_export(self, node: tree_sitter.Node) -> None:
        """Add the names of an export statement without a value of its own."""
        module = self._read(node, "source")
        declared, is_default = node.child_by_field_name("declaration"), False
        for child in node.children:
            is_default = is_default or child.type == DEFAULT
            if child.type == "*" and module:
                self._has_star = True
                self._bind("*", module, "*", node)
            elif child.type == "namespace_export" and child.named_children:
                self._bind(read_name(child.named_children[0], self._data), module, "", node)
                self.add_exported(read_name(child.named_children[0], self._data))
            elif child.type == "export_clause":
                for each in child.named_children:
                    name = self._read(each, "name")
                    alias = self._read(each, "alias") or name
                    if module or alias != name:
                        self._bind(alias, module, name, node)
                    self.add_exported(alias)
            elif child.type == "identifier":  # `export default a`, `export = a`
                name = WHOLE if any(each.type == "=" for each in node.children) else DEFAULT
                self.add_alias(name, read_name(child, self._data), node)
        if declared is not None:
            self._add_declared(declared, node, is_default=is_default)

    def _add_declared(self, declared: tree_sitter.Node, node: tree_sitter.Node, *, is_default: bool) -> None:
        """Add the names of an exported declaration; of `declare class A` those of what it declares."""
        if declared.type == "ambient_declaration":
            for child in declared.named_children:
                self._add_declared(child, node, is_default=is_default)
            return
        names = [declared.child_by_field_name("name")]
        if declared.type in {"lexical_declaration", "variable_declaration"}:
            names = [child.child_by_field_name("name") for child in declared.named_children]
        for name in names:
            written = read_name(name, self._data)
            if is_default and written:
                self.add_alias(DEFAULT, written, node)
            elif written and written.isidentifier():
                self.add_exported(written)

    def add_required(self, name: tree_sitter.Node, value: tree_sitter.Node, node: tree_sitter.Node) -> bool:
        """Add what `require("a")`, `require("a").b` or `await import("a")` gives `name`; return whether it is one."""
        member = ""
        if value.type == "await_expression" and value.named_children:
            value = value.named_children[0]
        if value.type == "member_expression" and (base := value.child_by_field_name("object")) is not None:
            member, value = self._read(value, "property"), base
        module = self._find_required(value)
        if not module:
            return False
        if name.type == "identifier":
            self._bind(read_name(name, self._data), module, member, node)
        for child in name.named_children if name.type == "object_pattern" and not member else ():
            pair = child.type == "pair_pattern"
            key, target = (child.child_by_field_name(field) if pair else child for field in ("key", "value"))
            if target is not None and target.type in {"identifier", "shorthand_property_identifier_pattern"}:
                self._bind(read_name(target, self._data), module, read_name(key, self._data), node)
        return True

    def _find_required(self, value: tree_sitter.Node) -> str:
        """Return the module that a call of `require` or `import` names; "" if it is no such call."""
        called, arguments = value.child_by_field_name("function"), value.child_by_field_name("arguments")
        if value.type != "call_expression" or called is None or arguments is None or not arguments.named_children:
            return ""
        text = self._data[called.start_byte : called.end_byte]
        first = arguments.named_children[0]
        return read_name(first, self._data) if text in {b"require", b"import"} and first.type == "string" else ""

    def add_assigned(self, left: tree_sitter.Node, right: tree_sitter.Node) -> bool:
        """Add what `exports.a = b` or `module.exports = { a, b: c }` exports by name; return whether it is one."""
        target = find_exported(left, self._data)
        if not target:
            return False
        if right.type == "identifier":
            self.add_alias(target, read_name(right, self._data), left)
        elif module := self._find_required(right):
            self._bind(target, module, "", left)
            self.add_exported(target)
        for child in right.named_children if right.type == "object" and target == WHOLE else ():
            if child.type == "shorthand_property_identifier":
                self.add_exported(read_name(child, self._data))
            elif child.type == "pair" and (inner := child.child_by_field_name("value")) is not None:
                name = self._read(child, "key")
                if inner.type == "identifier" and name:
                    self.add_alias(name, read_name(inner, self._data), left)
        return True
