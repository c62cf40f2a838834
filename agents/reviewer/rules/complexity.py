"""Rules about functions that are hard to follow: complexity, length, nesting, parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, Rule, at
from agents.reviewer.scanning import data_tables, metrics, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.scanning.metrics import Weight
    from agents.reviewer.scanning.scan import Item, Scan

_OWN = re.compile(r"^@(?:staticmethod|classmethod|(?:abc\.)?abstractmethod)$")
_GIVEN = re.compile(rb"@Override\b|\boverride\b|\bextern\b|DllImport")  # somebody else says which parameters there are


def _complex(scan: Scan, item: Item, policy: ReviewPolicy) -> bool:
    weight = scan.once(metrics.weights)[id(item)]
    return weight.cognitive > policy.cognitive or weight.decisions > policy.cyclomatic


def complex_function(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Too many decisions, or too deeply nested ones."""
    weight = scan.once(metrics.weights)[id(item)]
    if _complex(scan, item, policy):
        yield at(
            nodes.name_of(item.node),
            f"This function {_too_much(weight, policy)}: few readers can hold it in mind, and few tests cover it. "
            "Parts with a meaning of their own can become functions.",
        )


def _too_much(weight: Weight, policy: ReviewPolicy) -> str:
    """Say which of the two measures are over their limits."""
    paths = f"takes {weight.decisions} paths ({policy.cyclomatic} is a lot)"
    cognitive = f"has a cognitive complexity of {weight.cognitive} ({policy.cognitive} is a lot)"
    said = [paths] if weight.decisions > policy.cyclomatic else []
    return " and ".join([*said, cognitive] if weight.cognitive > policy.cognitive else said)


def long_function(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Too many lines; said only where complexity has not said it already."""
    height = item.node.end_point[0] - item.node.start_point[0]
    if height <= policy.function_lines or _complex(scan, item, policy):
        return
    inside = (inner for inner in scan.of_role("function") if inner.parent is not None and inner.function is item)
    lines = metrics.code_lines(item.node, scan.once(metrics.LineKinds.of)) - sum(
        metrics.code_lines(inner.node, scan.once(metrics.LineKinds.of)) for inner in inside
    )
    lines -= data_tables.lines_saved(scan, item.node) if lines > policy.function_lines else 0
    if lines > policy.function_lines:
        yield at(
            nodes.name_of(item.node),
            f"This function has {lines} lines of code ({policy.function_lines} is a lot): no one sees it as a whole. "
            "Steps with a name of their own can become functions.",
        )


def deep_nesting(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Statements in statements in statements; said only where complexity has not said it already."""
    levels = scan.once(metrics.weights)[id(item)].levels
    if len(levels) > policy.nesting and not _complex(scan, item, policy):
        node = levels[policy.nesting].node
        first = scan.data.find(b"\n", node.start_byte, node.end_byte)
        yield Hit(
            node.start_byte,
            first if first > 0 else node.end_byte,
            f"Code here is nested {len(levels)} levels deep ({policy.nesting} is a lot): a reader has to remember "
            "that many conditions at once. An early return, or a function for the inner part, makes it flat.",
        )


def many_parameters(scan: Scan, item: Item, policy: ReviewPolicy) -> Iterator[Hit]:
    """Arguments by position that nobody can keep apart."""
    parent = item.node.parent
    if (
        parent is not None
        and parent.type == "decorated_definition"
        and not _OWN.search(scan.text(parent.named_child(0)))
    ):
        return  # what decorates it may be who calls it, by name
    name = nodes.name_of(item.node)
    count = metrics.parameters(scan, item.node)
    if count > policy.parameters and not _GIVEN.search(scan.data, item.start, name.start_byte):
        yield at(
            name,
            f"This takes {count} arguments by position ({policy.parameters} is a lot), and two that are swapped go "
            "unnoticed. Keyword arguments, or one object that holds what belongs together, prevent it.",
        )


RULES = (
    Rule(
        "complex-function",
        Severity.HINT,
        ("function",),
        complex_function,
        equals=("C901", "PLR0912", "R0912", "complexity"),
    ),
    Rule(
        "long-function",
        Severity.HINT,
        ("function",),
        long_function,
        equals=("PLR0915", "R0915", "max-lines-per-function"),
        asked_only=True,
    ),
    Rule("deep-nesting", Severity.HINT, ("function",), deep_nesting, equals=("PLR1702", "R1702", "max-depth")),
    Rule(
        "many-parameters",
        Severity.HINT,
        ("function",),
        many_parameters,
        equals=("PLR0913", "PLR0917", "R0913", "max-params"),
        asked_only=True,
    ),
)
