"""What is counted of code: per function its complexity, length, nesting and parameters; per text its documentation.

Cyclomatic complexity is McCabe's (1976): 1 plus each decision. Cognitive complexity is SonarSource's (2018): each break
of the flow counts 1 and 1 more per level it is nested in; a run of the same boolean operator counts once. Functions
inside functions are counted on their own. Start at `measure`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.reviewer.scanning import nodes
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    import tree_sitter

    from agents.reviewer.scanning.scan import Item, Scan

_DECISIONS = {"branch", "chained", "elif", "loop", "case", "catch", "ternary", "boolean"}
_NESTS = {"branch", "loop", "switch", "catch", "ternary"}  # for cognitive complexity
_LEVELS = {"branch", "loop", "switch", "try", "with"}  # for the depth a reader has to keep in mind
_FLAT = {"elif", "else", "chained"}
_SELVES = {b"self", b"cls", b"this"}
_BARE = {"identifier", "simple_parameter", "parameter", "formal_parameter", "parameter_declaration", "typed_parameter"}
_MEASURED = _DECISIONS | _NESTS | _LEVELS | _FLAT


@dataclass(frozen=True, slots=True)
class FunctionMetrics:
    """One function in figures.

    Attributes:
        name: as it is written, "" for none.
        span: the whole function, code points.
        name_span: its name, code points.
        first_line: from 0.
        lines: lines of code: neither blank nor only comment, its documentation left out.
        cyclomatic: McCabe's complexity.
        cognitive: SonarSource's complexity.
        nesting: levels of nested statements.
        parameters: parameters that a caller may give by position and that have no default.
        documented: there is a docstring, or a comment right above.
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
    """A text in figures.

    Attributes:
        lines: all lines.
        code_lines: lines that hold code.
        comment_lines: lines that hold nothing but comment, docstrings included.
        functions: its functions, in order.
        documentable: functions and classes that a reader would look up: not nested in a function, not private by name.
        documented: how many of these are documented.
    """

    lines: int
    code_lines: int
    comment_lines: int
    functions: tuple[FunctionMetrics, ...]
    documentable: int = 0
    documented: int = 0


@dataclass(slots=True)
class Weight:
    """What adds up for one function.

    Attributes:
        cyclomatic: McCabe's complexity.
        decisions: the same, with a switch of many labels counted as one decision.
        cognitive: SonarSource's complexity.
        levels: the first item of each level of nesting, from 0.
    """

    cyclomatic: int = 1
    decisions: int = 1
    cognitive: int = 0
    levels: dict[int, Item] = field(default_factory=dict)


def weights(scan: Scan) -> dict[int, Weight]:
    """The weight of each function, by the identity of its item."""
    found: dict[int, Weight] = {id(item): Weight() for item in scan.of_role("function")}
    for role in sorted(_MEASURED):
        for item in scan.of_role(role):
            _weigh(item, found)
    return found


def _weigh(item: Item, found: dict[int, Weight]) -> None:
    function, depth, level = _within(item)
    if function is None:
        return
    weight, role = found[id(function)], item.role
    if role in _DECISIONS:
        weight.cyclomatic += 1
    if role == "switch" or (role in _DECISIONS and role != "case"):
        weight.decisions += 1
    if role in _FLAT:
        weight.cognitive += 0 if role == "else" and _holds_chained(item) else 1
    elif role in _NESTS:
        weight.cognitive += 1 + depth
    elif role == "boolean" and not _continues(item):
        weight.cognitive += 1
    if role in _LEVELS:
        known = weight.levels.get(level)
        if known is None or item.start < known.start:
            weight.levels[level] = item


def _within(item: Item) -> tuple[Item | None, int, int]:
    """The function around it, and how deep it is nested in there: for cognitive complexity, and in levels."""
    depth = level = 0
    for around in item.ancestors():
        role = around.role
        if role == "function":
            return around, depth, level
        depth += role in _NESTS
        level += role in _LEVELS
    return None, depth, level


def _holds_chained(item: Item) -> bool:
    held = nodes.body(item.node)
    return held is not None and held.type in nodes.IFS


def _continues(item: Item) -> bool:
    around = item.parent
    return around is not None and around.role == "boolean" and nodes.operator(around.node) == nodes.operator(item.node)


def measure(scan: Scan) -> TextMetrics:
    """All figures of a text."""
    found, kinds = scan.once(weights), scan.once(LineKinds.of)
    functions = tuple(_function(scan, item, found[id(item)], kinds) for item in scan.of_role("function"))
    definitions = [
        item
        for role in ("class", "function")
        for item in scan.of_role(role)
        if item.function is None and _public(scan, item.node)
    ]
    return TextMetrics(
        lines=len(kinds.code),
        code_lines=sum(kinds.code),
        comment_lines=sum(kinds.comment),
        functions=functions,
        documentable=len(definitions),
        documented=sum(documented(scan, item.node) for item in definitions),
    )


@dataclass(frozen=True, slots=True)
class LineKinds:
    """For each line whether it holds code, and whether it holds nothing but comment."""

    code: list[bool]
    comment: list[bool]

    @classmethod
    def of(cls, scan: Scan) -> LineKinds:
        """Look at all lines of a text."""
        code = [bool(line.strip()) for line in scan.data.split(b"\n")]
        comment = [False] * len(code)
        for item in scan.of_role("comment") + scan.of_role("docstring"):
            (first, column), (last, _) = item.node.start_point, item.node.end_point
            line_start = item.start - column
            if scan.data[line_start : item.start].strip():
                first += 1  # behind code
            for line in range(first, min(last + 1, len(code))):
                comment[line] = code[line]
                code[line] = False
        return cls(code, comment)


def code_lines(node: tree_sitter.Node, kinds: LineKinds) -> int:
    """Lines of code of a function, those of functions inside of it included."""
    return sum(kinds.code[node.start_point[0] : node.end_point[0] + 1])


def documented(scan: Scan, node: tree_sitter.Node) -> bool:
    """Whether there is a docstring, or a comment right above."""
    held = node.child_by_field_name("body")
    if scan.grammar.entry.docstrings and held is not None:
        first = next((child for child in held.named_children if not scan.is_comment(child)), None)
        inner = first.named_child(0) if first is not None and first.type == "expression_statement" else first
        return inner is not None and inner.type in scan.grammar.entry.strings
    outer: tree_sitter.Node | None = node
    for _ in range(4):  # a definition may stand in an export, a declaration, a decorated statement
        before = outer.prev_named_sibling if outer is not None else None
        while before is not None and ("attribute" in before.type or "decorator" in before.type):
            before = before.prev_named_sibling
        if before is not None:
            return outer is not None and scan.is_comment(before) and outer.start_point[0] - before.end_point[0] <= 1
        outer = outer.parent if outer is not None else None
    return False


def parameters(scan: Scan, node: tree_sitter.Node) -> int:
    """Parameters that a caller may give by position and that have no default."""
    held = node.child_by_field_name("parameters")
    if held is None and (declarator := node.child_by_field_name("declarator")) is not None:
        held = declarator.child_by_field_name("parameters")
    if held is None:
        return 0
    count = 0
    for child in held.named_children:
        if child.type in {"list_splat_pattern", "keyword_separator"}:
            break
        if child.type not in _BARE and child.type != "required_parameter":
            continue
        if child.child_by_field_name("value") or child.child_by_field_name("default_value"):
            continue
        if not (count == 0 and scan.bytes(child).partition(b":")[0].strip() in _SELVES):
            count += max(1, len(child.children_by_field_name("name"))) if child.type == "parameter_declaration" else 1
    return count


def _function(scan: Scan, item: Item, weight: Weight, kinds: LineKinds) -> FunctionMetrics:
    name = nodes.name_of(item.node)
    points = scan.lines.to_point
    return FunctionMetrics(
        name=scan.text(name) if "identifier" in name.type or name.type in {"name", "word", "constant"} else "",
        span=Span(points(item.start), points(item.end)),
        name_span=Span(points(name.start_byte), points(name.end_byte)),
        first_line=item.node.start_point[0],
        lines=code_lines(item.node, kinds),
        cyclomatic=weight.cyclomatic,
        cognitive=weight.cognitive,
        nesting=len(weight.levels),
        parameters=parameters(scan, item.node),
        documented=documented(scan, item.node),
    )


def _public(scan: Scan, node: tree_sitter.Node) -> bool:
    name = node.child_by_field_name("name")
    return name is not None and not scan.bytes(name).startswith((b"_", b"#"))
