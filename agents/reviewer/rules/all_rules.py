"""All rules of the static layer. To add one, add an entry to a module's `RULES` and a section to `../RULES.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer.rules import (
    arguments,
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
    *arguments.RULES,
    *literals.RULES,
    *leftovers.RULES,
    *iteration.RULES,
    *comments.RULES,
)
TEXT_RULES: tuple[TextRule, ...] = plain_text.RULES
_ALL: tuple[Rule | TextRule, ...] = (*SYNTAX_RULES, *TEXT_RULES)
RULES: dict[str, Rule | TextRule] = {rule.code: rule for rule in _ALL}
EQUIVALENT_CODES: frozenset[str] = frozenset(code for rule in _ALL for code in rule.equivalents)


def get_linter_names(code: str) -> tuple[str, ...]:
    """Return the names of the rule `code` in comments for other linters; () for a code that is not Starling's."""
    rule = RULES.get(code)
    return (*rule.equivalents, *other_linters.NAMES.get(code, ())) if rule is not None else ()
