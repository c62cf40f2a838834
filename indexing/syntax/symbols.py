"""Definitions and imports of one parsed file, found by the language's query in a single pass.

Never walks the tree node by node and never fails on broken code: what the grammar did not recognise is not there.
Start at `outline`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from indexing.syntax import texts
from indexing.syntax.documents import Import, Span, Symbol

if TYPE_CHECKING:
    import tree_sitter

    from indexing.syntax.grammars import Grammar

SIGNATURE_LENGTH = 200
_NAME_LENGTH = 200  # a longer "name" is a mistake of the grammar on broken code
_MATCHES_AT_ONCE = 4096  # unfinished matches kept by tree-sitter: bounds time and memory on generated files
_DEPTH = 8  # nodes between root and definition: what is nested deeper is not worth 40 % more time
_QUALIFIED = re.compile(r"^[\w$~]+(?:(?:::|[.:\\])[\w$~<>]+)+$")
_SEPARATOR = re.compile(r"::|[.:\\]")
_AROUND_MODULE = re.compile(r"^import\s+|\.\s*(?:[_*]$|\{[^}]*\}$)")  # for grammars without a node for the module alone
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file defines and imports, both in order of appearance."""

    symbols: tuple[Symbol, ...] = ()
    imports: tuple[Import, ...] = ()


@dataclass(slots=True)
class _Found:
    """A definition on its way; offsets are bytes."""

    start: int
    end: int
    kind: str  # "" for what only holds definitions
    name: str
    head_end: int
    container: str = ""


def outline(tree: tree_sitter.Tree, data: bytes, grammar: Grammar) -> Outline:
    """Definitions and imports of the file whose UTF-8 is `data`; spans of the result are code points."""
    if grammar.definitions is None:
        return Outline()
    import tree_sitter  # noqa: PLC0415  # 16 ms that `initialize` must not wait for

    cursor = tree_sitter.QueryCursor(grammar.definitions, match_limit=_MATCHES_AT_ONCE)
    cursor.set_max_start_depth(_DEPTH)
    found: dict[int, _Found] = {}
    wrappers: dict[int, list[int]] = {}
    imported: dict[tuple[int, int, str], list[str]] = {}
    for _, captures in cursor.matches(tree.root_node):
        if "import" in captures:
            _note_import(captures, data, imported)
        elif "wrapper" in captures:
            node = captures["wrapper"][0]
            wrappers.setdefault(node.end_byte, []).append(node.start_byte)
        elif "name" in captures:
            _note_definition(captures, data, found)
    return Outline(_symbols(found, wrappers, data), _imports(imported, grammar.entry.imports_bind, data))


def _text(node: tree_sitter.Node, data: bytes) -> str:
    return data[node.start_byte : node.end_byte].decode(errors="replace")


def _note_import(
    captures: dict[str, list[tree_sitter.Node]], data: bytes, imported: dict[tuple[int, int, str], list[str]]
) -> None:
    modules = captures.get("module")
    if modules and modules[0].end_byte - modules[0].start_byte <= _NAME_LENGTH:
        module = data[modules[0].start_byte : modules[-1].end_byte].decode(errors="replace").strip("\"'<>` ")
        module = _AROUND_MODULE.sub("", module)
        node = captures["import"][0]
        names = imported.setdefault((node.start_byte, node.end_byte, module), [])
        names.extend(_text(node, data) for node in captures.get("bound", ()))


def _imports(imported: dict[tuple[int, int, str], list[str]], binds: str, data: bytes) -> tuple[Import, ...]:
    result = []
    points = {} if data.isascii() else texts.code_points(data, [at for key in imported for at in key[:2]])
    for (start, end, module), names in sorted(imported.items(), key=lambda item: item[0][0]):
        bound = names
        if not names and binds and not module.startswith("."):
            parts = [part for part in re.split(r"::|[./\\]", module) if part.isidentifier()]
            bound = parts[:1] if binds == "first" else parts[-1:]
        span = Span(points.get(start, start), points.get(end, end))
        result.append(Import(module, tuple(dict.fromkeys(bound)), span))
    return tuple(result)


def _note_definition(captures: dict[str, list[tree_sitter.Node]], data: bytes, found: dict[int, _Found]) -> None:
    names = captures["name"]
    for key, nodes in captures.items():
        if key == "scope" or key.startswith("definition."):
            node, name = nodes[0], names[0]
            if name.end_byte - name.start_byte > _NAME_LENGTH:
                return
            body = node.child_by_field_name("body")
            start, end = node.start_byte, node.end_byte
            head_end = body.start_byte if body is not None else end
            if "body" in captures:  # a grammar that puts the body beside the head (Dart)
                head_end, end = end, captures["body"][0].end_byte
            container = _text(captures["container"][0], data) if "container" in captures else ""
            kind = "" if key == "scope" else key[len("definition.") :]
            known = found.get(name.start_byte)
            text = _SPACE.sub(" ", _text(name, data)).strip("\"'")
            each = _Found(start, end, kind, text, head_end, container)
            if known is not None:  # two patterns met: the wider span, and the more telling kind
                each.start, each.end = min(start, known.start), max(end, known.end)
                each.kind = known.kind if kind in {"variable", "constant"} else kind
            found[name.start_byte] = each
            return


def _symbols(found: dict[int, _Found], wrappers: dict[int, list[int]], data: bytes) -> tuple[Symbol, ...]:
    ordered = sorted(found.values(), key=lambda each: (each.start, -each.end))
    open_: list[tuple[int, str, str]] = []  # (end, qualified name, kind) of the definitions around the current one
    for each in ordered:
        while open_ and open_[-1][0] <= each.start:
            open_.pop()
        _place(each, open_)
        qualified = f"{each.container}.{each.name}" if each.container else each.name
        open_.append((each.end, qualified, each.kind))
    ascii_only = data.isascii()
    result = []
    _widen(ordered, wrappers)
    points = {} if ascii_only else texts.code_points(data, [at for e in ordered for at in (e.start, e.end)])
    for each in ordered:
        if each.kind:
            span = Span(points.get(each.start, each.start), points.get(each.end, each.end))
            result.append(Symbol(each.name, each.kind, span, each.container, _signature(each, data)))
    result.sort(key=attrgetter("span.start"))
    return tuple(result)


def _widen(ordered: list[_Found], wrappers: dict[int, list[int]]) -> None:
    """Add decorators and the like to definitions; what ends with its last member is around both of them."""
    outer: dict[int, int] = {}  # end -> start of the innermost definition so far that ends there
    for each in ordered:
        start = each.start
        within = outer.get(each.end, -1)
        if each.kind:
            each.start = min([start, *(at for at in wrappers.get(each.end, ()) if within < at < start)])
        outer[each.end] = start


def _place(each: _Found, around: list[tuple[int, str, str]]) -> None:
    """Split a qualified name, name the container, and settle kinds that depend on where a definition stands."""
    container = around[-1][1] if around else ""
    if each.kind not in {"", "module"} and _QUALIFIED.match(each.name):
        *outer, each.name = _SEPARATOR.split(each.name)
        container = ".".join(filter(None, (container, *outer)))
        if each.kind == "function":
            each.kind = "method"
    elif each.kind == "function" and around and around[-1][2] in {"class", "interface", ""}:
        each.kind = "method"
    if each.kind == "variable" and each.name.isupper():
        each.kind = "constant"
    each.container = each.container or container


def _signature(each: _Found, data: bytes) -> str:
    head = data[each.start : min(each.head_end, each.start + 2 * SIGNATURE_LENGTH)]
    if each.start < each.head_end == each.end:  # nothing marks where the head ends: its first line is it
        head = head.split(b"\n", 1)[0]
    text = _SPACE.sub(" ", head.decode(errors="replace")).strip().rstrip("{").rstrip()
    return text.removesuffix(":").removesuffix(" =")[:SIGNATURE_LENGTH]
