"""Rules about conditions: what compares with itself, asks twice, or decides nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Mend, Replacement, Rule, at
from agents.reviewer.scanning import nodes, sameness
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_COMPARES = {"==", "===", "<", ">", "<=", ">=", "is"}  # `!=` asks for NaN
_MAY_ASK_FOR_NAN = {"==", "===", "<=", ">="}
_TYPEOF = {"undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint", "unknown"}  # old IE
_TYPE_TEST = re.compile(
    rb"\btypeof\b|\binstanceof\b|\bis\b|\bin\b|isArray|===|!==|\bcase\b|\blet\b|is_same|constexpr|\bnull\b|_v<|::value"
)
_EXPECTS = re.compile(rb"aises|arn|suppress|throws|error", re.IGNORECASE)
_MEASURES = re.compile(r"^(?:time|bench|peakmem|mem|track)_")
_SIGNS = {"==", "!=", "<", ">", "<=", ">=", "===", "!==", "~=", "<>"}
_TELLING = {"identifier", "variable_name", "constant", "true", "false", "null", "nil", "number", "string", "integer"}
_MOST_NAMED = 3  # of the values of one case
_CASES = {"switch_case", "case_statement", "when", "case_item"}
_GUARDS = {"if_guard", "unless_guard", "guard"}


def self_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield `a.b == a.b`; neither what asks for NaN nor what a test asserts."""
    sides, sign = nodes.operands(item.node), nodes.operator(item.node)
    if sides is None or sign not in _COMPARES or scan.bytes(sides[0]) != scan.bytes(sides[1]):
        return
    if not sameness.is_steady(scan, sides[0]) or sameness.is_tested(scan, item):
        return
    if sign in _MAY_ASK_FOR_NAN and sameness.asks_for_nan(scan, item, sides[0]):
        return
    yield at(
        item.node,
        f"`{_short(scan, sides[0])}` is compared with itself, so the other side decides nothing; "
        "one side was probably meant to be something else.",
    )


def repeated_operand(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield the second `a` of `a and b and a`, which adds nothing."""
    if item.parent is not None and item.parent.role == "boolean" and _same_sign(item, item.parent):
        return
    if sameness.is_asserted(scan, item) and sameness.is_test(scan, item):
        return  # the test is about the operator
    sign = nodes.operator(item.node)
    asked = _Asked(scan)
    operands = _flat(item.node, sign)
    for number, operand in enumerate(operands):
        text = scan.bytes(operand)
        gives = number == len(operands) - 1 and scan.bytes(operands[number - 1]) != text  # `a and good(a) and a`
        if asked.again(operand) and not gives:
            said = f"`{_short(scan, operand)}` stands twice in this `{sign}`, so the second one changes nothing"
            if _chooses(item):
                yield at(operand, f"{said} and can go.", severity=Severity.HINT)
            else:
                yield at(operand, f"{said}; another operand was probably meant.")


def _chooses(item: Item) -> bool:
    """Return whether the chain is the first part of `a and a or b`, which chooses a value."""
    around = item.parent
    chooses = around is not None and around.role == "boolean"
    return (
        chooses
        and around is not None
        and nodes.operator(around.node) in {"or", "||"}
        and nodes.operator(item.node) in {"and", "&&"}
        and around.node.named_child(0) == item.node
    )


def duplicate_condition(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a question that was asked before in the same chain of `if` and `else if`."""
    asked = _Asked(scan)
    for condition, _body in nodes.branches(scan, item):
        if condition is None:
            continue
        inner = nodes.unwrapped(condition)
        if asked.again(inner):
            yield at(
                condition,
                f"`{_short(scan, inner)}` was asked before in this chain, so this branch is never taken.",
            )


class _Asked:
    """The questions asked so far whose answers still hold."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._texts: set[bytes] = set()

    def again(self, question: tree_sitter.Node) -> bool:
        """Return whether `question` was asked before; forget all answers where it may change them."""
        if not sameness.is_steady(self._scan, question):
            self._texts.clear()
            return False
        text = self._scan.bytes(question)
        known = text in self._texts
        self._texts.add(text)
        return known


def same_branches(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield an `if` with an `else` where all branches do the same."""
    if item.role == "ternary":
        yield from _same_outcomes(scan, item)
        return
    branches = nodes.branches(scan, item)
    if len(branches) < 2 or branches[-1][0] is not None:
        return
    texts = {_written(scan, body) for _, body in branches}
    conditions = [condition for condition, _ in branches if condition is not None]
    if scan.has_comment(item.node):
        return  # somebody says why
    if len(texts) != 1 or not next(iter(texts)) or any(_narrows(scan, each) for each in conditions):
        return
    end = min(conditions[0].end_byte, branches[0][1].start_byte)
    yield Hit(
        item.start,
        end,
        "All branches of this condition do the same, so it decides nothing; one was probably meant to differ.",
    )


def _same_outcomes(scan: Scan, item: Item) -> Iterator[Hit]:
    one, other = item.node.child_by_field_name("consequence"), item.node.child_by_field_name("alternative")
    condition = item.node.child_by_field_name("condition")
    if condition is None:  # a grammar without fields: Python's
        one, condition, other = (*item.node.named_children, None, None, None)[:3]
    if one is None or other is None or scan.bytes(one) != scan.bytes(other):
        return
    if condition is None or not _narrows(scan, condition):
        yield at(item.node, "Both outcomes of this condition are the same, so it decides nothing.")


def _narrows(scan: Scan, condition: tree_sitter.Node) -> bool:
    """Return whether a compiler takes the same text for something else behind this test of a type."""
    return scan.has(Trait.TYPE_TESTS_NARROW) and _TYPE_TEST.search(scan.bytes(condition)) is not None


def duplicate_case(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield the same value in two cases of one `switch`."""
    asked = _Asked(scan)
    held = item.node.child_by_field_name("body") or item.node
    for case in held.named_children:
        if case.type not in _CASES or any(child.type in _GUARDS for child in case.named_children):
            continue
        known = [value for value in _values(case) if asked.again(value)]
        if known:
            names = ", ".join(f"`{_short(scan, value)}`" for value in known[:_MOST_NAMED])
            more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
            verb, taken = ("has", "this one is") if len(known) == 1 else ("have", "these are")
            yield at(known[0], f"{names}{more} {verb} a case above already, so {taken} never taken.")
        if any(child.type == ";;&" for child in case.children):
            asked = _Asked(scan)  # Bash goes on asking


def _values(case: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return what a case is for; of Bash only patterns of one part, for a pattern's parts stand side by side."""
    if case.type != "case_item":
        return case.children_by_field_name("value") or case.children_by_field_name("pattern")
    values: list[tree_sitter.Node] = []
    parts: list[tree_sitter.Node] = []
    for child in case.children:
        if child.type in {"|", ")"}:
            values += parts if len(parts) == 1 else []
            parts = []
            if child.type == ")":
                break
        elif child.is_named:
            parts.append(child)
    return values


def none_comparison(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`== None` where the answer decides; in the arguments of a call it may build a query."""
    node = item.node
    sign = node.child_by_field_name("operators")
    if node.named_child_count != 2 or sign is None or sign.type not in {"==", "!="}:
        return
    around = node.parent
    while around is not None and around.type in {"boolean_operator", "not_operator", "parenthesized_expression"}:
        around = around.parent
    deciding = {"if_statement", "elif_clause", "while_statement", "assert_statement", "conditional_expression"}
    if around is None or around.type not in deciding:
        return
    better = "is" if sign.type == "==" else "is not"
    mend = Mend(f"Compare with `{better} None`", (Replacement(sign.start_byte, sign.end_byte, better),))
    yield at(
        node,
        f"`{sign.type} None` asks the object's own `__eq__`, which may answer anything; `{better} None` asks whether "
        "there is a value.",
        mend,
    )


def nan_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a comparison with NaN, which equals nothing, itself included."""
    around = item.node.parent or item.node
    sides = nodes.operands(around)
    if sides is None or nodes.operator(around) not in _SIGNS or scan.bytes(sides[0]) == scan.bytes(sides[1]):
        return
    yield at(
        around,
        f"NaN equals nothing, not even itself, so this comparison with `{scan.text(item.node)}` always gives the same "
        "answer; ask with `isnan` instead.",
    )


def negated_operand(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`!key in object` asks for `false in object`."""
    sign = nodes.operator(item.node)
    yield at(
        item.node,
        f"`!` binds closer than `{sign}`: this looks for `true` or `false`. Brackets round the whole of what is "
        "negated say what was meant.",
    )


def impossible_typeof(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`typeof x === "nunber"` is never true."""
    word = scan.text(item.node)[1:-1]
    if word not in _TYPEOF:
        yield at(item.node, f"`typeof` never gives `{word}`, so this comparison always has the same answer.")


def assigned_condition(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield `if (a = 1)`; a second pair of brackets, or a value that has to be fetched, says that it is meant."""
    sides = nodes.operands(item.node)
    if sides is None or nodes.operator(item.node) not in {"=", ""}:
        return
    if "literal" in sides[1].type or sides[1].type in _TELLING:
        yield at(
            item.node,
            "This assigns instead of comparing, so the condition is whatever was assigned. Write the comparison, or a "
            "second pair of brackets if the assignment is meant.",
        )


def idle_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Yield a comparison whose answer nobody reads."""
    if nodes.acts(item.node) and scan.language != "python":
        return
    inner = nodes.first(item.node) or item.node
    if scan.language == "python" and (_last_of_notebook(scan, item) or nodes.operator(inner) not in _SIGNS):
        return
    if _may_raise_on_purpose(scan, item):
        return
    yield at(
        item.node,
        "The answer of this comparison is thrown away; an assignment, an `assert` or a `return` was probably meant.",
    )


def _may_raise_on_purpose(scan: Scan, item: Item) -> bool:
    """Return whether the comparison is tried for its error, or measured: in `try`, `with raises(...)`, a callback."""
    for around in item.ancestors():
        if around.role == "with":
            if _EXPECTS.search(scan.bytes(around.node).partition(b":\n")[0]):
                return True
        elif around.role == "try":
            return True
        elif around.role == "function":
            is_argument = around.node.parent is not None and "argument" in around.node.parent.type
            return is_argument or _MEASURES.search(scan.text(nodes.name_of(around.node))) is not None
    return False


def _last_of_notebook(scan: Scan, item: Item) -> bool:
    return scan.document.path is None or (item.node.next_named_sibling is None and item.parent is None)


def _flat(node: tree_sitter.Node, sign: str) -> list[tree_sitter.Node]:
    """The operands of a chain of the same operator, from left to right."""
    found: list[tree_sitter.Node] = []
    stack = [node]
    while stack:
        each = nodes.unwrapped(stack.pop())
        sides = nodes.operands(each) if each.type == node.type and nodes.operator(each) == sign else None
        if sides is None:
            found.append(each)
        else:
            stack += [sides[1], sides[0]]
    return found


def _same_sign(one: Item, other: Item) -> bool:
    return nodes.operator(one.node) == nodes.operator(other.node)


def _written(scan: Scan, body: tree_sitter.Node) -> bytes:
    """A body's statements, without comments and without the spaces between them."""
    return b"\n".join(b" ".join(scan.bytes(each).split()) for each in nodes.statements(body, scan))


def _short(scan: Scan, node: tree_sitter.Node) -> str:
    text = " ".join(scan.text(node).split())
    return text if len(text) <= 40 else text[:37] + "..."


RULES = (
    Rule(
        "self-comparison",
        Severity.WARNING,
        ("comparison",),
        self_comparison,
        equals=("PLR0124", "R0124", "no-self-compare"),
    ),
    Rule("repeated-operand", Severity.WARNING, ("boolean",), repeated_operand, equals=("SIM222", "SIM223")),
    Rule("duplicate-condition", Severity.WARNING, ("branch",), duplicate_condition, equals=("no-dupe-else-if",)),
    Rule("same-branches", Severity.WARNING, ("branch", "ternary"), same_branches, equals=("RUF034",)),
    Rule("duplicate-case", Severity.WARNING, ("switch",), duplicate_case, equals=("no-duplicate-case",)),
    Rule("none-comparison", Severity.HINT, ("none",), none_comparison, equals=("E711",)),
    Rule("nan-comparison", Severity.ERROR, ("nan",), nan_comparison, equals=("PLW0177", "use-isnan")),
    Rule("negated-operand", Severity.ERROR, ("negated",), negated_operand, equals=("no-unsafe-negation",)),
    Rule("impossible-typeof", Severity.ERROR, ("typeof",), impossible_typeof, equals=("valid-typeof",)),
    Rule("assigned-condition", Severity.WARNING, ("assigned",), assigned_condition, equals=("no-cond-assign",)),
    Rule("idle-comparison", Severity.WARNING, ("idle",), idle_comparison, equals=("B015", "no-unused-expressions")),
)
