"""Definitions and imports of one parsed file, found by the language's query in a single pass.

Never walks the tree node by node and never fails on broken code: what did not parse is left out. Start at `outline`.
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
_NAME_LENGTH = 200  # characters; a longer "name" is an error of the grammar on broken code
_MATCHES_AT_ONCE = 4096  # unfinished matches kept by tree-sitter: bounds time and memory on generated files
_DEPTH = 8  # levels of nodes below the root that are searched; all levels would take 40 % more time
_QUALIFIED = re.compile(r"^[\w$~]+(?:(?:::|[.:\\])[\w$~<>]+)+$")
_SEPARATOR = re.compile(r"::|[.:\\]")
_AROUND_MODULE = re.compile(r"^import\s+|\.\s*(?:[_*]$|\{[^}]*\}$)")  # for grammars without a node for the module alone
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Outline:
    """The definitions and imports of a file, both in order of appearance."""

    symbols: tuple[Symbol, ...] = ()
    imports: tuple[Import, ...] = ()


@dataclass(slots=True)
class _Definition:
    """A definition before its container is known; offsets are bytes."""

    start: int
    end: int
    kind: str  # "" for a node that only contains definitions (`impl`)
    name: str
    head_end: int
    container: str = ""


def outline(tree: tree_sitter.Tree, data: bytes, grammar: Grammar, *, signatures: bool = True) -> Outline:
    """Return the definitions and imports in `tree`, parsed from the UTF-8 text `data`, with spans in code points.

    Only those that begin in the upper levels of the tree (`_DEPTH`) are found. Without `signatures` those of the
    definitions are "", which takes less time.
    """
    if grammar.definitions is None:
        return Outline()
    import tree_sitter  # noqa: PLC0415  # 16 ms that `initialize` must not wait for

    cursor = tree_sitter.QueryCursor(grammar.definitions, match_limit=_MATCHES_AT_ONCE)
    cursor.set_max_start_depth(_DEPTH)
    found: dict[int, _Definition] = {}
    wrappers: dict[int, list[int]] = {}
    imported: dict[tuple[int, int, str], list[str]] = {}
    for _, captures in cursor.matches(tree.root_node):
        if "import" in captures:
            _note_import(captures, data, imported)
        elif "wrapper" in captures:
            node = captures["wrapper"][0]
            wrappers.setdefault(node.end_byte, []).append(node.start_byte)
        elif "name" in captures:
            _note_definition(captures, data, found, signatures=signatures)
    definitions = _build_symbols(found, wrappers, data, signatures=signatures)
    return Outline(definitions, _build_imports(imported, grammar.entry.imports_bind, data))


def _read_text(node: tree_sitter.Node, data: bytes) -> str:
    """Return the text of `node`, a part of the UTF-8 text `data`."""
    return data[node.start_byte : node.end_byte].decode(errors="replace")


def _note_import(
    captures: dict[str, list[tree_sitter.Node]], data: bytes, imported: dict[tuple[int, int, str], list[str]]
) -> None:
    """Add the import in the captures of a match to `imported`, which has bound names by start, end and module."""
    modules = captures.get("module")
    if modules and modules[0].end_byte - modules[0].start_byte <= _NAME_LENGTH:
        module = data[modules[0].start_byte : modules[-1].end_byte].decode(errors="replace").strip("\"'<>` ")
        module = _AROUND_MODULE.sub("", module)
        node = captures["import"][0]
        names = imported.setdefault((node.start_byte, node.end_byte, module), [])
        names.extend(_read_text(node, data) for node in captures.get("bound", ()))


def _build_imports(imported: dict[tuple[int, int, str], list[str]], binds: str, data: bytes) -> tuple[Import, ...]:
    """Return the records of `imported`; `binds` says which part of a module's name an import without names binds."""
    result = []
    points = {} if data.isascii() else texts.map_to_code_points(data, [at for key in imported for at in key[:2]])
    for (start, end, module), names in sorted(imported.items(), key=lambda item: item[0][0]):
        bound = names
        if not names and binds and not module.startswith("."):
            parts = [part for part in re.split(r"::|[./\\]", module) if part.isidentifier()]
            bound = parts[:1] if binds == "first" else parts[-1:]
        span = Span(points.get(start, start), points.get(end, end))
        result.append(Import(module, tuple(dict.fromkeys(bound)), span))
    return tuple(result)


def _note_definition(
    captures: dict[str, list[tree_sitter.Node]], data: bytes, found: dict[int, _Definition], *, signatures: bool
) -> None:
    """Add the definition in the captures of a match to `found`, by the start of its name.

    Joins it with a definition already found there, and ignores one with a very long name. Looks for the end of its
    head only with `signatures`.
    """
    names = captures["name"]
    for key, nodes in captures.items():
        if key == "scope" or key.startswith("definition."):
            node, name = nodes[0], names[0]
            if name.end_byte - name.start_byte > _NAME_LENGTH:
                return
            body = node.child_by_field_name("body") if signatures else None
            start, end = node.start_byte, node.end_byte
            head_end = body.start_byte if body is not None else end
            if "body" in captures:  # a grammar that puts the body beside the head (Dart)
                head_end, end = end, captures["body"][0].end_byte
            container = _read_text(captures["container"][0], data) if "container" in captures else ""
            kind = "" if key == "scope" else key[len("definition.") :]
            known = found.get(name.start_byte)
            text = _read_text(name, data)
            if not text.isidentifier():
                text = _SPACE.sub(" ", text).strip("\"'")
            each = _Definition(start, end, kind, text, head_end, container)
            if known is not None:  # two patterns matched: keep the wider span and the more specific kind
                each.start, each.end = min(start, known.start), max(end, known.end)
                each.kind = known.kind if kind in {"variable", "constant"} else kind
            found[name.start_byte] = each
            return


def _build_symbols(
    found: dict[int, _Definition], wrappers: dict[int, list[int]], data: bytes, *, signatures: bool
) -> tuple[Symbol, ...]:
    """Return the records of `found` with their containers, with "" for their signatures without `signatures`.

    `wrappers` has the starts of wrappers by their end.
    """
    ordered = sorted(found.values(), key=lambda each: (each.start, -each.end))
    open_: list[tuple[int, str, str]] = []  # (end, qualified name, kind) of the definitions around the current one
    for each in ordered:
        while open_ and open_[-1][0] <= each.start:
            open_.pop()
        _set_container(each, open_)
        qualified = f"{each.container}.{each.name}" if each.container else each.name
        open_.append((each.end, qualified, each.kind))
    ascii_only = data.isascii()
    result = []
    _widen(ordered, wrappers)
    points = {} if ascii_only else texts.map_to_code_points(data, [at for e in ordered for at in (e.start, e.end)])
    for each in ordered:
        if each.kind:
            span = Span(points.get(each.start, each.start), points.get(each.end, each.end))
            signature = _read_signature(each, data) if signatures else ""
            result.append(Symbol(each.name, each.kind, span, each.container, signature))
    result.sort(key=attrgetter("span.start"))
    return tuple(result)


def _widen(ordered: list[_Definition], wrappers: dict[int, list[int]]) -> None:
    """Extend definitions, in place, to the decorators and wrappers around them."""
    outer: dict[int, int] = {}  # end -> start of the innermost definition so far that ends there
    for each in ordered:
        start = each.start
        within = outer.get(each.end, -1)
        if each.kind:
            each.start = min([start, *(at for at in wrappers.get(each.end, ()) if within < at < start)])
        outer[each.end] = start


def _set_container(each: _Definition, around: list[tuple[int, str, str]]) -> None:
    """Split a qualified name, set the container, and correct the kind for it (a function in a class is a method)."""
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


def _read_signature(each: _Definition, data: bytes) -> str:
    """Return the head of a definition on one line, cut at 200 characters."""
    head = data[each.start : min(each.head_end, each.start + 2 * SIGNATURE_LENGTH)]
    if each.start < each.head_end == each.end:  # the node has no body: the head is its first line
        head = head.split(b"\n", 1)[0]
    text = _SPACE.sub(" ", head.decode(errors="replace")).strip().rstrip("{").rstrip()
    return text.removesuffix(":").removesuffix(" =")[:SIGNATURE_LENGTH]
