"""Rules about conditions: what compares with itself, asks twice, or decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.records import Severity
from agents.reviewer import nodes
from agents.reviewer.rules.record import Hit, Mend, Replacement, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.policy import ReviewPolicy
    from agents.reviewer.scan import Item, Scan

_INEQUALITIES = {"!=", "!==", "~=", "<>"}
_TYPEOF = {"undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint"}
_CASES = {"switch_case", "case_statement", "when", "case_item"}
_GUARDS = {"if_guard", "unless_guard", "guard"}
_ASSERTIONS = {"assert_statement", "macro_invocation"}


def self_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`a == a`; not `a != a`, which asks for NaN, and not in an assertion, which tests the operator itself."""
    sides = nodes.operands(item.node)
    if sides is None or scan.bytes(sides[0]) != scan.bytes(sides[1]) or nodes.calls(sides[0]):
        return
    if nodes.operator(item.node) in _INEQUALITIES or _is_asserted(scan, item.node):
        return
    yield at(
        item.node,
        f"`{_short(scan, sides[0])}` is compared with itself, so the answer is always the same; "
        "one side was probably meant to be something else.",
    )


def repeated_operand(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """`a and b and a`: the second `a` adds nothing."""
    if item.parent is not None and item.parent.role == "boolean" and _same_sign(item, item.parent):
        return
    sign = nodes.operator(item.node)
    seen: set[bytes] = set()
    operands = _flat(item.node, sign)
    for number, operand in enumerate(operands):
        text = scan.bytes(operand)
        gives = number == len(operands) - 1 and scan.bytes(operands[number - 1]) != text  # `a and good(a) and a`
        if text in seen and not gives and not nodes.calls(operand):
            yield at(
                operand,
                f"`{_short(scan, operand)}` stands twice in this `{sign}`, so the second one changes nothing; "
                "another operand was probably meant.",
            )
        seen.add(text)


def duplicate_condition(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """The same question twice in one chain of `if` and `else if`."""
    seen: set[bytes] = set()
    for condition, _body in scan.chain(item):
        if condition is None:
            continue
        inner = nodes.unwrapped(condition)
        text = scan.bytes(inner)
        if text in seen and not nodes.calls(inner):
            yield at(
                condition,
                f"`{_short(scan, inner)}` was asked before in this chain, so this branch is never taken.",
            )
        seen.add(text)


def same_branches(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """An `if` with an `else` where all branches do the same."""
    if item.role == "ternary":
        one, other = item.node.child_by_field_name("consequence"), item.node.child_by_field_name("alternative")
        if scan.language == "python":
            one, _condition, other = (*item.node.named_children, None, None, None)[:3]
        if one is not None and other is not None and scan.bytes(one) == scan.bytes(other):
            yield at(item.node, "Both outcomes of this condition are the same, so it decides nothing.")
        return
    branches = scan.chain(item)
    if len(branches) < 2 or branches[-1][0] is not None:
        return
    texts = {_written(scan, body) for _, body in branches}
    if len(texts) == 1 and next(iter(texts)):
        head = branches[0][0]
        yield Hit(
            item.start,
            head.end_byte if head is not None else item.end,
            "All branches of this condition do the same, so it decides nothing; one was probably meant to differ.",
        )


def duplicate_case(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """The same value in two cases of one `switch`."""
    seen: set[bytes] = set()
    held = item.node.child_by_field_name("body") or item.node
    for case in held.named_children:
        if case.type not in _CASES or any(child.type in _GUARDS for child in case.named_children):
            continue
        values = case.children_by_field_name("value") or case.children_by_field_name("pattern")
        for value in values:
            text = scan.bytes(value)
            if text in seen and not nodes.calls(value):
                yield at(value, f"`{_short(scan, value)}` has a case above already, so this one is never taken.")
            seen.add(text)


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
    """NaN equals nothing, itself included."""
    around = item.node.parent or item.node
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
    """`if (a = 1)`; a second pair of brackets or a call at the right says that it is meant."""
    sides = nodes.operands(item.node)
    if sides is not None and not nodes.calls(sides[1]) and nodes.operator(item.node) in {"=", ""}:
        yield at(
            item.node,
            "This assigns instead of comparing, so the condition is whatever was assigned. Write the comparison, or a "
            "second pair of brackets if the assignment is meant.",
        )


def idle_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """A comparison whose answer nobody reads."""
    if nodes.calls(item.node) and scan.language != "python":
        return
    if scan.language == "python" and (_last_of_notebook(scan, item) or _must_raise(scan, item)):
        return
    yield at(
        item.node,
        "The answer of this comparison is thrown away; an assignment, an `assert` or a `return` was probably meant.",
    )


def _must_raise(scan: Scan, item: Item) -> bool:
    around = item.parent
    return around is not None and around.role == "with" and b"aises" in scan.bytes(around.node).partition(b":")[0]


def _is_asserted(scan: Scan, node: tree_sitter.Node) -> bool:
    """Whether a test is about the comparison itself: `assert a == a`, `self.assertTrue(a <= a)`."""
    around = node.parent
    if around is None or around.type in _ASSERTIONS:
        return around is not None
    call = around.parent if "argument" in around.type else None
    return call is not None and b"assert" in scan.data[call.start_byte : around.start_byte].lower()


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
    Rule("none-comparison", Severity.WARNING, ("none",), none_comparison, equals=("E711",)),
    Rule("nan-comparison", Severity.ERROR, ("nan",), nan_comparison, equals=("PLW0177", "use-isnan")),
    Rule("negated-operand", Severity.ERROR, ("negated",), negated_operand, equals=("no-unsafe-negation",)),
    Rule("impossible-typeof", Severity.ERROR, ("typeof",), impossible_typeof, equals=("valid-typeof",)),
    Rule("assigned-condition", Severity.WARNING, ("assigned",), assigned_condition, equals=("no-cond-assign",)),
    Rule("idle-comparison", Severity.WARNING, ("idle",), idle_comparison, equals=("B015", "no-unused-expressions")),
)
