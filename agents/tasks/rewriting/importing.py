"""Imports for new code, added beside a document's imports: no name twice, and no import that nothing uses.

Start at `build_import_edits` and `build_well_known_import`.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.tasks.rewriting.line_edits import find_next_line
from indexing.syntax import languages
from starling_python import parse_python

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from indexing.syntax.documents import Import
    from indexing.syntax.syntax import Syntax

_BYTE_ORDER_MARK = "\ufeff"
_LONGEST_LINE = 88  # characters; names that would make a line longer get a separate statement
_LINE_OF_NAMES = re.compile(r"from\s+([\w.]+)\s+import\s+([\w, ]+?)\s*\Z")
_LIST_OF_NAMES = re.compile(r"from\s+([\w.]+)\s+import\s+\((?:[^()#]*,)\s*\n[ \t]*\)\Z")
_BRACES = re.compile(r"([^{}]*\{)([^{}]*)(\}[^{}]*)", re.DOTALL)  # as in `import { a, b } from "x"`
# Names with one customary meaning, and the module of the standard library that has them.
_WELL_KNOWN = {
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
    """An import statement of an answer, reduced to the names that are needed."""

    text: str
    module: str = ""
    names: tuple[str, ...] = ()  # as written, "a as b"; empty where the module itself is imported


def build_import_edits(answer: Syntax, document: Syntax, used: Collection[str], *, language: str) -> tuple[Edit, ...]:
    """Return edits of `document` that add the imports of `answer` that bind a `used` name which is not bound yet.

    In Python, statements are reduced to such names; in other languages only the names in braces are. A statement that
    binds no name (`#include`) is added as it is, except in Python. Line ends in the edits are line feeds.
    """
    is_python = languages.get(language).python_parser
    return _build_edits(_select_needed(answer, document, used, is_python=is_python), document, is_python=is_python)


def build_well_known_import(name: str, document: Syntax) -> tuple[Edit, ...]:
    """Return edits that import a well-known name or a module of Python's standard library; empty for other names."""
    if name in _WELL_KNOWN:
        module = _find_module_in_use(document, name) or _WELL_KNOWN[name]
        return _build_edits([_Statement(f"from {module} import {name}", module, (name,))], document, is_python=True)
    if name in sys.stdlib_module_names and not name.startswith("_"):
        return _build_edits([_Statement(f"import {name}", name)], document, is_python=True)
    return ()


def list_bound_names(syntax: Syntax) -> set[str]:
    """Return the names that a text imports or defines at its top level."""
    imported = {name for one in syntax.imports for name in one.names}
    return imported | {one.name for one in syntax.symbols if not one.container}


def strip_imports(code: str, syntax: Syntax) -> str:
    """Return `code`, whose syntax is `syntax`, without the import statements before its first definition."""
    first = min((one.span.start for one in syntax.symbols), default=len(code))
    kept, at = [], 0
    for start, end in _list_top_imports(syntax):
        if start < first:
            kept.append(code[at : code.rfind("\n", 0, start) + 1])
            at = find_next_line(code, end)
    return "".join((*kept, code[at:]))


def _find_module_in_use(document: Syntax, name: str) -> str:
    """Return "typing" if `name` is in `collections.abc` and the document imports from `typing`, else ""."""
    modules = {one.module for one in document.imports}
    return "typing" if _WELL_KNOWN[name] == "collections.abc" and "typing" in modules else ""


def _select_needed(answer: Syntax, document: Syntax, used: Collection[str], *, is_python: bool) -> list[_Statement]:
    """Return the answer's import statements that bind a used name which the document does not bind, or no name at all.

    Leaves out statements that are a line of the document; in Python also statements that bind no name.
    """
    known = list_bound_names(document)
    lines = {line.strip() for line in document.text.splitlines()}
    found: dict[str, _Statement] = {}
    for (start, end), imports in _read_statements(answer).items():
        text = answer.text[start:end].strip()
        bound = {name for one in imports for name in one.names}
        wanted = {name for name in bound if name in used and name not in known}
        if text.strip(";") in {line.strip(";") for line in lines} or (bound and not wanted):
            continue
        if is_python:
            for one in _parse_python_statements(text, wanted):
                found.setdefault(one.text, one)
        else:
            reduced = _reduce_braces(text, wanted)
            found.setdefault(reduced, _Statement(reduced))
    return list(found.values())


def _reduce_braces(text: str, wanted: Collection[str]) -> str:
    """Return an import statement with only the `wanted` names in its braces; unchanged if the braces hold none."""
    parts = _BRACES.fullmatch(text)
    if parts is None:
        return text
    names = [name.strip() for name in parts[2].split(",") if name.strip()]
    kept = [name for name in names if name.split()[-1] in wanted]  # `b as c` binds c, `type T` binds T
    if not kept or len(kept) == len(names):
        return text
    space = " " if parts[2][:1].isspace() else ""
    return f"{parts[1]}{space}{', '.join(kept)}{space}{parts[3]}"


def _parse_python_statements(text: str, wanted: Collection[str]) -> Iterable[_Statement]:
    """Yield the import statements in `text`, reduced to the `wanted` names; none if `text` does not parse."""
    try:
        body = parse_python(text).body
    except SyntaxError:
        return
    for node in body:
        if isinstance(node, ast.Import):
            for one in node.names:
                if (one.asname or one.name.split(".")[0]) in wanted:
                    yield _Statement(f"import {_render_alias(one)}", one.name)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = tuple(_render_alias(one) for one in node.names if (one.asname or one.name) in wanted)
            if names:
                yield _Statement(f"from {module} import {', '.join(names)}", module, names)


def _render_alias(alias: ast.alias) -> str:
    """Return an imported name as written: `a`, or `a as b`."""
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _build_edits(needed: Sequence[_Statement], document: Syntax, *, is_python: bool) -> tuple[Edit, ...]:
    """Return edits that add the statements, by extending existing ones or as separate lines."""
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
        lead = _read_indentation_at(text, at)
        written = "".join(f"{lead}{line}\n" for line in lines)
        before = "\n" if at > _find_begin(text) and not text[:at].endswith("\n") else ""
        apart = "" if _list_top_imports(document) else "\n"
        future = bool(at) and text[: at - 1].rpartition("\n")[2].startswith("from __future__")
        head = text[_find_begin(text) : at]
        above = "\n" if future or (apart and head.strip() and not text[:at].endswith("\n\n")) else ""
        follows = text[at:].startswith("\n") or not text[at:].strip()
        edits.append(Edit(at, at, before + above + written + ("" if follows else apart)))
    return tuple(sorted(edits, key=lambda edit: edit.start))


def _extend_statement(one: _Statement, document: Syntax) -> Edit | None:
    """Return the edit that adds the names of `one` to an existing import from its module.

    Returns None if there is no such import, or if its line would get too long.
    """
    text = document.text
    for start, end in _list_top_imports(document):
        said = text[start:end]
        line = _LINE_OF_NAMES.match(said)
        if line is not None and line[1] == one.module and not text[end : find_next_line(text, end)].strip():
            names = [name.strip() for name in line[2].split(",")]
            sorted_before = names == sorted(names, key=_compute_name_sort_key)
            names += [name for name in one.names if name not in names]
            if sorted_before:
                names.sort(key=_compute_name_sort_key)
            written = f"from {one.module} import {', '.join(names)}"
            return Edit(start, end, written) if len(written) <= _LONGEST_LINE else None
        many = _LIST_OF_NAMES.match(said)
        if many is not None and many[1] == one.module:
            last = said.rfind("\n")
            lead = _read_indentation_at(said, said.rfind("\n", 0, last) + 1)
            at = start + last + 1
            return Edit(at, at, "".join(f"{lead}{name},\n" for name in one.names))
    return None


def _compute_name_sort_key(name: str) -> tuple[int, str]:
    """Return a sort key that orders names as formatters do: constants, classes, then all others."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _find_place(one: _Statement, document: Syntax, *, is_python: bool) -> int:
    """Return the offset to insert a separate import statement: beside related imports, else where imports would go."""
    text, found = document.text, _list_top_imports(document)
    if not found:
        return _find_head_end(document, is_python=is_python)
    if not is_python:
        said = [text[start:end] for start, end in found]
        in_order = said == sorted(said) and all(
            line.split()[:1] == one.text.split()[:1] or line[:1] == '"' for line in said
        )
        behind = [start for (start, _), line in zip(found, said, strict=True) if in_order and line > one.text]
        return _find_line_start(text, behind[0]) if behind else find_next_line(text, found[-1][1])
    standard = one.module.split(".")[0] in sys.stdlib_module_names
    alike = [(start, end) for start, end in found if _is_standard_import(text[start:end]) == standard]
    before = [end for start, end in alike if _compute_sort_key(text[start:end]) <= _compute_sort_key(one.text)]
    if before:
        return find_next_line(text, before[-1])
    if alike:
        return _find_line_start(text, alike[0][0])
    return find_next_line(text, found[-1][1])


def _compute_sort_key(statement: str) -> tuple[bool, str]:
    """Return a sort key for a Python import statement: `import` before `from`, then by module."""
    words = statement.split()
    return words[0] == "from", words[1] if len(words) > 1 else ""


def _is_standard_import(statement: str) -> bool:
    """Return whether a Python import statement imports from the standard library."""
    words = re.split(r"[\s.,]+", statement)
    return len(words) > 1 and words[1] in sys.stdlib_module_names


def _read_statements(syntax: Syntax) -> dict[tuple[int, int], list[Import]]:
    """Return the spans of the import statements at the top level of a text, each with its imports."""
    found: dict[tuple[int, int], list[Import]] = {}
    for one in syntax.imports:
        if one.span is not None and _is_at_top_level(syntax, one.span.start):
            # In C, the node includes its line's end.
            end = one.span.start + len(syntax.text[one.span.start : one.span.end].rstrip())
            found.setdefault((one.span.start, end), []).append(one)
    return found


def _is_at_top_level(syntax: Syntax, at: int) -> bool:
    """Return whether an offset is in no block: in the first column, or in the brackets of a grouped import (Go)."""
    line = syntax.text[_find_line_start(syntax.text, at) : at]
    if not line:
        return True
    inside = any(one.span.start < at < one.span.end for one in syntax.symbols)
    return line.isspace() and not inside and syntax.text[:at].rstrip().endswith(("(", '"'))


def _list_top_imports(syntax: Syntax) -> list[tuple[int, int]]:
    """Return the spans of the imports before the first function or class, else of all at the top level."""
    found = sorted(_read_statements(syntax))
    first = min((one.span.start for one in syntax.symbols if one.kind not in {"variable", "constant"}), default=None)
    early = [one for one in found if first is None or one[0] < first]
    return early or found


def _find_begin(text: str) -> int:
    """Return the offset of the first character of a text that is no byte order mark: 0 or 1."""
    return int(text.startswith(_BYTE_ORDER_MARK))


def _find_line_start(text: str, at: int) -> int:
    """Return the offset at which the line of the offset `at` begins, after a byte order mark."""
    return max(_find_begin(text), text.rfind("\n", 0, at) + 1)


def _find_head_end(document: Syntax, *, is_python: bool) -> int:
    """Return the offset for the first import of a text: after the comments, docstring and package at its top."""
    text = document.text
    at = _find_begin(text)
    if is_python:
        try:
            body = parse_python(text[at:]).body
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
    while (line := text[at : find_next_line(text, at)]) and re.match(
        r"#!|\s*(?:#(?!include)|//|package\b|<\?php|/?\*)", line
    ):
        at += len(line)
    return at


def _read_indentation_at(text: str, at: int) -> str:
    """Return the indentation of the line below the offset.

    If that line is blank, unindented or a closing bracket, return the indentation of the line above.
    """
    below = text[at : find_next_line(text, at)]
    above = text[text.rfind("\n", 0, max(0, at - 1)) + 1 : at]
    line = below if below.strip() and not below.strip().startswith((")", "}")) and below[0].isspace() else above
    return line[: len(line) - len(line.lstrip(" \t"))]
