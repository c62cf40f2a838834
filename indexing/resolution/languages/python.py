"""Resolution in Python: reading a table of names from the tree, packages and relative imports, and names of types."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution import rules
from indexing.resolution.records import Definition, ImportedName, NameTable, Parameter
from indexing.resolution.rules import TypeNames
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution.files import Paths
    from indexing.resolution.records import How, ParameterKind

LONGEST = 600  # characters of an expression that a table keeps
MOST_RETURNS = 4  # of a function
_STRING = re.compile(r"[\"'](\w+)[\"']")
_FIRST_TAKES_CLASS = {"classmethod", "__new__", "__init_subclass__", "__class_getitem__"}

_ONE = ("list set frozenset deque Iterable Iterator Sequence MutableSequence Collection Set AbstractSet MutableSet "
        "Generator AsyncIterator AsyncIterable AsyncGenerator List FrozenSet Deque Tuple tuple KeysView ValuesView "
        "dict Dict Mapping MutableMapping OrderedDict defaultdict DefaultDict Counter enumerate reversed sorted").split()  # fmt: skip
_MAPPINGS = "dict Dict Mapping MutableMapping OrderedDict defaultdict DefaultDict WeakValueDictionary".split()
_LISTS = "list List Sequence MutableSequence deque Deque tuple Tuple".split()


class PythonRules:
    """The rules of Python."""

    constructor = "__init__"
    types = TypeNames(
        transparent=frozenset(
            "Optional Annotated Final ClassVar Required NotRequired ReadOnly InitVar ContextManager "
            "AbstractContextManager AsyncContextManager AbstractAsyncContextManager ContextVar Mapped cached_property".split()
        ),
        alternatives=frozenset({"Union"}),
        classes=frozenset({"type", "Type"}),
        callables=frozenset({"Callable"}),
        awaited=frozenset("Awaitable Coroutine Future Task".split()),
        elements=dict.fromkeys(_ONE, 0),
        indexed={**dict.fromkeys(_LISTS, 0), **dict.fromkeys(_MAPPINGS, 1)},
        results={
            **{f"{name}.{method}": 1 for name in _MAPPINGS for method in ("get", "pop", "setdefault")},
            **{f"{name}.values": ("list", 1) for name in _MAPPINGS},
            **{f"{name}.keys": ("list", 0) for name in _MAPPINGS},
            **{f"{name}.{method}": 0 for name in (*_LISTS, "set", "Set") for method in ("pop", "popleft")},
            **{f"{name}.copy": (name, 0) for name in _LISTS},
            "ContextVar.get": 0,
        },
        own=frozenset({"Self"}),
        parents=frozenset({"super"}),
        pairs=frozenset(f"{name}.items" for name in _MAPPINGS),
        counting=frozenset({"enumerate"}),
        passing=frozenset("list tuple set frozenset sorted reversed iter filter deque".split()),
        picking=frozenset({"next", "min", "max", "anext", "choice"}),
        casting=frozenset({"cast"}),
    )

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8, `captures` are those of the language's query."""
        return _Reader(text, data).read(captures)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of an imported module, source before stub; () if it is in no known file."""
        tail = imported.module.replace(".", "/")
        folder = relative.rpartition("/")[0]
        if imported.level:
            if not relative:
                return ()
            for _ in range(imported.level - 1):
                folder = folder.rpartition("/")[0]
            return _list_keys([_join(folder, tail)], paths)
        found = [
            path.removesuffix(ending)
            for ending in (".py", ".pyi", "/__init__.py", "/__init__.pyi")
            for path in paths.find_ending(tail + ending)
        ]
        near = tail not in sys.stdlib_module_names
        homes = [
            path for path in dict.fromkeys(found)
            if not _is_package(head := path[: -len(tail)].rstrip("/"), paths) or (near and head == folder)
        ]  # fmt: skip
        homes.sort(key=lambda path: (-_count_common(path, relative), path.count("/"), path))
        return _list_keys(homes[:1], paths)

    def locate_submodule(self, relative: str, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the module `name` in the package whose file is `relative`; () for none."""
        folder, _, file = relative.rpartition("/")
        return _list_keys([_join(folder, name)], paths) if file.startswith("__init__.") else ()

    def is_property(self, decorators: Sequence[str]) -> bool:
        """Return whether reading a method with these decorators calls it."""
        return any(
            _get_last(each) in {"property", "cached_property", "abstractproperty", "reify", "memoized_property"}
            or _get_last(each).endswith("_property")
            for each in decorators
        )

    def is_entered_as_element(self, decorators: Sequence[str]) -> bool:
        """Return whether a function with these decorators makes a context of the element that it yields."""
        return any(_get_last(each) in {"contextmanager", "asynccontextmanager"} for each in decorators)

    def takes_fields(self, decorators: Sequence[str], bases: Sequence[str]) -> bool:
        """Return whether creating an instance of such a class takes its annotated attributes."""
        made = {"dataclass", "define", "frozen", "mutable", "attrs", "s", "dataclass_transform"}
        return any(_get_last(each) in made for each in decorators) or any(
            _get_last(each) in {"NamedTuple", "BaseModel", "TypedDict"} for each in bases
        )

    def make_placeholder(self, line: str, following: str) -> str:
        """Return what takes the place of the edited `line`, so that the lines around it parse; `following` is next."""
        indent = line[: len(line) - len(line.lstrip())]
        deeper = len(following) - len(following.lstrip()) > len(indent) and following.strip()
        return f"{indent}if ...:" if deeper else f"{indent}..."

    def is_public(self, name: str) -> bool:
        """Return whether a star import binds `name`, where the module does not say what it exports."""
        return not name.startswith("_")


RULES: rules.Rules = PythonRules()


def _get_last(decorator: str) -> str:
    """Return the last name of a decorator as written: "setter" of `@x.setter`."""
    return decorator.partition("(")[0].rpartition(".")[2].strip()


def _join(folder: str, tail: str) -> str:
    """Return the path of `tail` in `folder`; either may be empty."""
    return f"{folder}/{tail}" if folder and tail else folder or tail


def _list_keys(stems: Sequence[str], paths: Paths) -> list[tuple[str, int]]:
    """Return the keys of the files of the modules at `stems` (paths without ending), source before stub."""
    for stem in stems:
        begin = f"{stem}/" if stem else ""
        ends = (f"{stem}.py", f"{begin}__init__.py", f"{stem}.pyi", f"{begin}__init__.pyi")
        if found := [key for path in ends if (key := paths.find(path)) is not None]:
            return found
    return []


def _is_package(folder: str, paths: Paths) -> bool:
    """Return whether `folder` is a package, so that what is in it cannot be imported without its name."""
    return bool(folder) and any(paths.find(f"{folder}/__init__.{end}") is not None for end in ("py", "pyi"))


def _count_common(one: str, other: str) -> int:
    """Return the number of folders at the beginning that two paths have in common."""
    count = 0
    for first, second in zip(one.split("/"), other.split("/"), strict=False):
        if first != second:
            break
        count += 1
    return count


class _Reader:
    """Reads one file; holds what has been found so far."""

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._lines = texts.ByteLines(text, data)
        self._definitions: list[Definition] = []
        self._imports: list[ImportedName] = []
        self._exported: list[str] | None = None
        self._open: list[tuple[int, int]] = []  # end byte and number of the definitions around the current node
        self._returns: dict[int, list[str]] = {}

    def read(self, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table made of the captured nodes."""
        nodes = [
            (node.start_byte, -node.end_byte, number, name, node)
            for number, (name, found) in enumerate(captures.items())
            for node in found
        ]
        for start, _, _, name, node in sorted(nodes, key=lambda item: item[:3]):
            while self._open and self._open[-1][0] <= start:
                self._open.pop()
            self._add(name, node)
        made = [
            replace(each, returns=tuple(self._returns[number])) if number in self._returns else each
            for number, each in enumerate(self._definitions)
        ]
        exported = tuple(dict.fromkeys(self._exported)) if self._exported is not None else None
        return NameTable.of(made, self._imports, exported)

    def _add(self, name: str, node: tree_sitter.Node) -> None:
        """Add what the captured `node` defines."""
        if name == "import":
            self._add_import(node)
        elif name == "from":
            self._add_from(node)
        elif name == "function":
            self._add_function(node)
        elif name == "class":
            self._add_class(node)
        elif name in {"assignment", "named"}:
            self._add_assignment(node)
        elif name == "element":
            self._add_variables(node.child_by_field_name("left"), self._read(node, "right"), node, how="element")
        elif name == "as":
            self._add_alias(node)
        elif name == "return":
            self._add_return(node)
        elif name == "narrowing":
            self._add_narrowing(node)
        elif name in {"augmented", "exporting"}:
            self._add_exported(node)

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
        last = {_get_last(each) for each in decorators}
        if parent >= 0 and self._definitions[parent].kind == "class" and parameters and "staticmethod" not in last:
            of_class = bool(_FIRST_TAKES_CLASS & (last | {self._text(name)}))
            if parameters[0].kind in {"any", "positional"}:
                kind: ParameterKind = "class_receiver" if of_class else "receiver"
                parameters[0] = replace(parameters[0], kind=kind)
        self._define(
            Definition(
                self._text(name), "function", self._locate(node), name.start_point[0], parent, parent,
                parameters=tuple(parameters), annotation=self._read(node, "return_type"), decorators=decorators,
            ),
            node,
        )  # fmt: skip

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
        while right is not None and right.type == "assignment":
            right = right.child_by_field_name("right")
        if left is None:
            return
        if self._text(left) == "__all__":
            self._add_exported(node)
        self._add_variables(left, self._text(right), node, annotation=self._read(node, "type"))

    def _add_variables(
        self, left: tree_sitter.Node | None, value: str, node: tree_sitter.Node, *, annotation: str = "",
        how: How = "value", component: int = -1,
    ) -> None:  # fmt: skip
        """Add the variables that the pattern `left` binds to `value`."""
        if left is None:
            return
        if left.type == "identifier":
            parent = self._parent
            self._definitions.append(
                Definition(
                    self._text(left), "variable", self._locate(node), left.start_point[0], parent, parent,
                    annotation=annotation, value=value, how=how, component=component,
                )
            )  # fmt: skip
        elif left.type == "attribute":
            holder, first = self._find_method()
            if holder >= 0 and self._read(left, "object") == first:
                self._definitions.append(
                    Definition(
                        self._read(left, "attribute"), "variable", self._locate(node), left.start_point[0], holder, self._parent,
                        annotation=annotation, value=value, how=how, component=component, of_self=True,
                    )
                )  # fmt: skip
        elif left.type in {"pattern_list", "tuple_pattern", "list_pattern"} and component < 0:
            for number, child in enumerate(left.named_children):
                self._add_variables(child, value, node, how=how, component=number)

    def _add_alias(self, node: tree_sitter.Node) -> None:
        """Add the variable of `with a as b`, or of `except A as b`."""
        around, children = node.parent, node.named_children
        target = next((child for child in children if child.type == "as_pattern_target"), None)
        if target is None or not target.named_children or around is None:
            return
        if around.type == "except_clause":
            self._add_variables(target.named_children[0], "", node, annotation=self._text(children[0]))
        else:
            self._add_variables(target.named_children[0], self._text(children[0]), node, how="entered")

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
        if len(given) == 2 and given[0].type == "identifier":  # noqa: PLR2004  # isinstance(a, A)
            self._add_variables(given[0], "", node, annotation=self._text(given[1]), how="narrowed")

    def _add_exported(self, node: tree_sitter.Node) -> None:
        """Add the names in `node`, if it sets, extends or appends to `__all__` at the top of the file."""
        text = self._data[node.start_byte : node.end_byte].decode(errors="replace")  # whole: the list may be long
        if not self._open and text.startswith("__all__"):
            self._exported = [*(self._exported or []), *(found[1] for found in _STRING.finditer(text))]
