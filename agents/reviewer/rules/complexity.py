"""Rules about functions that are hard to understand: complexity, length, nesting, parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule, make_hit
from agents.reviewer.scanning import data_tables, metrics, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.metrics import FunctionComplexity
    from agents.reviewer.scanning.scan import Item, Scan

_HARMLESS_DECORATORS = re.compile(r"^@(?:staticmethod|classmethod|(?:abc\.)?abstractmethod)$")
# Marks of functions whose parameters a base class or a foreign function determines.
_FIXED_SIGNATURE = re.compile(rb"@Override\b|\boverride\b|\bextern\b|DllImport")


def _is_complex(scan: Scan, item: Item, policy: ReviewPolicy) -> bool:
    """Return whether the function `item` exceeds the limit of either complexity."""
    measured = scan.compute_once(metrics.measure_complexity)[id(item)]
    return measured.cognitive > policy.cognitive or measured.decisions > policy.cyclomatic


def find_complex_function(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Report a function with too many decisions, or too deeply nested ones."""
    measured = scan.compute_once(metrics.measure_complexity)[id(item)]
    if _is_complex(scan, item, policy):
        yield make_hit(
            nodes.find_name(item.node),
            f"This function {_describe_excess(measured, policy)}, so it is hard to understand and to test. "
            "Extract parts of it into functions.",
        )


def _describe_excess(measured: FunctionComplexity, policy: ReviewPolicy) -> str:
    """Return the measures that exceed their limits, with both numbers, as the predicate of a sentence."""
    paths = f"has a cyclomatic complexity of {measured.decisions} (limit {policy.cyclomatic})"
    cognitive = f"has a cognitive complexity of {measured.cognitive} (limit {policy.cognitive})"
    exceeded = [paths] if measured.decisions > policy.cyclomatic else []
    return " and ".join([*exceeded, cognitive] if measured.cognitive > policy.cognitive else exceeded)


def find_long_function(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Report a function with too many lines of code, unless its complexity is reported already.

    Lines of inner functions do not count, and a string or a table counts as one line.
    """
    height = item.node.end_point[0] - item.node.start_point[0]
    if height <= policy.function_lines or _is_complex(scan, item, policy):
        return
    inside = (inner for inner in scan.get_items("function") if inner.parent is not None and inner.function is item)
    lines = metrics.count_code_lines(item.node, scan.compute_once(metrics.LineKinds.of)) - sum(
        metrics.count_code_lines(inner.node, scan.compute_once(metrics.LineKinds.of)) for inner in inside
    )
    lines -= data_tables.count_collapsed_lines(scan, item.node) if lines > policy.function_lines else 0
    if lines > policy.function_lines:
        yield make_hit(
            nodes.find_name(item.node),
            f"This function has {lines} lines of code (limit {policy.function_lines}), so it is hard to grasp. "
            "Extract its steps into functions.",
        )


def find_deep_nesting(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Report a statement that is nested too deeply, unless the function's complexity is reported already."""
    levels = scan.compute_once(metrics.measure_complexity)[id(item)].levels
    if len(levels) > policy.nesting and not _is_complex(scan, item, policy):
        node = levels[policy.nesting].node
        first = scan.data.find(b"\n", node.start_byte, node.end_byte)
        yield Hit(
            node.start_byte,
            first if first > 0 else node.end_byte,
            f"This code is nested {len(levels)} levels deep (limit {policy.nesting}), so a reader has to remember that "
            "many conditions at once. Return early, or extract the inner part into a function.",
        )


def find_many_parameters(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Report a function with too many parameters that are passed by position.

    Skips functions that a decorator may call, and those whose signature a base class or foreign code determines.
    """
    parent = item.node.parent
    if (
        parent is not None
        and parent.type == "decorated_definition"
        and not _HARMLESS_DECORATORS.search(scan.read_text(parent.named_child(0)))
    ):
        return  # the decorator may call it, with arguments by name
    name = nodes.find_name(item.node)
    count = metrics.count_parameters(scan, item.node)
    if count > policy.parameters and not _FIXED_SIGNATURE.search(scan.data, item.start, name.start_byte):
        yield make_hit(
            name,
            f"This function takes {count} arguments by position (limit {policy.parameters}), so two that are swapped "
            "go unnoticed. Use keyword arguments, or one object for values that belong together.",
        )


RULES = (
    Rule(
        "complex-function",
        Severity.HINT,
        ("function",),
        find_complex_function,
        equivalents=("C901", "PLR0912", "R0912", "complexity"),
    ),
    Rule(
        "long-function",
        Severity.HINT,
        ("function",),
        find_long_function,
        equivalents=("PLR0915", "R0915", "max-lines-per-function"),
        off_by_default=True,
    ),
    Rule(
        "deep-nesting", Severity.HINT, ("function",), find_deep_nesting, equivalents=("PLR1702", "R1702", "max-depth")
    ),
    Rule(
        "many-parameters",
        Severity.HINT,
        ("function",),
        find_many_parameters,
        equivalents=("PLR0913", "PLR0917", "R0913", "max-params"),
        off_by_default=True,
    ),
)
