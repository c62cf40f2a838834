"""What else could stand at a place: names in scope, attributes seen, the other operator, arguments the other way round.

Reads the syntax tree alone, knows Python, and never says that something is wrong:
`agents.reviewer.likelihood.likelihood` asks the model. Start at `sites`.
"""

from __future__ import annotations

import builtins
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from indexing.syntax.documents import Span
from indexing.syntax.texts import ByteLines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tree_sitter

    from indexing.syntax.syntax import Syntax

MOST_NAMES = 5  # alternatives for one name; the nearest come first
MOST_ATTRIBUTES = 4
LARGEST_COUNTED = 64  # a number above is rarely off by one

# The nearest slip first: only these are tried.
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
_SIMPLE = frozenset({"identifier", "attribute", "subscript", "call", "integer", "string", "true", "false", "none"})
_CONDITIONS = frozenset({"identifier", "attribute", "subscript", "call", "comparison_operator"})
_CONDITIONAL = frozenset({"if_statement", "elif_clause", "while_statement", "assert_statement"})
_FUNCTIONS = frozenset({"function_definition", "lambda"})
_SELF = "self"
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Site:
    """One place and what else could stand there.

    Attributes:
        kind: the code of the finding it would be ("unlikely-name").
        span: what the alternatives replace, code points; empty where they would be inserted.
        about: what a finding would mark; never empty.
        written: what stands there.
        alternatives: each different from `written`, most plausible first.
        unused: those of them that the function binds and nowhere uses.
    """

    kind: str
    span: Span
    about: Span
    written: str
    alternatives: tuple[str, ...]
    unused: frozenset[str] = frozenset()


def sites(syntax: Syntax, span: Span) -> tuple[Site, ...]:
    """All places within `span` of the text, in order; none for a language that is not known here."""
    parsed = syntax.parsed
    if parsed is None or not parsed.grammar.entry.python_parser:
        return ()
    known = {name for one in syntax.imports for name in one.names}
    known |= {one.name for one in syntax.symbols if not one.container}
    reader = _Reader(parsed.data, ByteLines(syntax.text, parsed.data), known)
    reader.read(parsed.tree.root_node)
    start, end = (reader.lines.to_byte(offset, syntax.text) for offset in (span.start, span.end))
    found = [site for node in _within(parsed.tree.root_node, start, end) for site in reader.sites(node)]
    return tuple(sorted(found, key=lambda site: (site.span.start, site.span.end, site.kind)))


def _within(node: tree_sitter.Node, start: int, end: int) -> Iterator[tree_sitter.Node]:
    """Nodes that lie in [start, end) as a whole, where the syntax is whole; without recursion."""
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
    """What one function or module binds: each name with where it is bound first, in bytes."""

    start: int
    names: dict[str, int] = field(default_factory=dict)


class _Reader:
    """Names and attributes of one text, and the sites of its nodes."""

    def __init__(self, data: bytes, lines: ByteLines, known: set[str]) -> None:
        """`known` are the names that the text defines and imports at its top."""
        self.lines = lines
        self._known = known | _BUILTINS
        self._data = data
        self._scopes: dict[int, _Scope] = {}
        self._attributes: dict[tuple[str, bool], dict[str, None]] = defaultdict(dict)
        self._uses: dict[str, list[int]] = defaultdict(list)  # in order

    def read(self, root: tree_sitter.Node) -> None:
        """Note what the text binds and which attributes it uses."""
        self._scopes[root.id] = _Scope(root.start_byte)
        for node in _within(root, root.start_byte, root.end_byte):
            if node.type == "attribute":
                self._note_attribute(node)
            elif node.type == "identifier" and _is_bound(node):
                scope = self._scope(node)
                scope.names.setdefault(self._text(node), node.start_byte)
            elif node.type == "identifier":
                self._uses[self._text(node)].append(node.start_byte)

    def sites(self, node: tree_sitter.Node) -> Iterator[Site]:
        """Those of one node."""
        if (reading := _READINGS.get(node.type)) is not None:
            yield from reading(self, node)
        if _is_condition(node):
            yield self._inserted("missing-not", node, "not ")
        if node.type == "call" and _may_await(node):
            yield self._inserted("missing-await", node, "await ")

    def name(self, node: tree_sitter.Node) -> Iterator[Site]:
        if not _is_used(node) or _is_bound(node):
            return
        written, bound = self._text(node), self._bound(node)
        called = _is_called(node)
        lacking = written not in bound and written not in self._known
        if lacking and written in self._attributes[_SELF, called] and _SELF in bound:
            yield self._site("missing-self", node, (f"{_SELF}.{written}",))
        elif written in bound and not called:  # a name from outside is rarely a slip for one of the function's own
            statement = _statement(node)
            before = [(at, name) for name, at in bound.items() if at < statement.start_byte]
            names = [name for _, name in sorted(before, reverse=True) if name not in {written, _SELF, "cls"}]
            unused = frozenset(name for name in names if not self._is_used_around(name, node))
            names.sort(key=lambda name: name not in unused)
            if names:
                found = self._site("unlikely-name", node, tuple(names[:MOST_NAMES]))
                yield replace(found, unused=unused)

    def _is_used_around(self, name: str, node: tree_sitter.Node) -> bool:
        """Whether the outermost function around `node` uses the name."""
        outermost = holder = _function(node)
        while holder is not None:
            outermost, holder = holder, _function(holder)
        if outermost is None:
            return True
        at = bisect_left(self._uses[name], outermost.start_byte)
        return at < len(self._uses[name]) and self._uses[name][at] < outermost.end_byte

    def _bound(self, node: tree_sitter.Node) -> dict[str, int]:
        """What the function around binds, and where; lambdas and comprehensions belong to it."""
        bound: dict[str, int] = {}
        holder = _function(node)
        while holder is not None:
            scope = self._scopes.get(holder.id)
            bound = {**(scope.names if scope is not None else {}), **bound}
            holder = _function(holder) if holder.type == "lambda" else None
        return bound

    def attribute(self, node: tree_sitter.Node) -> Iterator[Site]:
        holder, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if holder is None or name is None or holder.type != "identifier" or _is_target(node):
            return
        written = self._text(name)
        others = [other for other in self._attributes[self._text(holder), _is_called(node)] if other != written]
        near = sorted(others, key=lambda other: -_likeness(other, written))[:MOST_ATTRIBUTES]
        if near:
            yield self._site("unlikely-attribute", name, tuple(near))

    def arguments(self, node: tree_sitter.Node) -> Iterator[Site]:
        given = [child for child in node.named_children if child.type != "comment"]
        if node.start_point[0] != node.end_point[0]:
            return
        for first, second in pairwise(given):
            if first.type not in _SIMPLE or second.type not in _SIMPLE or self._text(first) == self._text(second):
                continue
            between = self._data[first.end_byte : second.start_byte].decode()
            swapped = self._text(second) + between + self._text(first)
            yield self._site("swapped-arguments", first, (swapped,), second)

    def operator(self, node: tree_sitter.Node) -> Iterator[Site]:
        if node.type == "comparison_operator":
            marks, table, kind = node.children_by_field_name("operators"), _COMPARISONS, "unlikely-comparison"
        else:
            mark = node.child_by_field_name("operator")
            marks = [mark] if mark is not None else []
            table = _ARITHMETIC | _JUNCTIONS
            kind = "unlikely-operator"
        if marks and (others := table.get(" ".join(self._text(mark) for mark in marks))):
            yield self._site(kind, marks[0], others, marks[-1])

    def superfluous_not(self, node: tree_sitter.Node) -> Iterator[Site]:
        argument = node.child_by_field_name("argument")
        if argument is not None and node.start_point[0] == argument.end_point[0]:
            yield self._site("unlikely-not", node, (self._text(argument),))

    def flag(self, node: tree_sitter.Node) -> Iterator[Site]:
        yield self._site("unlikely-constant", node, (_FLAGS[node.type],))

    def number(self, node: tree_sitter.Node) -> Iterator[Site]:
        written = self._text(node)
        if not written.isdecimal() or int(written) > LARGEST_COUNTED:
            return
        value = int(written)
        yield self._site("unlikely-constant", node, tuple(str(one) for one in (value + 1, value - 1) if one >= 0))

    def statement(self, node: tree_sitter.Node) -> Iterator[Site]:
        inner = node.named_children[0] if node.named_child_count == 1 else None
        if inner is None or inner.type not in _SIMPLE | {"binary_operator", "comparison_operator", "tuple"}:
            return
        if inner.type in {"string", "none"} or _function(node) is None:
            return
        called = inner.child_by_field_name("function") if inner.type == "call" else None
        name = self._text(called).rpartition(".")[2] if called is not None else ""
        if name[:1].isupper():
            yield self._inserted("missing-raise", inner, "raise ")
        elif node.next_named_sibling is None:
            yield self._inserted("missing-return", inner, "return ")

    def _site(
        self, kind: str, node: tree_sitter.Node, others: Sequence[str], last: tree_sitter.Node | None = None
    ) -> Site:
        end = (last or node).end_byte
        span = Span(self.lines.to_point(node.start_byte), self.lines.to_point(end))
        return Site(kind, span, span, self._data[node.start_byte : end].decode(), tuple(others))

    def _inserted(self, kind: str, node: tree_sitter.Node, text: str) -> Site:
        start, end = self.lines.to_point(node.start_byte), self.lines.to_point(node.end_byte)
        return Site(kind, Span(start, start), Span(start, end), "", (text,))

    def _note_attribute(self, node: tree_sitter.Node) -> None:
        holder, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if holder is not None and name is not None and holder.type == "identifier":
            self._attributes[self._text(holder), _is_called(node)].setdefault(self._text(name))

    def _scope(self, node: tree_sitter.Node) -> _Scope:
        holder = _function(node)
        if holder is None:
            holder = node
            while holder.parent is not None:
                holder = holder.parent
        return self._scopes.setdefault(holder.id, _Scope(holder.start_byte))

    def _text(self, node: tree_sitter.Node) -> str:
        return self._data[node.start_byte : node.end_byte].decode(errors="replace")


_READINGS = {
    "identifier": _Reader.name,
    "attribute": _Reader.attribute,
    "argument_list": _Reader.arguments,
    "comparison_operator": _Reader.operator,
    "binary_operator": _Reader.operator,
    "boolean_operator": _Reader.operator,
    "not_operator": _Reader.superfluous_not,
    "true": _Reader.flag,
    "false": _Reader.flag,
    "integer": _Reader.number,
    "expression_statement": _Reader.statement,
}


def _function(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The function whose body or parameters `node` stands in."""
    holder = node.parent
    while holder is not None and holder.type not in _FUNCTIONS:
        if holder.type == "class_definition":
            return None
        holder = holder.parent
    return holder


def _statement(node: tree_sitter.Node) -> tree_sitter.Node:
    """The statement that `node` stands in; what it binds is not bound yet."""
    while node.parent is not None and node.parent.type not in {"block", "module"}:
        node = node.parent
    return node


def _field_of(node: tree_sitter.Node) -> str:
    """By which name `node` belongs to its parent, "" for none."""
    parent = node.parent
    if parent is None:
        return ""
    at = next((number for number, child in enumerate(parent.children) if child.id == node.id), None)
    return (parent.field_name_for_child(at) or "") if at is not None else ""


def _is_bound(node: tree_sitter.Node) -> bool:
    """Whether the name gets a value here: a parameter, a target."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in {"parameters", "lambda_parameters", "typed_parameter", "list_splat_pattern"}:
        return _field_of(node) != "type"
    if parent.type in {"default_parameter", "typed_default_parameter", "keyword_argument", "named_expression"}:
        return _field_of(node) == "name" and parent.type != "keyword_argument"
    if parent.type in {"pattern_list", "tuple_pattern", "as_pattern_target"}:
        return True
    return _is_target(node)


def _is_target(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type in {"assignment", "augmented_assignment", "for_statement", "for_in_clause"}
        and _field_of(node) == "left"
    )


def _is_used(node: tree_sitter.Node) -> bool:
    """Whether the name stands for its value in a function: no definition, no keyword, no attribute, no import."""
    parent = node.parent
    if parent is None or _function(node) is None:
        return False
    role = _field_of(node)
    if parent.type in {"function_definition", "class_definition", "dotted_name", "aliased_import", "type"}:
        return False
    if parent.type in {"global_statement", "nonlocal_statement", "del_statement", "decorator"}:
        return False
    return (parent.type, role) not in {("keyword_argument", "name"), ("attribute", "attribute")}


def _is_called(node: tree_sitter.Node) -> bool:
    return node.parent is not None and node.parent.type == "call" and _field_of(node) == "function"


def _is_condition(node: tree_sitter.Node) -> bool:
    """Whether its truth decides something, so that a `not` may be missing."""
    parent = node.parent
    if parent is None or node.type not in _CONDITIONS - {"comparison_operator"}:
        return False
    if parent.type in _CONDITIONAL:
        return _field_of(node) in {"condition", ""} and parent.named_children[0].id == node.id
    if parent.type == "boolean_operator":
        return True
    return parent.type == "conditional_expression" and parent.named_children[1].id == node.id


def _may_await(node: tree_sitter.Node) -> bool:
    """Whether the result of a call is used at once in a coroutine."""
    function, parent = _function(node), node.parent
    if function is None or parent is None or not any(child.type == "async" for child in function.children):
        return False
    return parent.type in {"expression_statement", "return_statement"} or (
        parent.type == "assignment" and _field_of(node) == "right"
    )


def _likeness(one: str, other: str) -> float:
    """Share of the parts that two names have in common: `start_line` is nearer to `end_line` than `text` is."""
    first, second = set(one.strip("_").lower().split("_")), set(other.strip("_").lower().split("_"))
    return len(first & second) / len(first | second)
