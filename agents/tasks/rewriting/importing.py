"""Imports that new code needs, added where a document's imports stand: no name twice, no statement that nothing uses.

Start at `import_edits` and `known_import`.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import Edit
from indexing.syntax import languages
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from indexing.syntax.documents import Import
    from indexing.syntax.syntax import Syntax

_LONGEST_LINE = 88  # characters; a longer list of names begins a statement of its own
_LINE_OF_NAMES = re.compile(r"from\s+([\w.]+)\s+import\s+([\w, ]+?)\s*\Z")
_LIST_OF_NAMES = re.compile(r"from\s+([\w.]+)\s+import\s+\((?:[^()#]*,)\s*\n[ \t]*\)\Z")
# Names that mean one thing to everybody, with the module of the standard library that has them.
_KNOWN = {
    **dict.fromkeys(
        ("Any", "Optional", "Union", "List", "Dict", "Tuple", "Set", "TypeVar", "cast", "Literal"), "typing"
    ),
    **dict.fromkeys(("Generic", "Protocol", "NamedTuple", "TypedDict", "overload", "Final", "ClassVar"), "typing"),
    **dict.fromkeys(("IO", "TextIO", "BinaryIO", "AnyStr", "NoReturn", "Type", "Text", "FrozenSet"), "typing"),
    **dict.fromkeys(("Callable", "Iterable", "Iterator", "Sequence", "Mapping", "Generator"), "collections.abc"),
    **dict.fromkeys(("MutableMapping", "Collection", "Hashable", "Awaitable", "AsyncIterator"), "collections.abc"),
    **dict.fromkeys(("dataclass", "field"), "dataclasses"),
    **dict.fromkeys(("defaultdict", "Counter", "OrderedDict", "deque", "namedtuple"), "collections"),
    **dict.fromkeys(("wraps", "partial", "lru_cache", "reduce", "cached_property"), "functools"),
    **dict.fromkeys(("contextmanager", "suppress"), "contextlib"),
    **dict.fromkeys(("ABC", "abstractmethod"), "abc"),
    "Path": "pathlib",
    "Enum": "enum",
    "Decimal": "decimal",
    "timedelta": "datetime",
    "deepcopy": "copy",
}


@dataclass(frozen=True, slots=True)
class _Statement:
    """One import statement of an answer, cut down to the names that are needed."""

    text: str
    module: str = ""
    names: tuple[str, ...] = ()  # as written, "a as b"; empty where the module itself is imported


def import_edits(answer: Syntax, document: Syntax, used: Collection[str], *, language: str) -> tuple[Edit, ...]:
    """Return edits of `document` that import what `answer` imports, for names that are `used` and not known yet.

    Line ends are line feeds.
    """
    is_python = languages.get(language).python_parser
    return _edits(_needed(answer, document, used, is_python=is_python), document, is_python=is_python)


def known_import(name: str, document: Syntax) -> tuple[Edit, ...]:
    """Return edits that import a module or a name of Python's standard library that means one thing, else none."""
    if name in _KNOWN:
        module = _find_module_in_use(document, name) or _KNOWN[name]
        return _edits([_Statement(f"from {module} import {name}", module, (name,))], document, is_python=True)
    if name in sys.stdlib_module_names and not name.startswith("_"):
        return _edits([_Statement(f"import {name}", name)], document, is_python=True)
    return ()


def bound_names(syntax: Syntax) -> set[str]:
    """Return what a text imports or defines at its top."""
    imported = {name for one in syntax.imports for name in one.names}
    return imported | {one.name for one in syntax.symbols if not one.container}


def imports_end(syntax: Syntax) -> int:
    """Return where the line behind the last import at the top of a text begins, 0 where there is none."""
    found = _top_imports(syntax)
    return _line_end(syntax.text, found[-1][1]) if found else 0


def without_imports(code: str, syntax: Syntax) -> str:
    """Return code without the import statements at its top."""
    first = min((one.span.start for one in syntax.symbols), default=len(code))
    kept, at = [], 0
    for start, end in _top_imports(syntax):
        if start < first:
            kept.append(code[at : code.rfind("\n", 0, start) + 1])
            at = _line_end(code, end)
    return "".join((*kept, code[at:]))


def _find_module_in_use(document: Syntax, name: str) -> str:
    """Return the module that a document imports such names from: `typing` has most of `collections.abc`, too."""
    modules = {one.module for one in document.imports}
    return "typing" if _KNOWN[name] == "collections.abc" and "typing" in modules else ""


def _needed(answer: Syntax, document: Syntax, used: Collection[str], *, is_python: bool) -> list[_Statement]:
    known = bound_names(document)
    lines = {line.strip() for line in document.text.splitlines()}
    found: dict[str, _Statement] = {}
    for (start, end), imports in _read_statements(answer).items():
        text = answer.text[start:end].strip()
        bound = {name for one in imports for name in one.names}
        wanted = {name for name in bound if name in used and name not in known}
        if text.strip(";") in {line.strip(";") for line in lines} or (bound and not wanted):
            continue
        if is_python:
            for one in _of_python(text, wanted):
                found.setdefault(one.text, one)
        else:
            found.setdefault(text, _Statement(text))
    return list(found.values())


def _of_python(text: str, wanted: Collection[str]) -> Iterable[_Statement]:
    try:
        body = parse_python(text).body
    except SyntaxError:
        return
    for node in body:
        if isinstance(node, ast.Import):
            for one in node.names:
                if (one.asname or one.name.split(".")[0]) in wanted:
                    yield _Statement(f"import {_named(one)}", one.name)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = tuple(_named(one) for one in node.names if (one.asname or one.name) in wanted)
            if names:
                yield _Statement(f"from {module} import {', '.join(names)}", module, names)


def _named(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _edits(needed: Sequence[_Statement], document: Syntax, *, is_python: bool) -> tuple[Edit, ...]:
    edits: list[Edit] = []
    own_lines: dict[int, list[str]] = {}
    text = document.text
    for one in needed:
        joined = _extend_statement(one, document) if one.names else None
        if joined is not None and all(edit.start != joined.start for edit in edits):
            edits.append(joined)
        else:
            own_lines.setdefault(_find_place(one, document, is_python=is_python), []).append(one.text)
    for at, lines in own_lines.items():
        lead = _lead_at(text, at)
        written = "".join(f"{lead}{line}\n" for line in lines)
        before = "\n" if at and not text[:at].endswith("\n") else ""
        apart = "" if _top_imports(document) else "\n"
        future = bool(at) and text[: at - 1].rpartition("\n")[2].startswith("from __future__")
        above = "\n" if future or (apart and at and text[:at].strip() and not text[:at].endswith("\n\n")) else ""
        follows = text[at:].startswith("\n") or not text[at:].strip()
        edits.append(Edit(at, at, before + above + written + ("" if follows else apart)))
    return tuple(sorted(edits, key=lambda edit: edit.start))


def _extend_statement(one: _Statement, document: Syntax) -> Edit | None:
    """Add the names to a statement that imports from the same module; None where there is none that can take them."""
    text = document.text
    for start, end in _top_imports(document):
        said = text[start:end]
        line = _LINE_OF_NAMES.match(said)
        if line is not None and line[1] == one.module and not text[end : _line_end(text, end)].strip():
            names = [name.strip() for name in line[2].split(",")]
            sorted_before = names == sorted(names, key=_name_sort_key)
            names += [name for name in one.names if name not in names]
            written = (
                f"from {one.module} import {', '.join(sorted(names, key=_name_sort_key) if sorted_before else names)}"
            )
            return Edit(start, end, written) if len(written) <= _LONGEST_LINE else None
        many = _LIST_OF_NAMES.match(said)
        if many is not None and many[1] == one.module:
            last = said.rfind("\n")
            lead = _lead_at(said, said.rfind("\n", 0, last) + 1)
            at = start + last + 1
            return Edit(at, at, "".join(f"{lead}{name},\n" for name in one.names))
    return None


def _name_sort_key(name: str) -> tuple[int, str]:
    """Return a sort key that orders names as formatters do: constants, classes, then all else."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _find_place(one: _Statement, document: Syntax, *, is_python: bool) -> int:
    """Return where a statement of its own goes: beside related imports, else where imports would stand."""
    text, found = document.text, _top_imports(document)
    if not found:
        return _head_end(document, is_python=is_python)
    if not is_python:
        said = [text[start:end] for start, end in found]
        in_order = said == sorted(said) and all(
            line.split()[:1] == one.text.split()[:1] or line[:1] == '"' for line in said
        )
        behind = [start for (start, _), line in zip(found, said, strict=True) if in_order and line > one.text]
        return text.rfind("\n", 0, behind[0]) + 1 if behind else _line_end(text, found[-1][1])
    standard = one.module.split(".")[0] in sys.stdlib_module_names
    alike = [(start, end) for start, end in found if _is_standard(text[start:end]) == standard]
    before = [end for start, end in alike if _sort_key(text[start:end]) <= _sort_key(one.text)]
    if before:
        return _line_end(text, before[-1])
    if alike:
        return text.rfind("\n", 0, alike[0][0]) + 1
    return _line_end(text, found[-1][1])


def _sort_key(statement: str) -> tuple[bool, str]:
    words = statement.split()
    return words[0] == "from", words[1] if len(words) > 1 else ""


def _is_standard(statement: str) -> bool:
    words = re.split(r"[\s.,]+", statement)
    return len(words) > 1 and words[1] in sys.stdlib_module_names


def _read_statements(syntax: Syntax) -> dict[tuple[int, int], list[Import]]:
    """Yield the import statements at the top of a text, each with what it imports."""
    found: dict[tuple[int, int], list[Import]] = {}
    for one in syntax.imports:
        if one.span is not None and _is_outer(syntax, one.span.start):
            end = one.span.start + len(syntax.text[one.span.start : one.span.end].rstrip())  # C's have their line's end
            found.setdefault((one.span.start, end), []).append(one)
    return found


def _is_outer(syntax: Syntax, at: int) -> bool:
    """Whether a place is in no block: at the first column, or in the brackets of an import of several (Go)."""
    line = syntax.text[syntax.text.rfind("\n", 0, at) + 1 : at]
    if not line:
        return True
    inside = any(one.span.start < at < one.span.end for one in syntax.symbols)
    return line.isspace() and not inside and syntax.text[:at].rstrip().endswith(("(", '"'))


def _top_imports(syntax: Syntax) -> list[tuple[int, int]]:
    """Return the import statements before the first function or class, else all of those at the top."""
    found = sorted(_read_statements(syntax))
    first = min((one.span.start for one in syntax.symbols if one.kind not in {"variable", "constant"}), default=None)
    early = [one for one in found if first is None or one[0] < first]
    return early or found


def _head_end(document: Syntax, *, is_python: bool) -> int:
    """Return where the first import of a text would stand: behind its first comments, docstring and package."""
    text = document.text
    at = 0
    if is_python:
        try:
            body = parse_python(text).body
        except SyntaxError:
            body = []
        last = 0
        for node in body:
            documents = node is body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if documents or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                last = node.end_lineno or last
        if last:
            starts = [0, *(found.end() for found in re.finditer("\n", text))]
            return starts[last] if last < len(starts) else len(text)
    while (line := text[at : _line_end(text, at)]) and re.match(
        r"#!|\s*(?:#(?!include)|//|package\b|<\?php|/?\*)", line
    ):
        at += len(line)
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _lead_at(text: str, at: int) -> str:
    """Return the indentation of the imports around a place; it is not empty where they stand in brackets."""
    below = text[at : _line_end(text, at)]
    above = text[text.rfind("\n", 0, max(0, at - 1)) + 1 : at]
    line = below if below.strip() and not below.strip().startswith((")", "}")) and below[0].isspace() else above
    return line[: len(line) - len(line.lstrip(" \t"))]
