"""Rules about conditions that compare a value with itself, repeat another, or decide nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import ByteEdit, ByteFix, Hit, Rule, make_hit
from agents.reviewer.scanning import nodes, repeatability, testing_code
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.scan import Item, Scan

_SELF_COMPARISONS = {"==", "===", "<", ">", "<=", ">=", "is"}  # without `!=`, which tests for NaN
_MAY_TEST_FOR_NAN = {"==", "===", "<=", ">="}
_TYPEOF_RESULTS = {"undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint", "unknown"}
_TYPE_TEST = re.compile(
    rb"\btypeof\b|\binstanceof\b|\bis\b|\bin\b|isArray|===|!==|\bcase\b|\blet\b|is_same|constexpr|\bnull\b|_v<|::value"
)
_EXPECTED_ERRORS = re.compile(rb"aises|arn|suppress|throws|error", re.IGNORECASE)
_BENCHMARK_NAMES = re.compile(r"^(?:time|bench|peakmem|mem|track)_")
_COMPARISON_OPERATORS = {"==", "!=", "<", ">", "<=", ">=", "===", "!==", "~=", "<>"}
_PLAIN_VALUES = {
    "identifier",
    "variable_name",
    "constant",
    "true",
    "false",
    "null",
    "nil",
    "number",
    "string",
    "integer",
}
_MOST_VALUES = 3  # of one case, listed in a message
_CASE_KINDS = {"switch_case", "case_statement", "when", "case_item"}
_GUARD_KINDS = {"if_guard", "unless_guard", "guard"}


def find_self_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `a.b == a.b`, except in tests and where it may test for NaN."""
    sides, sign = nodes.get_operands(item.node), nodes.get_operator(item.node)
    if sides is None or sign not in _SELF_COMPARISONS or scan.read_bytes(sides[0]) != scan.read_bytes(sides[1]):
        return
    if not repeatability.is_repeatable(scan, sides[0]) or testing_code.is_under_test(scan, item):
        return
    if sign in _MAY_TEST_FOR_NAN and repeatability.may_test_for_nan(scan, item, sides[0]):
        return
    yield make_hit(
        item.node,
        f"`{_abbreviate(scan, sides[0])}` is compared with itself, so the result is always the same. "
        "Change the side that is wrong.",
    )


def find_repeated_operand(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report the second `a` of `a and b and a and c`, which changes nothing.

    Skips a last operand after a different one, whose value may be wanted, and assertions in tests.
    """
    if item.parent is not None and item.parent.role == "boolean" and _has_same_operator(item, item.parent):
        return
    if testing_code.is_asserted(scan, item) and testing_code.is_test(scan, item):
        return  # this tests the operator itself
    sign = nodes.get_operator(item.node)
    seen = _SeenConditions(scan)
    operands = _list_operands(item.node, sign)
    for number, operand in enumerate(operands):
        text = scan.read_bytes(operand)
        # the value of `a and is_good(a) and a` is the last `a`
        is_result = number == len(operands) - 1 and scan.read_bytes(operands[number - 1]) != text
        if seen.register(operand) and not is_result:
            fact = f"`{_abbreviate(scan, operand)}` occurs twice in this `{sign}`, so the second one changes nothing"
            if _is_left_of_or(item):  # selects a value, as `a and a or b` does
                yield make_hit(operand, f"{fact}. Delete it.", severity=Severity.HINT)
            else:
                yield make_hit(operand, f"{fact}. Write the operand that was meant.")


def _is_left_of_or(item: Item) -> bool:
    """Return whether `item` is an `and` expression that is the left operand of an `or`: `a and b or c`."""
    around = item.parent
    is_nested = around is not None and around.role == "boolean"
    return (
        is_nested
        and around is not None
        and nodes.get_operator(around.node) in {"or", "||"}
        and nodes.get_operator(item.node) in {"and", "&&"}
        and around.node.named_child(0) == item.node
    )


def find_duplicate_condition(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a condition that occurs earlier in the same chain of `if` and `else if`."""
    seen = _SeenConditions(scan)
    for condition, _body in nodes.get_branches(scan, item):
        if condition is None:
            continue
        inner = nodes.unwrap(condition)
        if seen.register(inner):
            yield make_hit(
                condition,
                f"`{_abbreviate(scan, inner)}` is tested earlier in this chain, so this branch never runs. Change it.",
            )


class _SeenConditions:
    """The conditions seen so far whose values cannot have changed since."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._texts: set[bytes] = set()

    def register(self, condition: tree_sitter.Node) -> bool:
        """Record `condition`; return whether the same one was recorded before and cannot have changed.

        A condition with side effects clears the record.
        """
        if not repeatability.is_repeatable(self._scan, condition):
            self._texts.clear()
            return False
        text = self._scan.read_bytes(condition)
        is_known = text in self._texts
        self._texts.add(text)
        return is_known


def find_same_branches(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report an `if` with an `else`, or a ternary, whose branches all do the same.

    Skips conditions that narrow a type, empty branches, and an `if` with a comment, which may explain it.
    """
    if item.role == "ternary":
        yield from _find_same_outcomes(scan, item)
        return
    branches = nodes.get_branches(scan, item)
    if len(branches) < 2 or branches[-1][0] is not None:
        return
    texts = {_normalise_body(scan, body) for _, body in branches}
    conditions = [condition for condition, _ in branches if condition is not None]
    if scan.has_comment(item.node):
        return  # the comment may explain it
    if len(texts) != 1 or not next(iter(texts)) or any(_narrows_type(scan, each) for each in conditions):
        return
    end = min(conditions[0].end_byte, branches[0][1].start_byte)
    yield Hit(
        item.start,
        end,
        "All branches of this condition do the same, so it decides nothing. Change the branch that is wrong.",
    )


def _find_same_outcomes(scan: Scan, item: Item) -> Iterator[Hit]:
    """Report the ternary `item` if both of its outcomes are the same text and its condition narrows no type."""
    parts = nodes.split_ternary(item.node, scan)
    if parts is None or scan.read_bytes(parts[1]) != scan.read_bytes(parts[2]):
        return
    if not _narrows_type(scan, parts[0]):
        yield make_hit(
            item.node,
            "Both outcomes of this condition are the same, so it decides nothing. Change the one that is wrong.",
        )


def _narrows_type(scan: Scan, condition: tree_sitter.Node) -> bool:
    """Return whether `condition` is a type test after which a compiler may treat equal code differently."""
    return scan.has_trait(Trait.TYPE_TESTS_NARROW) and _TYPE_TEST.search(scan.read_bytes(condition)) is not None


def find_duplicate_case(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a value that has two cases in one `switch`."""
    seen = _SeenConditions(scan)
    block = item.node.child_by_field_name("body") or item.node
    for case in block.named_children:
        if case.type not in _CASE_KINDS or any(child.type in _GUARD_KINDS for child in case.named_children):
            continue
        known = [value for value in _list_values(case) if seen.register(value)]
        if known:
            names = ", ".join(f"`{_abbreviate(scan, value)}`" for value in known[:_MOST_VALUES])
            more = f" and {len(known) - _MOST_VALUES} more" if len(known) > _MOST_VALUES else ""
            verb, result = ("has", "this one never runs") if len(known) == 1 else ("have", "these never run")
            yield make_hit(known[0], f"{names}{more} {verb} a case above already, so {result}.")
        if any(child.type == ";;&" for child in case.children):
            seen = _SeenConditions(scan)  # Bash tests the next patterns too


def _list_values(case: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the value nodes of a case; in Bash, only those of patterns that have one node, as `a` of `a | b$c)`."""
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


def find_none_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `== None` and `!= None` in conditions; elsewhere, such a comparison may build a query."""
    node = item.node
    sign = node.child_by_field_name("operators")
    if node.named_child_count != 2 or sign is None or sign.type not in {"==", "!="}:
        return
    if not _is_part_of_condition(scan, node):
        return
    better = "is" if sign.type == "==" else "is not"
    fix = ByteFix(f"Compare with `{better} None`", (ByteEdit(sign.start_byte, sign.end_byte, better),))
    yield make_hit(
        node,
        f"`{sign.type} None` calls the object's `__eq__`, which may return anything. Use `{better} None` to test if "
        "there is a value.",
        fix,
    )


def _is_part_of_condition(scan: Scan, node: tree_sitter.Node) -> bool:
    """Return whether `node` is the condition of a Python statement or ternary, or its operand of `and`, `or`, `not`."""
    part, around = node, node.parent
    while around is not None and around.type in {"boolean_operator", "not_operator", "parenthesized_expression"}:
        part, around = around, around.parent
    if around is None:
        return False
    if around.type == "conditional_expression":  # not one of its two values
        parts = nodes.split_ternary(around, scan)
        return parts is not None and parts[0] == part
    if around.type == "assert_statement":  # not its message
        return next((each for each in around.named_children if not scan.is_comment(each)), None) == part
    return around.type in {"if_statement", "elif_clause", "while_statement"}


def find_nan_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a comparison with NaN, which equals nothing, not even itself."""
    around = item.node.parent or item.node
    sides = nodes.get_operands(around)
    if (
        sides is None
        or nodes.get_operator(around) not in _COMPARISON_OPERATORS
        or scan.read_bytes(sides[0]) == scan.read_bytes(sides[1])
    ):
        return
    yield make_hit(
        around,
        f"NaN equals nothing, not even itself, so this comparison with `{scan.read_text(item.node)}` always has the "
        "same result. Use `isnan` instead.",
    )


def find_negated_operand(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `!key in object`, which looks for `true` or `false` in the object."""
    sign = nodes.get_operator(item.node)
    yield make_hit(
        item.node,
        f"`!` binds more tightly than `{sign}`, so this looks for `true` or `false`. Put parentheses around the part "
        "that is negated.",
    )


def find_impossible_typeof(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a string that `typeof` never returns: `typeof x === "nunber"`."""
    word = scan.read_text(item.node)[1:-1]
    if word not in _TYPEOF_RESULTS:
        yield make_hit(item.node, f"`typeof` never returns `{word}`, so this comparison always has the same result.")


def find_assigned_condition(_scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report `if (a = 1)`, unless the value is computed or a second pair of parentheses says that it is meant."""
    sides = nodes.get_operands(item.node)
    if sides is None or nodes.get_operator(item.node) not in {"=", ""}:
        return
    if "literal" in sides[1].type or sides[1].type in _PLAIN_VALUES:
        yield make_hit(
            item.node,
            "This assigns instead of comparing, so the condition is the assigned value. Write a comparison, or add a "
            "second pair of parentheses if the assignment is meant.",
        )


def find_idle_comparison(scan: Scan, item: Item, _: ReviewPolicy) -> Iterator[Hit]:
    """Report a comparison whose result is not used.

    Skips comparisons that a notebook may show, or that are evaluated for an error or a duration, and outside of Python
    those that may have an effect.
    """
    if nodes.may_have_effects(item.node) and scan.language != "python":
        return
    inner = nodes.get_first_child(item.node) or item.node
    if scan.language == "python" and (
        _may_be_notebook_output(scan, item) or nodes.get_operator(inner) not in _COMPARISON_OPERATORS
    ):
        return
    if _is_tried_or_measured(scan, item):
        return
    yield make_hit(
        item.node,
        "The result of this comparison is not used. Write an assignment, an `assert` or a `return`.",
    )


def _is_tried_or_measured(scan: Scan, item: Item) -> bool:
    """Return whether the comparison is evaluated for its error or its duration, as in `try` or `with raises(...)`."""
    for around in item.walk_ancestors():
        if around.role == "with":
            if _EXPECTED_ERRORS.search(scan.read_bytes(around.node).partition(b":\n")[0]):
                return True
        elif around.role == "try":
            return True
        elif around.role == "function":
            is_argument = around.node.parent is not None and "argument" in around.node.parent.type
            return is_argument or _BENCHMARK_NAMES.search(scan.read_text(nodes.find_name(around.node))) is not None
    return False


def _may_be_notebook_output(scan: Scan, item: Item) -> bool:
    """Return whether a notebook may show the comparison: it ends the top level, or the text may be a cell.

    A text without a path may be a cell.
    """
    return scan.document.path is None or (item.node.next_named_sibling is None and item.parent is None)


def _list_operands(node: tree_sitter.Node, sign: str) -> list[tree_sitter.Node]:
    """Return the operands of a chain of the same operator, from left to right."""
    found: list[tree_sitter.Node] = []
    stack = [node]
    while stack:
        each = nodes.unwrap(stack.pop())
        sides = nodes.get_operands(each) if each.type == node.type and nodes.get_operator(each) == sign else None
        if sides is None:
            found.append(each)
        else:
            stack += [sides[1], sides[0]]
    return found


def _has_same_operator(one: Item, other: Item) -> bool:
    """Return whether both items have the same operator."""
    return nodes.get_operator(one.node) == nodes.get_operator(other.node)


def _normalise_body(scan: Scan, body: tree_sitter.Node) -> bytes:
    """Return the statements of a body as text, without comments and with single spaces."""
    return b"\n".join(b" ".join(scan.read_bytes(each).split()) for each in nodes.list_statements(body, scan))


def _abbreviate(scan: Scan, node: tree_sitter.Node) -> str:
    """Return the source text of `node` on one line, at most 40 characters."""
    text = " ".join(scan.read_text(node).split())
    return text if len(text) <= 40 else text[:37] + "..."


RULES = (
    Rule(
        "self-comparison",
        Severity.WARNING,
        ("comparison",),
        find_self_comparison,
        equivalents=("PLR0124", "R0124", "no-self-compare"),
    ),
    Rule("repeated-operand", Severity.WARNING, ("boolean",), find_repeated_operand, equivalents=("SIM222", "SIM223")),
    Rule(
        "duplicate-condition", Severity.WARNING, ("branch",), find_duplicate_condition, equivalents=("no-dupe-else-if",)
    ),
    Rule("same-branches", Severity.WARNING, ("branch", "ternary"), find_same_branches, equivalents=("RUF034",)),
    Rule("duplicate-case", Severity.WARNING, ("switch",), find_duplicate_case, equivalents=("no-duplicate-case",)),
    Rule("none-comparison", Severity.HINT, ("none",), find_none_comparison, equivalents=("E711",)),
    Rule("nan-comparison", Severity.ERROR, ("nan",), find_nan_comparison, equivalents=("PLW0177", "use-isnan")),
    Rule("negated-operand", Severity.ERROR, ("negated",), find_negated_operand, equivalents=("no-unsafe-negation",)),
    Rule("impossible-typeof", Severity.ERROR, ("typeof",), find_impossible_typeof, equivalents=("valid-typeof",)),
    Rule(
        "assigned-condition", Severity.WARNING, ("assigned",), find_assigned_condition, equivalents=("no-cond-assign",)
    ),
    Rule(
        "idle-comparison",
        Severity.WARNING,
        ("idle",),
        find_idle_comparison,
        equivalents=("B015", "no-unused-expressions"),
    ),
)
