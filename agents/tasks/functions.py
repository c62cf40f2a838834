"""Functions in a syntax tree: head, parameters, documentation and body, for all languages that have functions.

Reads an existing tree; never parses and never fails: parts that the grammar did not recognise are None or "". All spans
are code points. Start at `find_function_at`.
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
_INNER = frozenset(
    {"block", "statement_list", "statements"}
)  # nodes between a body and its statements, in some grammars
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
    """One parameter of a function.

    Attributes:
        name: without stars and other marks.
        span: the whole parameter, with type and default.
        name_end: offset where a type annotation would go.
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
        name: the identifier, without its class or module.
        span: the whole definition, with decorators and `export`.
        start: offset of the definition itself, after decorators.
        body: the block, braces included; empty after a Python head without a body yet.
        braced: whether the body is in braces.
        statements: the body's statements, without comments and docstring.
        docstring: the docstring, in languages that have them.
        parameters: without the receiver (`self`).
        receiver: whether there is a receiver.
        parameters_end: offset after the closing parenthesis.
        returns: the declared type, "" for none.
        container: name of the class around it, "" for none.
        declared_only: whether an empty body is intended: abstract methods, overloads, methods of protocols.
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
        """The name, prefixed with the name of its class."""
        return f"{self.container}.{self.name}" if self.container else self.name

    def is_stub(self, text: str) -> bool:
        """Return whether the body does nothing yet, although it should; `text` is the document's text.

        A body does nothing if it is empty or has only statements such as `pass` or `raise NotImplementedError`.
        """
        if self.declared_only:
            return False
        return all(_STUB.fullmatch(text[each.start : each.end].strip()) for each in self.statements)


def find_function_at(syntax: Syntax, offset: int) -> Function | None:
    """Return the innermost function at `offset`, which may be anywhere on the lines of its head; None without one.

    On a blank line, that may be the function without statements right above.
    """
    parsed = syntax.parsed
    if parsed is None:
        return None
    return _Reader(syntax.text, ByteLines(syntax.text, parsed.data), parsed.grammar.entry.docstrings).find_at(
        parsed.tree.root_node, offset
    )


def list_functions(syntax: Syntax, limit: int = 2000) -> tuple[Function, ...]:
    """Return the named functions of a text in order, nested ones included, at most `limit`."""
    parsed = syntax.parsed
    if parsed is None:
        return ()
    reader = _Reader(syntax.text, ByteLines(syntax.text, parsed.data), parsed.grammar.entry.docstrings)
    found: list[Function] = []
    waiting = [parsed.tree.root_node]
    while waiting and len(found) < limit:
        node = waiting.pop()
        if node.type in _FUNCTIONS and (function := reader.read_function(node)) is not None:
            found.append(function)
        waiting.extend(reversed(node.named_children))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reader:
    """The access to the functions of one tree."""

    text: str
    lines: ByteLines
    docstrings: bool

    def find_at(self, root: tree_sitter.Node, offset: int) -> Function | None:
        """Return the innermost function at `offset`; on a blank line, else the empty function above; else None."""
        line_start = self.text.rfind("\n", 0, offset) + 1
        line_end = self.text.find("\n", offset)
        line = self.text[line_start : line_end if line_end >= 0 else len(self.text)]
        first = line_start + len(line) - len(line.lstrip())
        for place in (min(max(offset, first), line_start + len(line.rstrip())), first):
            at = self.lines.to_byte(place, self.text)
            node = root.descendant_for_byte_range(at, at)
            while node is not None:
                inner = _unwrap_definition(node)
                if inner is not None and (function := self.read_function(inner)) is not None:
                    return function
                node = node.parent
        return self._find_empty_above(root, line_start) if not line.strip() else None

    def _find_empty_above(self, root: tree_sitter.Node, line_start: int) -> Function | None:
        """Return the function whose head is right above the blank line at `line_start`, if it has no statements yet.

        Returns None if there is no such function. One more blank line may be between the two.
        """
        head = self.text[:line_start].rstrip()
        if not head or self.text.count("\n", len(head), line_start) > 2:
            return None
        at = self.lines.to_byte(len(head) - 1, self.text)
        node = root.descendant_for_byte_range(at, at)
        while node is not None:
            if node.type in _FUNCTIONS:
                function = self.read_function(node)
                return function if function is not None and not function.statements else None
            node = node.parent
        return None

    def to_span(self, node: tree_sitter.Node) -> Span:
        """Return the node's span in code points."""
        return Span(self.lines.to_code_point(node.start_byte), self.lines.to_code_point(node.end_byte))

    def read_text(self, node: tree_sitter.Node | None) -> str:
        """Return the node's text, "" for None."""
        if node is None:
            return ""
        span = self.to_span(node)
        return self.text[span.start : span.end]

    def read_function(self, node: tree_sitter.Node) -> Function | None:
        """Return the record of a function node; None where it has no name or no body."""
        name = self._read_name(node)
        body = _find_body(node)
        if not name or body is None:
            return None
        outer = node
        while outer.parent is not None and (
            outer.parent.type in _WRAPPERS or outer.parent.type == "variable_declarator"
        ):
            outer = outer.parent
        statements, docstring = self._read_statements(body)
        listing = _find_parameter_list(node)
        parameters, receiver = self._read_parameters(listing) if listing is not None else ((), False)
        container = self._find_class(outer)
        whole = self.to_span(outer)
        head = self.text[whole.start : self.to_span(body).start]
        around = self.read_text(container).split("\n", 1)[0] if container is not None else ""
        return Function(
            name=name,
            span=whole,
            start=self.to_span(node).start,
            body=self.to_span(body),
            braced=self.read_text(body).startswith("{"),
            statements=statements,
            docstring=docstring,
            parameters=parameters,
            receiver=receiver,
            parameters_end=self.to_span(listing).end if listing is not None else 0,
            returns=self._read_return_type(node),
            container=self._read_name(container) if container is not None else "",
            declared_only=bool(_DECLARED_ONLY.search(head) or _PROTOCOL.match(around)),
        )

    def _read_name(self, node: tree_sitter.Node) -> str:
        """Return the last part of the name that the node defines, "" for none."""
        found = node.child_by_field_name("name") or node.child_by_field_name("declarator")
        while found is not None and found.type not in _NAMES:
            found = found.child_by_field_name("declarator") or found.child_by_field_name("name")
        if found is None and node.parent is not None and node.parent.type == "variable_declarator":
            found = node.parent.child_by_field_name("name")
        return re.split(r"::|\.", self.read_text(found))[-1]

    def _read_statements(self, body: tree_sitter.Node) -> tuple[tuple[Span, ...], Span | None]:
        """Return the spans of the statements in a body, and of the docstring before them, None without one."""
        inner = body
        while inner.named_child_count == 1 and (only := inner.named_child(0)) is not None and only.type in _INNER:
            inner = only
        nodes = [child for child in inner.named_children if "comment" not in child.type]
        docstring = None
        if self.docstrings and nodes and nodes[0].type == "expression_statement":
            first = nodes[0].named_child(0)
            if first is not None and first.type == "string":
                docstring = self.to_span(nodes.pop(0))
        return tuple(self.to_span(each) for each in nodes), docstring

    def _read_return_type(self, node: tree_sitter.Node) -> str:
        """Return the declared return type of a function node, "" for none."""
        for name in ("return_type", "result", "returns", "type"):
            if (found := node.child_by_field_name(name)) is not None:
                return self.read_text(found).lstrip(":-> ").strip()
        return ""

    def _find_class(self, node: tree_sitter.Node) -> tree_sitter.Node | None:
        """Return the node of the class around `node`; None if there is none, or a function is nearer."""
        around = node.parent
        while around is not None:
            if around.type in _FUNCTIONS:
                return None
            if "class" in around.type and "body" not in around.type:
                return around
            around = around.parent
        return None

    def _read_parameters(self, listing: tree_sitter.Node) -> tuple[tuple[Parameter, ...], bool]:
        """Return the parameters that have names in a parameter list, without the receiver, and whether it has one."""
        found: list[Parameter] = []
        receiver = False
        for node in listing.named_children:
            if "comment" in node.type or node.type in {"positional_separator", "keyword_separator"}:
                continue
            parameter = self._read_parameter(node)
            if parameter is None or parameter.name in _RECEIVERS or node.type == "self_parameter":
                receiver = receiver or parameter is not None
            else:
                found.append(parameter)
        return tuple(found), receiver

    def _read_parameter(self, node: tree_sitter.Node) -> Parameter | None:
        """Return the parameter at `node`; None for a destructuring pattern, which has no name."""
        named = node.child_by_field_name("name") or node.child_by_field_name("pattern")
        named = named or node.child_by_field_name("declarator")
        if named is None:
            named = node if not node.named_child_count else node.named_child(0)
        while named is not None and named.type not in _NAMES and named.named_child_count:
            named = named.child_by_field_name("declarator") or named.named_child(0)
        whole = self.read_text(node)
        if named is None or whole.startswith(("{", "[")):  # destructured at once: the parameter has no name
            return None
        star = "**" if whole.startswith("**") else "*" if whole.startswith("*") else ""
        return Parameter(
            self.read_text(named).lstrip("$&*"),
            self.to_span(node),
            self.to_span(named).end,
            self.read_text(node.child_by_field_name("type")).lstrip(": "),
            self.read_text(node.child_by_field_name("value")),
            star if "identifier" in named.type else "",
        )


def _unwrap_definition(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the function node that `node` is or wraps (decorators, `export`, declared variables); None for neither."""
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
        node = inner if inner is not None else value  # type: ignore[assignment]  # checked just above
    return None


def _find_body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the node of a function's body; None if it has none."""
    body = node.child_by_field_name("body")
    if body is None:
        body = next((child for child in node.named_children if child.type == "function_body"), None)
    return body


def _find_parameter_list(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """Return the node of a function's parameter list; None if it has none."""
    holder: tree_sitter.Node | None = node
    while holder is not None:
        if (found := holder.child_by_field_name("parameters")) is not None:
            return found
        holder = holder.child_by_field_name("declarator")
    return next((child for child in node.named_children if child.type == "function_value_parameters"), None)
