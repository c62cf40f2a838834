"""Metrics of code: per function its complexity, length, nesting and parameters; per text its documentation.

Cyclomatic complexity is McCabe's (1976): 1 plus each decision. Cognitive complexity is SonarSource's (2018): each break
of the flow counts 1, and 1 more per level of nesting; a run of the same boolean operator counts once. A function inside
another is measured separately. Start at `measure`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes
from agents.reviewer.scanning.scan import Scan
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.scanning.scan import Item
    from indexing.syntax.documents import Document

_DECISIONS = {"branch", "chained", "elif", "loop", "case", "catch", "ternary", "boolean"}
_NESTS = {"branch", "loop", "switch", "catch", "ternary"}  # for cognitive complexity
_LEVELS = {"branch", "loop", "switch", "try", "with"}  # for the nesting that a reader has to keep in mind
_FLAT = {"elif", "else", "chained"}
_SELF_NAMES = {b"self", b"cls", b"this"}
_PLAIN_PARAMETERS = {
    "identifier",
    "simple_parameter",
    "parameter",
    "formal_parameter",
    "parameter_declaration",
    "typed_parameter",
}
_MEASURED = _DECISIONS | _NESTS | _LEVELS | _FLAT


@dataclass(frozen=True, slots=True)
class FunctionMetrics:
    """Metrics of one function.

    Attributes:
        name: as written in the code, "" if it has none.
        span: of the whole function, code points.
        name_span: of its name, code points.
        first_line: counted from 0.
        lines: lines of code, without blank lines, comments and documentation.
        cyclomatic: McCabe's complexity.
        cognitive: SonarSource's complexity.
        nesting: levels of nested statements.
        parameters: parameters without a default that can be passed by position.
        documented: it has a docstring, or a comment directly above.
    """

    name: str
    span: Span
    name_span: Span
    first_line: int
    lines: int
    cyclomatic: int
    cognitive: int
    nesting: int
    parameters: int
    documented: bool


@dataclass(frozen=True, slots=True)
class TextMetrics:
    """Metrics of one text.

    Attributes:
        lines: all lines.
        code_lines: lines with code.
        comment_lines: lines with nothing but a comment or a docstring.
        functions: in order of appearance.
        documentable: number of functions and classes that are neither nested in a function nor private by name.
        documented: number of these that are documented.
    """

    lines: int
    code_lines: int
    comment_lines: int
    functions: tuple[FunctionMetrics, ...]
    documentable: int = 0
    documented: int = 0


@dataclass(slots=True)
class FunctionComplexity:
    """The complexity of one function, summed up item by item.

    Attributes:
        cyclomatic: McCabe's complexity.
        decisions: like `cyclomatic`, but a switch counts as one decision however many cases it has.
        cognitive: SonarSource's complexity.
        levels: the first item of each nesting level, by level from 0.
    """

    cyclomatic: int = 1
    decisions: int = 1
    cognitive: int = 0
    levels: dict[int, Item] = field(default_factory=dict)


def measure_complexity(scan: Scan) -> dict[int, FunctionComplexity]:
    """Return the complexity of each function, by the `id` of its item."""
    found: dict[int, FunctionComplexity] = {id(item): FunctionComplexity() for item in scan.get_items("function")}
    for role in sorted(_MEASURED):
        for item in scan.get_items(role):
            _add_item(item, found)
    return found


def _add_item(item: Item, found: dict[int, FunctionComplexity]) -> None:
    """Add `item` to the complexity of the function around it, which `found` has by the `id` of the function's item."""
    function, depth, level = _locate_in_function(item)
    if function is None:
        return
    measured, role = found[id(function)], item.role
    if role in _DECISIONS:
        measured.cyclomatic += 1
    if role == "switch" or (role in _DECISIONS and role != "case"):
        measured.decisions += 1
    if role in _FLAT:
        measured.cognitive += 0 if role == "else" and _holds_else_if(item) else 1
    elif role in _NESTS:
        measured.cognitive += 1 + depth
    elif role == "boolean" and not _continues_boolean(item):
        measured.cognitive += 1
    if role in _LEVELS:
        known = measured.levels.get(level)
        if known is None or item.start < known.start:
            measured.levels[level] = item


def _locate_in_function(item: Item) -> tuple[Item | None, int, int]:
    """Return the function around `item` (None for none), its depth there for cognitive complexity, and its nesting."""
    depth = level = 0
    for around in item.walk_ancestors():
        role = around.role
        if role == "function":
            return around, depth, level
        depth += role in _NESTS
        level += role in _LEVELS
    return None, depth, level


def _holds_else_if(item: Item) -> bool:
    """Return whether the `else` clause `item` holds nothing but an `if`."""
    body = nodes.get_body(item.node)
    return body is not None and body.type in nodes.IFS


def _continues_boolean(item: Item) -> bool:
    """Return whether the boolean expression `item` is an operand of another one with the same operator."""
    around = item.parent
    return (
        around is not None
        and around.role == "boolean"
        and nodes.get_operator(around.node) == nodes.get_operator(item.node)
    )


def measure_document(document: Document) -> TextMetrics | None:
    """Parse `document` and return its metrics; None if it was not parsed or its language has no query."""
    scan = Scan.of(document, Syntax.of(document))
    return measure(scan) if scan is not None else None


def measure(scan: Scan) -> TextMetrics:
    """Return the metrics of a parsed text."""
    found, kinds = scan.compute_once(measure_complexity), scan.compute_once(LineKinds.of)
    functions = tuple(_measure_function(scan, item, found[id(item)], kinds) for item in scan.get_items("function"))
    definitions = [
        item
        for role in ("class", "function")
        for item in scan.get_items(role)
        if item.function is None and _is_public(scan, item.node)
    ]
    return TextMetrics(
        lines=len(kinds.code),
        code_lines=sum(kinds.code),
        comment_lines=sum(kinds.comment),
        functions=functions,
        documentable=len(definitions),
        documented=sum(is_documented(scan, item.node) for item in definitions),
    )


@dataclass(frozen=True, slots=True)
class LineKinds:
    """Flags by line, from 0: `code` if it holds code, `comment` if it holds nothing but a comment or a docstring."""

    code: list[bool]
    comment: list[bool]

    @classmethod
    def of(cls, scan: Scan) -> LineKinds:
        """Return the kinds of all lines of a text."""
        code = [bool(line.strip()) for line in scan.data.split(b"\n")]
        comment = [False] * len(code)
        for item in scan.get_items("comment") + scan.get_items("docstring"):
            (first, column), (last, _) = item.node.start_point, item.node.end_point
            line_start = item.start - column
            if scan.data[line_start : item.start].strip():
                first += 1  # the first line has code before the comment
            for line in range(first, min(last + 1, len(code))):
                comment[line] = code[line]
                code[line] = False
        return cls(code, comment)


def count_code_lines(node: tree_sitter.Node, kinds: LineKinds) -> int:
    """Return the number of lines of code of `node`, including the functions inside it."""
    return sum(kinds.code[node.start_point[0] : node.end_point[0] + 1])


def is_documented(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether the definition `node` has a docstring; in a language without these, a comment directly above."""
    body = node.child_by_field_name("body")
    if scan.grammar.entry.docstrings and body is not None:
        first = next((child for child in body.named_children if not scan.is_comment(child)), None)
        inner = first.named_child(0) if first is not None and first.type == "expression_statement" else first
        return inner is not None and inner.type in scan.grammar.entry.strings
    outer: tree_sitter.Node | None = node
    for _ in range(4):  # a definition may be wrapped in an export, a declaration, a decorated statement
        before = outer.prev_named_sibling if outer is not None else None
        while before is not None and ("attribute" in before.type or "decorator" in before.type):
            before = before.prev_named_sibling
        if before is not None:
            return outer is not None and scan.is_comment(before) and outer.start_point[0] - before.end_point[0] <= 1
        outer = outer.parent if outer is not None else None
    return False


def count_parameters(scan: Scan, node: tree_sitter.Node) -> int:
    """Return the number of parameters without a default that can be passed by position; `self` does not count."""
    declared = node.child_by_field_name("parameters")
    if declared is None and (declarator := node.child_by_field_name("declarator")) is not None:
        declared = declarator.child_by_field_name("parameters")
    if declared is None:
        return 0
    count = 0
    for child in declared.named_children:
        if child.type in {"list_splat_pattern", "keyword_separator"}:
            break
        if child.type not in _PLAIN_PARAMETERS and child.type != "required_parameter":
            continue
        if child.child_by_field_name("value") or child.child_by_field_name("default_value"):
            continue
        if not (count == 0 and scan.read_bytes(child).partition(b":")[0].strip() in _SELF_NAMES):
            count += max(1, len(child.children_by_field_name("name"))) if child.type == "parameter_declaration" else 1
    return count


def _measure_function(scan: Scan, item: Item, measured: FunctionComplexity, kinds: LineKinds) -> FunctionMetrics:
    """Return the metrics of the function `item`, whose complexity is in `measured`."""
    name = nodes.find_name(item.node)
    to_code_point = scan.lines.to_code_point
    return FunctionMetrics(
        name=scan.read_text(name) if "identifier" in name.type or name.type in {"name", "word", "constant"} else "",
        span=Span(to_code_point(item.start), to_code_point(item.end)),
        name_span=Span(to_code_point(name.start_byte), to_code_point(name.end_byte)),
        first_line=item.node.start_point[0],
        lines=count_code_lines(item.node, kinds),
        cyclomatic=measured.cyclomatic,
        cognitive=measured.cognitive,
        nesting=len(measured.levels),
        parameters=count_parameters(scan, item.node),
        documented=is_documented(scan, item.node),
    )


def _is_public(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether the definition has a name that does not begin with `_` or `#`."""
    name = node.child_by_field_name("name")
    return name is not None and not scan.read_bytes(name).startswith((b"_", b"#"))
