"""Reading the table of names of a Python file from the nodes that `queries/python.scm` captures.

Start at `TableReader.read`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution.languages.captures import order_captures
from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution.records import How, ParameterKind

LONGEST = 600  # characters of an expression that a table keeps
MOST_RETURNS = 4  # of a function
_MOST_TARGETS = 50  # of one assignment
_DOCSTRING_BYTES = 20_000
_RESULT = re.compile(  # the type in Sphinx's, NumPy's and Google's style
    r":rtype:[ \t]*(?::\w+(?::\w+)?:)?`?[~!]?([A-Za-z_][\w.]*)"
    r"|^[ \t]*Returns\n[ \t]*-+\n[ \t]*(?:\w+ : )?([A-Za-z_][\w.]*)[ \t]*$"
    r"|^[ \t]*Returns:\n[ \t]*([A-Za-z_][\w.]*):",
    re.MULTILINE,
)
_STRING = re.compile(r"[\"'](\w+)[\"']")
_FIRST_TAKES_CLASS = {"classmethod", "__new__", "__init_subclass__", "__class_getitem__"}


def get_last(decorator: str) -> str:
    """Return the last name of a decorator as written: "setter" of `@x.setter`."""
    return decorator.partition("(")[0].rpartition(".")[2].strip()


class TableReader:
    """Reads one file; holds what has been found so far."""

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._lines = texts.ByteLines(text, data)
        self._definitions: list[Definition] = []
        self._imports: list[ImportedName] = []
        self._exported: list[str] | None = None
        self._open: list[tuple[int, int]] = []  # end byte and number of the definitions around the current node
        self._returns: dict[int, list[str]] = {}
        self._adding = {  # by capture of the query; others only serve its predicates
            "import": self._add_import,
            "from": self._add_from,
            "function": self._add_function,
            "class": self._add_class,
            "assignment": self._add_assignment,
            "element": self._add_elements,
            "as": self._add_alias,
            "return": self._add_return,
            "narrowing": self._add_narrowing,
            "exporting": self._add_exported,
        }

    def read(self, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table made of the captured nodes."""
        for name, node in order_captures(captures, self._adding):
            start = node.start_byte
            while self._open and self._open[-1][0] <= start:
                self._open.pop()
            self._adding[name](node)
        made = [
            replace(each, returns=tuple(self._returns[number])) if number in self._returns else each
            for number, each in enumerate(self._definitions)
        ]
        exported = tuple(dict.fromkeys(self._exported)) if self._exported is not None else None
        return NameTable.of(made, self._imports, exported)

    def _text(self, node: tree_sitter.Node | None) -> str:
        """Return the text of a node, cut at `LONGEST`; "" for None."""
        if node is None:
            return ""
        return self._data[node.start_byte : min(node.end_byte, node.start_byte + LONGEST)].decode(errors="replace")

    def _read(self, node: tree_sitter.Node, field: str) -> str:
        """Return the text of a field of `node`; "" if it has none."""
        return self._text(node.child_by_field_name(field))

    def _locate(self, node: tree_sitter.Node) -> Span:
        """Return the span of a node in code points."""
        return Span(self._lines.to_code_point(node.start_byte), self._lines.to_code_point(node.end_byte))

    @property
    def _parent(self) -> int:
        """Number of the innermost definition around the current node; -1 for none."""
        return self._open[-1][1] if self._open else -1

    def _find_method(self) -> tuple[int, str]:
        """Return the class of the method around the current node, and its first parameter; (-1, "") outside."""
        for _, number in reversed(self._open):
            each = self._definitions[number]
            if each.kind == "function" and each.parent >= 0 and self._definitions[each.parent].kind == "class":
                first = each.parameters[0] if each.parameters else None
                return (each.parent, first.name) if first is not None and first.kind == "receiver" else (-1, "")
        return -1, ""

    def _add_import(self, node: tree_sitter.Node) -> None:
        """Add the names of `import a.b, c as d`."""
        offset = self._lines.to_code_point(node.start_byte)
        for child in node.children_by_field_name("name"):
            if child.type == "aliased_import":
                module = self._read(child, "name")
                self._imports.append(ImportedName(self._read(child, "alias"), module, offset=offset))
            else:
                module = self._text(child)
                self._imports.append(ImportedName(module, module, offset=offset))

    def _add_from(self, node: tree_sitter.Node) -> None:
        """Add the names of `from module import a, b as c` or of a star import."""
        written = self._read(node, "module_name").replace(" ", "")
        module = written.lstrip(".")
        level, offset = len(written) - len(module), self._lines.to_code_point(node.start_byte)
        for child in node.children_by_field_name("name"):
            if child.type == "aliased_import":
                member = self._read(child, "name")
                self._imports.append(ImportedName(self._read(child, "alias"), module, level, member, offset))
            else:
                member = self._text(child)
                self._imports.append(ImportedName(member, module, level, member, offset))
        if any(child.type == "wildcard_import" for child in node.named_children):
            self._imports.append(ImportedName("*", module, level, "*", offset))

    def _add_function(self, node: tree_sitter.Node) -> None:
        """Add a function, which is then around the nodes inside it."""
        name = node.child_by_field_name("name")
        if name is None:
            return
        decorators = self._list_decorators(node)
        parameters = self._list_parameters(node.child_by_field_name("parameters"))
        parent = self._parent
        last = {get_last(each) for each in decorators}
        if parent >= 0 and self._definitions[parent].kind == "class" and parameters and "staticmethod" not in last:
            of_class = bool(_FIRST_TAKES_CLASS & (last | {self._text(name)}))
            if parameters[0].kind in {"any", "positional"}:
                kind: ParameterKind = "class_receiver" if of_class else "receiver"
                parameters[0] = replace(parameters[0], kind=kind)
        annotation = self._read(node, "return_type")
        self._define(
            Definition(
                self._text(name), "function", self._locate(node), name.start_point[0], parent, parent,
                parameters=tuple(parameters), annotation=annotation, decorators=decorators,
                documented="" if annotation else self._read_documented(node),
            ),
            node,
        )  # fmt: skip

    def _read_documented(self, function: tree_sitter.Node) -> str:
        """Return the name of the type of a function's result in its docstring; "" if that does not give one."""
        body = function.child_by_field_name("body")
        first = body.named_children[0] if body is not None and body.named_children else None
        if first is None or first.type != "expression_statement" or first.named_children[0].type != "string":
            return ""
        text = self._data[first.start_byte : min(first.end_byte, first.start_byte + _DOCSTRING_BYTES)]
        found = _RESULT.search(text.decode(errors="replace"))
        return next(filter(None, found.groups()), "") if found is not None else ""

    def _add_class(self, node: tree_sitter.Node) -> None:
        """Add a class, which is then around the nodes inside it."""
        name, arguments = node.child_by_field_name("name"), node.child_by_field_name("superclasses")
        if name is None:
            return
        bases = tuple(
            self._text(child)
            for child in (arguments.named_children if arguments is not None else ())
            if child.type not in {"keyword_argument", "comment", "list_splat", "dictionary_splat"}
        )
        made = Definition(
            self._text(name), "class", self._locate(node), name.start_point[0], self._parent, self._parent,
            bases=bases, decorators=self._list_decorators(node),
        )  # fmt: skip
        self._define(made, node)

    def _define(self, made: Definition, node: tree_sitter.Node) -> None:
        """Add a definition that is around the nodes inside `node`."""
        self._definitions.append(made)
        self._open.append((node.end_byte, len(self._definitions) - 1))

    def _list_decorators(self, node: tree_sitter.Node) -> tuple[str, ...]:
        """Return the decorators of a function or class as written, without `@`."""
        around = node.parent
        if around is None or around.type != "decorated_definition":
            return ()
        return tuple(
            self._text(child).removeprefix("@").strip() for child in around.children if child.type == "decorator"
        )

    def _list_parameters(self, node: tree_sitter.Node | None) -> list[Parameter]:
        """Return the parameters in the node of a parameter list."""
        found: list[Parameter] = []
        kind: ParameterKind = "any"
        for child in node.named_children if node is not None else ():
            if child.type == "positional_separator":
                found = [replace(each, kind="positional") for each in found]
                continue
            if child.type == "keyword_separator":
                kind = "keyword"
                continue
            name = child.child_by_field_name("name") or (child.named_children[0] if child.named_children else child)
            mine: ParameterKind = kind
            if name.type in {"list_splat_pattern", "dictionary_splat_pattern"}:
                mine = "rest" if name.type == "list_splat_pattern" else "rest_keywords"
            elif child.type in {"list_splat_pattern", "dictionary_splat_pattern"}:
                mine = "rest" if child.type == "list_splat_pattern" else "rest_keywords"
            if mine == "rest":
                kind = "keyword"
            if child.type == "comment" or not (text := self._text(name).lstrip("*")).isidentifier():
                continue
            found.append(Parameter(text, mine, self._read(child, "type"), self._read(child, "value")))
        return found

    def _add_assignment(self, node: tree_sitter.Node) -> None:
        """Add the variables of `a = b = value`, of `a: A = value`, or of `(a := value)`."""
        left = node.child_by_field_name("left") or node.child_by_field_name("name")
        right = node.child_by_field_name("right") or node.child_by_field_name("value")
        for _ in range(_MOST_TARGETS):
            if right is None or right.type != "assignment":
                break
            right = right.child_by_field_name("right")
        if left is None:
            return
        if self._text(left) == "__all__":
            self._add_exported(node)
        self._add_variables(left, node, _make_variable(self._text(right), annotation=self._read(node, "type")))

    def _add_variables(self, left: tree_sitter.Node | None, node: tree_sitter.Node, made: Definition) -> None:
        """Add the variables that the pattern `left` binds in `node`, each as `made` with its own name and place."""
        if left is None:
            return
        if left.type in {"pattern_list", "tuple_pattern", "list_pattern"} and made.component < 0:
            for number, child in enumerate(left.named_children):
                self._add_variables(child, node, replace(made, component=number))
            return
        parent, name, of_self = self._parent, self._text(left), False
        if left.type == "attribute":
            parent, first = self._find_method()
            name, of_self = self._read(left, "attribute"), True
            if parent < 0 or self._read(left, "object") != first:
                return
        elif left.type != "identifier":
            return
        place, line = self._locate(node), left.start_point[0]
        self._definitions.append(
            replace(made, name=name, span=place, line=line, parent=parent, scope=self._parent, of_self=of_self)
        )

    def _add_elements(self, node: tree_sitter.Node) -> None:
        """Add the variables of a loop or a comprehension."""
        made = _make_variable(self._read(node, "right"), how="element")
        self._add_variables(node.child_by_field_name("left"), node, made)

    def _add_alias(self, node: tree_sitter.Node) -> None:
        """Add the variable of `with a as b`, or of `except A as b`."""
        around, children = node.parent, node.named_children
        target = next((child for child in children if child.type == "as_pattern_target"), None)
        if target is None or not target.named_children or around is None:
            return
        written = self._text(children[0])
        caught = around.type == "except_clause"
        made = _make_variable(annotation=written) if caught else _make_variable(written, how="entered")
        self._add_variables(target.named_children[0], node, made)

    def _add_return(self, node: tree_sitter.Node) -> None:
        """Note a returned expression, if the function around it has no annotation."""
        number = next((each for _, each in reversed(self._open) if self._definitions[each].kind == "function"), -1)
        if number >= 0 and not self._definitions[number].annotation and node.named_children:
            found = self._returns.setdefault(number, [])
            if len(found) < MOST_RETURNS:
                found.append(self._text(node.named_children[0]))

    def _add_narrowing(self, node: tree_sitter.Node) -> None:
        """Add that a variable has the class of an `isinstance`, from there on."""
        arguments = node.child_by_field_name("arguments")
        given = arguments.named_children if arguments is not None else []
        if len(given) == 2 and given[0].type == "identifier":  # isinstance(a, A)
            self._add_variables(given[0], node, _make_variable(annotation=self._text(given[1]), how="narrowed"))

    def _add_exported(self, node: tree_sitter.Node) -> None:
        """Add the names in `node`, if it sets, extends or appends to `__all__` at the top of the file."""
        text = self._data[node.start_byte : node.end_byte].decode(errors="replace")  # whole: the list may be long
        if not self._open and text.startswith("__all__"):
            self._exported = self._exported if self._exported is not None else []
            self._exported += [found[1] for found in _STRING.finditer(text)]


def _make_variable(value: str = "", *, annotation: str = "", how: How = "value") -> Definition:
    """Return the definition of a variable whose name and place are not known yet."""
    return Definition("", "variable", Span(0, 0), 0, annotation=annotation, value=value, how=how)
