"""The function around a place: its head, parameters, documentation and body, for every language with such a thing.

Reads the syntax tree that is there; never parses, never fails: what the grammar did not recognise is None. All spans
are code points. Start at `function_at`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.syntax.documents import Span
from indexing.syntax.texts import ByteLines

if TYPE_CHECKING:
    import tree_sitter

    from indexing.syntax.syntax import Syntax

_FUNCTIONS = frozenset(
    {
        *("function_definition", "function_declaration", "function_item", "function_expression", "arrow_function"),
        *("generator_function_declaration", "method_definition", "method_declaration", "constructor_declaration"),
        *("local_function_statement", "init_declaration", "method", "singleton_method"),
    }
)
_WRAPPERS = frozenset(
    {
        *("decorated_definition", "export_statement", "lexical_declaration", "variable_declaration"),
        "variable_declarator",
    }
)
_INNER = frozenset({"block", "statement_list", "statements"})  # grammars that put the statements one node further in
_NAMES = frozenset(
    {
        *("identifier", "field_identifier", "property_identifier", "type_identifier", "name", "word", "constant"),
        *(
            "simple_identifier",
            "qualified_identifier",
            "destructor_name",
            "operator_name",
            "private_property_identifier",
        ),
    }
)
_RECEIVERS = frozenset({"self", "cls", "this", "&self", "&mut self", "mut self"})
_STUB = re.compile(
    r"""(?x) pass | \.\.\. | : | return;? | \?\?\?
    | raise \s+ NotImplementedError \b .* | raise \s+ ["']? .* (?:not.?implemented|TODO) .*
    | throw \s+ new \s+ \w* (?: NotImplemented | UnsupportedOperation ) \w* .*
    | throw \s+ (?:new \s+)? [\w.]+ \s* \( .* (?i:implement|todo) .* \) \s* ;?
    | (?: todo | unimplemented ) ! \s* [(\[{] .* ;? | (?: TODO | fatalError | panic | error ) \s* \( .* \) ;?
    """,
    re.DOTALL,
)
_DECLARED_ONLY = re.compile(r"@(?:[\w.]*\.)?(?:abstractmethod|overload|abstractproperty)\b")
_PROTOCOL = re.compile(r"class\s+\w+\s*[(\[][^:]*\b(?:Protocol|ABC)\b")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: without stars and marks.
        span: all of it, type and default included.
        name_end: where a type would go.
        type: as written, "" for none.
        default: as written, "" for none.
        star: "*", "**" or "".
    """

    name: str
    span: Span
    name_end: int
    type: str = ""
    default: str = ""
    star: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method.

    Attributes:
        name: the identifier, without what it belongs to.
        span: with decorators and `export`.
        start: where the definition itself begins, behind decorators.
        body: the block, braces included; empty behind a Python head that has nothing below it yet.
        braced: whether the body stands in braces.
        statements: of the body, comments and the docstring left out.
        docstring: the string that documents it, in languages that have such.
        parameters: the receiver (`self`) left out.
        receiver: whether there is one.
        parameters_end: behind the closing parenthesis.
        returns: the declared type, "" for none.
        container: name of the class around it, "" for none.
        declared_only: an abstract method, an overload, a method of a protocol: its body is meant to be empty.
    """

    name: str
    span: Span
    start: int
    body: Span
    braced: bool
    statements: tuple[Span, ...]
    docstring: Span | None
    parameters: tuple[Parameter, ...]
    receiver: bool
    parameters_end: int
    returns: str = ""
    container: str = ""
    declared_only: bool = False

    @property
    def qualified(self) -> str:
        """Its name with that of its class."""
        return f"{self.container}.{self.name}" if self.container else self.name

    def is_stub(self, text: str) -> bool:
        """Whether the body holds nothing that does anything, and ought to."""
        if self.declared_only:
            return False
        return all(_STUB.fullmatch(text[each.start : each.end].strip()) for each in self.statements)


def function_at(syntax: Syntax, offset: int) -> Function | None:
    """The innermost function at `offset`; anywhere on a line of its head counts, decorators included."""
    parsed = syntax.parsed
    if parsed is None:
        return None
    return _Reader(syntax.text, ByteLines(syntax.text, parsed.data), parsed.grammar.entry.docstrings).at(
        parsed.tree.root_node, offset
    )


def functions_in(syntax: Syntax, limit: int = 2000) -> tuple[Function, ...]:
    """All named functions of a text, in order, at most `limit`."""
    parsed = syntax.parsed
    if parsed is None:
        return ()
    reader = _Reader(syntax.text, ByteLines(syntax.text, parsed.data), parsed.grammar.entry.docstrings)
    found: list[Function] = []
    waiting = [parsed.tree.root_node]
    while waiting and len(found) < limit:
        node = waiting.pop()
        if node.type in _FUNCTIONS and (function := reader.function(node)) is not None:
            found.append(function)
        waiting.extend(reversed(node.named_children))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    lines: ByteLines
    docstrings: bool

    def at(self, root: tree_sitter.Node, offset: int) -> Function | None:
        line_start = self.text.rfind("\n", 0, offset) + 1
        line_end = self.text.find("\n", offset)
        line = self.text[line_start : line_end if line_end >= 0 else len(self.text)]
        first = line_start + len(line) - len(line.lstrip())
        for place in (min(max(offset, first), line_start + len(line.rstrip())), first):
            at = self.lines.to_byte(place, self.text)
            node = root.descendant_for_byte_range(at, at)
            while node is not None:
                inner = _definition(node)
                if inner is not None and (function := self.function(inner)) is not None:
                    return function
                node = node.parent
        return self._empty_above(root, line_start) if not line.strip() else None

    def _empty_above(self, root: tree_sitter.Node, line_start: int) -> Function | None:
        """The function whose head stands right above a blank line, and which has no body yet."""
        head = self.text[:line_start].rstrip()
        if not head or self.text.count("\n", len(head), line_start) > 2:
            return None
        at = self.lines.to_byte(len(head) - 1, self.text)
        node = root.descendant_for_byte_range(at, at)
        while node is not None:
            if node.type in _FUNCTIONS:
                function = self.function(node)
                return function if function is not None and not function.statements else None
            node = node.parent
        return None

    def span(self, node: tree_sitter.Node) -> Span:
        return Span(self.lines.to_point(node.start_byte), self.lines.to_point(node.end_byte))

    def said(self, node: tree_sitter.Node | None) -> str:
        if node is None:
            return ""
        span = self.span(node)
        return self.text[span.start : span.end]

    def function(self, node: tree_sitter.Node) -> Function | None:
        name = self._name(node)
        body = _body(node)
        if not name or body is None:
            return None
        outer = node
        while outer.parent is not None and (
            outer.parent.type in _WRAPPERS or outer.parent.type == "variable_declarator"
        ):
            outer = outer.parent
        statements, docstring = self._statements(body)
        listing = _parameter_list(node)
        parameters, receiver = self._parameters(listing) if listing is not None else ((), False)
        container = self._container(outer)
        whole = self.span(outer)
        head = self.text[whole.start : self.span(body).start]
        around = self.said(container).split("\n", 1)[0] if container is not None else ""
        return Function(
            name=name,
            span=whole,
            start=self.span(node).start,
            body=self.span(body),
            braced=self.said(body).startswith("{"),
            statements=statements,
            docstring=docstring,
            parameters=parameters,
            receiver=receiver,
            parameters_end=self.span(listing).end if listing is not None else 0,
            returns=self._returns(node),
            container=self._name(container) if container is not None else "",
            declared_only=bool(_DECLARED_ONLY.search(head) or _PROTOCOL.match(around)),
        )

    def _name(self, node: tree_sitter.Node) -> str:
        found = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        while found is not None and found.type not in _NAMES:
            found = found.child_by_field_name("declarator") or found.child_by_field_name("name")
        if found is None and node.parent is not None and node.parent.type == "variable_declarator":
            found = node.parent.child_by_field_name("name")
        return re.split(r"::|\.", self.said(found))[-1]

    def _statements(self, body: tree_sitter.Node) -> tuple[tuple[Span, ...], Span | None]:
        inner = body
        while inner.named_child_count == 1 and (only := inner.named_child(0)) is not None and only.type in _INNER:
            inner = only
        nodes = [child for child in inner.named_children if "comment" not in child.type]
        docstring = None
        if self.docstrings and nodes and nodes[0].type == "expression_statement":
            first = nodes[0].named_child(0)
            if first is not None and first.type == "string":
                docstring = self.span(nodes.pop(0))
        return tuple(self.span(each) for each in nodes), docstring

    def _returns(self, node: tree_sitter.Node) -> str:
        for name in ("return_type", "result", "returns", "type"):
            if (found := node.child_by_field_name(name)) is not None:
                return self.said(found).lstrip(":-> ").strip()
        return ""

    def _container(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        around = node.parent
        while around is not None:
            if around.type in _FUNCTIONS:
                return None
            if "class" in around.type and "body" not in around.type:
                return around
            around = around.parent
        return None

    def _parameters(self, listing: tree_sitter.Node) -> tuple[tuple[Parameter, ...], bool]:
        found: list[Parameter] = []
        receiver = False
        for node in listing.named_children:
            if "comment" in node.type or node.type in {"positional_separator", "keyword_separator"}:
                continue
            parameter = self._parameter(node)
            if parameter is None or parameter.name in _RECEIVERS or node.type == "self_parameter":
                receiver = receiver or parameter is not None
            else:
                found.append(parameter)
        return tuple(found), receiver

    def _parameter(self, node: tree_sitter.Node) -> Parameter | None:
        named = node.child_by_field_name("name") or node.child_by_field_name("pattern")
        named = named or node.child_by_field_name("declarator")
        if named is None:
            named = node if not node.named_child_count else node.named_child(0)
        while named is not None and named.type not in _NAMES and named.named_child_count:
            named = named.child_by_field_name("declarator") or named.named_child(0)
        whole = self.said(node)
        if named is None or whole.startswith(("{", "[")):  # taken apart at once: there is no name to speak of
            return None
        star = "**" if whole.startswith("**") else "*" if whole.startswith("*") else ""
        return Parameter(
            self.said(named).lstrip("$&*"),
            self.span(node),
            self.span(named).end,
            self.said(node.child_by_field_name("type")).lstrip(": "),
            self.said(node.child_by_field_name("value")),
            star if "identifier" in named.type else "",
        )


def _definition(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The function that `node` is, or wraps."""
    for _ in range(4):
        if node.type in _FUNCTIONS:
            return node
        if node.type not in _WRAPPERS:
            return None
        inner = next(
            (child for child in node.named_children if child.type in _FUNCTIONS or child.type in _WRAPPERS),
            None,
        )
        value = node.child_by_field_name("value")
        if inner is None and (value is None or value.type not in _FUNCTIONS):
            return None
        node = inner if inner is not None else value  # type: ignore[assignment]  # seen just above
    return None


def _body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    body = node.child_by_field_name("body")
    if body is None:
        body = next((child for child in node.named_children if child.type == "function_body"), None)
    return body


def _parameter_list(node: tree_sitter.Node) -> tree_sitter.Node | None:
    holder: tree_sitter.Node | None = node
    while holder is not None:
        if (found := holder.child_by_field_name("parameters")) is not None:
            return found
        holder = holder.child_by_field_name("declarator")
    return next((child for child in node.named_children if child.type == "function_value_parameters"), None)
