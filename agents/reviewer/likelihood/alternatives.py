"""Alternatives for places in Python code: names in scope, known attributes, other operators, swapped arguments.

Reads only the syntax tree and does not judge: `agents.reviewer.likelihood.likelihood` has the model score the
alternatives. Start at `find_sites`.
"""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from agents.reviewer.likelihood.python_nodes import (
    find_function,
    find_statement,
    is_bound,
    is_called,
    is_condition,
    is_target,
    is_used,
    may_lack_await,
)
from indexing.syntax.documents import Span
from indexing.syntax.texts import ByteLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tree_sitter

    from indexing.syntax.syntax import Syntax

MOST_NAMES = 5  # alternatives for one name, the last bound ones first
MOST_ATTRIBUTES = 4
LARGEST_NUMBER = 64  # a larger number is rarely off by one

# Alternatives by operator, the most likely slip first; no others are tried.
_COMPARISONS: dict[str, tuple[str, ...]] = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
}
_ARITHMETIC: dict[str, tuple[str, ...]] = {
    "+": ("-",),
    "-": ("+",),
    "*": ("/", "+"),
    "/": ("*", "//"),
    "//": ("/",),
    "%": ("//",),
}
_JUNCTIONS: dict[str, tuple[str, ...]] = {"and": ("or",), "or": ("and",)}
_FLAGS = {"true": "False", "false": "True"}
_SIMPLE_KINDS = frozenset(
    {"identifier", "attribute", "subscript", "call", "integer", "string", "true", "false", "none"}
)
_SELF = "self"
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Site:
    """One place with the alternatives for its text.

    Attributes:
        kind: code of the finding that it may become ("unlikely-name").
        span: text that the alternatives replace, in code points; empty if they are inserted.
        about: text that a finding would mark; never empty.
        written: the text in `span`.
        alternatives: each different from `written`, most plausible first.
        unused: alternatives that the function binds and never uses.
    """

    kind: str
    span: Span
    about: Span
    written: str
    alternatives: tuple[str, ...]
    unused: frozenset[str] = frozenset()


def find_sites(syntax: Syntax, span: Span) -> tuple[Site, ...]:
    """Return all places within `span` that have alternatives, in order; () for other languages than Python."""
    parsed = syntax.parsed
    if parsed is None or not parsed.grammar.entry.python_parser:
        return ()
    known = {name for one in syntax.imports for name in one.names}
    known |= {one.name for one in syntax.symbols if not one.container}
    reader = _Reader(parsed.data, ByteLines(syntax.text, parsed.data), known)
    reader.record_names(parsed.tree.root_node)
    start, end = (reader.lines.to_byte(offset, syntax.text) for offset in (span.start, span.end))
    found = [site for node in _walk_range(parsed.tree.root_node, start, end) for site in reader.find_node_sites(node)]
    return tuple(sorted(found, key=lambda site: (site.span.start, site.span.end, site.kind)))


def _walk_range(node: tree_sitter.Node, start: int, end: int) -> Iterator[tree_sitter.Node]:
    """Yield `node` and its named descendants that lie completely in the bytes [start, end), in order of the text.

    ERROR nodes and what is below them are skipped.
    """
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.end_byte <= start or one.start_byte >= end or one.type == "ERROR":
            continue
        if start <= one.start_byte and one.end_byte <= end:
            yield one
        waiting.extend(reversed(one.named_children))


@dataclass
class _Scope:
    """The names that one function or module binds, each with the byte offset of its first binding."""

    start: int
    names: dict[str, int] = field(default_factory=dict)


class _Reader:
    """The names and attributes of one text, from which the sites of its nodes are made."""

    def __init__(self, data: bytes, lines: ByteLines, known: set[str]) -> None:
        """Create a reader; `known` are the names that the module defines and imports."""
        self.lines = lines
        self._known = known | _BUILTINS
        self._data = data
        self._scopes: dict[int, _Scope] = {}
        self._attributes: dict[tuple[str, bool], dict[str, None]] = defaultdict(dict)
        self._uses: dict[str, list[int]] = defaultdict(list)  # in order

    def record_names(self, root: tree_sitter.Node) -> None:
        """Record the names that the text binds and uses, and the attributes that it uses; call before all else."""
        self._scopes[root.id] = _Scope(root.start_byte)
        for node in _walk_range(root, root.start_byte, root.end_byte):
            if node.type == "attribute":
                self._record_attribute(node)
            elif node.type == "identifier" and is_bound(node):
                scope = self._get_scope(node)
                scope.names.setdefault(self._read_text(node), node.start_byte)
            elif node.type == "identifier":
                self._uses[self._read_text(node)].append(node.start_byte)

    def find_node_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield the sites at `node`: alternatives for its text, or a `not` or `await` that may be missing before it."""
        if (reading := _FINDERS.get(node.type)) is not None:
            yield from reading(self, node)
        if is_condition(node):
            yield self._make_insertion("missing-not", node, "not ")
        if node.type == "call" and may_lack_await(node):
            yield self._make_insertion("missing-await", node, "await ")

    def find_name_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield at most one site for the name `node`, if it is used.

        The alternative is `self.NAME` if NAME is defined nowhere, but used as an attribute of `self`. For a name that
        the function binds and that is not called here, the alternatives are at most `MOST_NAMES` other names that are
        bound before the statement, unused names first.
        """
        if not is_used(node):
            return
        written, bound = self._read_text(node), self._collect_bound_names(node)
        called = is_called(node)
        lacking = written not in bound and written not in self._known
        if lacking and written in self._attributes[_SELF, called] and _SELF in bound:
            yield self._make_site("missing-self", node, (f"{_SELF}.{written}",))
        elif written in bound and not called:  # an outer name is rarely confused with a local one
            statement = find_statement(node)
            before = [(at, name) for name, at in bound.items() if at < statement.start_byte]
            names = [name for _, name in sorted(before, reverse=True) if name not in {written, _SELF, "cls"}]
            unused = frozenset(name for name in names if not self._is_used_around(name, node))
            names.sort(key=lambda name: name not in unused)
            if names:
                found = self._make_site("unlikely-name", node, tuple(names[:MOST_NAMES]))
                yield replace(found, unused=unused)

    def _is_used_around(self, name: str, node: tree_sitter.Node) -> bool:
        """Return whether the outermost function around `node` mentions `name` other than to bind it.

        Returns True outside of functions.
        """
        outermost = holder = find_function(node)
        while holder is not None:
            outermost, holder = holder, find_function(holder)
        if outermost is None:
            return True
        at = bisect_left(self._uses[name], outermost.start_byte)
        return at < len(self._uses[name]) and self._uses[name][at] < outermost.end_byte

    def _collect_bound_names(self, node: tree_sitter.Node) -> dict[str, int]:
        """Return the names that the function around `node` binds, each with the byte offset of its first binding.

        A lambda has the names of the function around it too. Returns {} outside of functions.
        """
        bound: dict[str, int] = {}
        holder = find_function(node)
        while holder is not None:
            scope = self._scopes.get(holder.id)
            bound = {**(scope.names if scope is not None else {}), **bound}
            holder = find_function(holder) if holder.type == "lambda" else None
        return bound

    def find_attribute_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield at most one site for an attribute; its alternatives are used in the text on an object of the same name.

        These are at most `MOST_ATTRIBUTES`, the most similar names first.
        """
        holder, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if holder is None or name is None or holder.type != "identifier" or is_target(node):
            return
        written = self._read_text(name)
        others = [other for other in self._attributes[self._read_text(holder), is_called(node)] if other != written]
        near = sorted(others, key=lambda other: -_compute_similarity(other, written))[:MOST_ATTRIBUTES]
        if near:
            yield self._make_site("unlikely-attribute", name, tuple(near))

    def find_argument_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield a site for each pair of neighbouring simple arguments, whose alternative swaps them.

        Skips argument lists of several lines.
        """
        given = [child for child in node.named_children if child.type != "comment"]
        if node.start_point[0] != node.end_point[0]:
            return
        for first, second in pairwise(given):
            if (
                first.type not in _SIMPLE_KINDS
                or second.type not in _SIMPLE_KINDS
                or self._read_text(first) == self._read_text(second)
            ):
                continue
            between = self._data[first.end_byte : second.start_byte].decode()
            swapped = self._read_text(second) + between + self._read_text(first)
            yield self._make_site("swapped-arguments", first, (swapped,), second)

    def find_operator_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield at most one site for the operator of `node`; its alternatives are similar operators."""
        if node.type == "comparison_operator":
            marks, table, kind = node.children_by_field_name("operators"), _COMPARISONS, "unlikely-comparison"
        else:
            mark = node.child_by_field_name("operator")
            marks = [mark] if mark is not None else []
            table = _ARITHMETIC | _JUNCTIONS
            kind = "unlikely-operator"
        if marks and (others := table.get(" ".join(self._read_text(mark) for mark in marks))):
            yield self._make_site(kind, marks[0], others, marks[-1])

    def find_not_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield a site for a `not` on one line, whose alternative is the condition without it."""
        argument = node.child_by_field_name("argument")
        if argument is not None and node.start_point[0] == argument.end_point[0]:
            yield self._make_site("unlikely-not", node, (self._read_text(argument),))

    def find_flag_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield a site for `True` or `False`, whose alternative is the other one."""
        yield self._make_site("unlikely-constant", node, (_FLAGS[node.type],))

    def find_number_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield a site for a small whole number, whose alternatives are one more and one less."""
        written = self._read_text(node)
        if not written.isdecimal() or int(written) > LARGEST_NUMBER:
            return
        value = int(written)
        yield self._make_site("unlikely-constant", node, tuple(str(one) for one in (value + 1, value - 1) if one >= 0))

    def find_statement_sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Yield at most one site for an expression that is a statement of a function.

        A `raise` may be missing before a call of a class, a `return` before the last statement of a block.
        """
        inner = node.named_children[0] if node.named_child_count == 1 else None
        if inner is None or inner.type not in _SIMPLE_KINDS | {"binary_operator", "comparison_operator", "tuple"}:
            return
        if inner.type in {"string", "none"} or find_function(node) is None:
            return
        called = inner.child_by_field_name("function") if inner.type == "call" else None
        name = self._read_text(called).rpartition(".")[2] if called is not None else ""
        if name[:1].isupper():
            yield self._make_insertion("missing-raise", inner, "raise ")
        elif node.next_named_sibling is None:
            yield self._make_insertion("missing-return", inner, "return ")

    def _make_site(
        self, kind: str, node: tree_sitter.Node, others: Sequence[str], last: tree_sitter.Node | None = None
    ) -> Site:
        """Return a site whose alternatives replace the text from `node` to `last`."""
        end = (last or node).end_byte
        span = Span(self.lines.to_code_point(node.start_byte), self.lines.to_code_point(end))
        return Site(kind, span, span, self._data[node.start_byte : end].decode(), tuple(others))

    def _make_insertion(self, kind: str, node: tree_sitter.Node, text: str) -> Site:
        """Return a site whose alternative inserts `text` before `node`."""
        start, end = self.lines.to_code_point(node.start_byte), self.lines.to_code_point(node.end_byte)
        return Site(kind, Span(start, start), Span(start, end), "", (text,))

    def _record_attribute(self, node: tree_sitter.Node) -> None:
        """Record an attribute by the name of its object, and whether it is called."""
        holder, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if holder is not None and name is not None and holder.type == "identifier":
            self._attributes[self._read_text(holder), is_called(node)].setdefault(self._read_text(name))

    def _get_scope(self, node: tree_sitter.Node) -> _Scope:
        """Return the scope of the function around `node`; of the module if there is none or a class is nearer."""
        holder = find_function(node)
        if holder is None:
            holder = node
            while holder.parent is not None:
                holder = holder.parent
        return self._scopes.setdefault(holder.id, _Scope(holder.start_byte))

    def _read_text(self, node: tree_sitter.Node) -> str:
        """Return the source text of `node`."""
        return self._data[node.start_byte : node.end_byte].decode(errors="replace")


_FINDERS = {
    "identifier": _Reader.find_name_sites,
    "attribute": _Reader.find_attribute_sites,
    "argument_list": _Reader.find_argument_sites,
    "comparison_operator": _Reader.find_operator_sites,
    "binary_operator": _Reader.find_operator_sites,
    "boolean_operator": _Reader.find_operator_sites,
    "not_operator": _Reader.find_not_sites,
    "true": _Reader.find_flag_sites,
    "false": _Reader.find_flag_sites,
    "integer": _Reader.find_number_sites,
    "expression_statement": _Reader.find_statement_sites,
}


def _compute_similarity(one: str, other: str) -> float:
    """Return the share of parts that two names have in common, 0 to 1: high for `start_line` and `end_line`."""
    first, second = set(one.strip("_").lower().split("_")), set(other.strip("_").lower().split("_"))
    return len(first & second) / len(first | second)
