"""All rules of the static layer. To add one: an entry in a module's `RULES`, and its section in `../RULES.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer.rules import (
    assignments,
    comments,
    complexity,
    conditions,
    flow,
    handlers,
    iteration,
    leftovers,
    literals,
    other_linters,
    plain_text,
)

if TYPE_CHECKING:
    from agents.reviewer.rules.rule import Rule, TextRule

SYNTAX_RULES: tuple[Rule, ...] = (
    *complexity.RULES,
    *conditions.RULES,
    *flow.RULES,
    *handlers.RULES,
    *assignments.RULES,
    *literals.RULES,
    *leftovers.RULES,
    *iteration.RULES,
    *comments.RULES,
)
TEXT_RULES: tuple[TextRule, ...] = plain_text.RULES
_ALL: tuple[Rule | TextRule, ...] = (*SYNTAX_RULES, *TEXT_RULES)
RULES: dict[str, Rule | TextRule] = {rule.code: rule for rule in _ALL}
EQUALS: frozenset[str] = frozenset(code for rule in _ALL for code in rule.equals)


def names_of(code: str) -> tuple[str, ...]:
    """Return what other linters' comments call the rule `code`."""
    rule = RULES.get(code)
    return (*rule.equals, *other_linters.NAMES.get(code, ())) if rule is not None else ()
