"""The question whether a plan may start: asked until the answer can be used. Start at `confirm_plan`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.person import PlanQuestion, ProposedStep
from agents.team.session_notes import LONGEST_TEXT, MOST_STEPS
from agents.team.shown_text import escape_to_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.ports.person import Person, PlanAnswer

MOST_QUESTIONS = 20
"""Unusable answers after which nobody is asked any more: a client that always sends the same one would never end."""

_SEPARATORS = re.compile(r"[\s-]+")


async def confirm_plan(person: Person | None, question: PlanQuestion) -> PlanAnswer | None:
    """Ask the person to start a plan, again while the answer cannot be used; return the answer, its steps tidied.

    None if nobody answers or can be asked, or after `MOST_QUESTIONS` unusable answers. A no is an answer, too.
    """
    if person is None:
        return None
    for _ in range(MOST_QUESTIONS):
        answer = await person.confirm_plan(question)
        if answer is None or answer.steps is None:
            return answer
        steps = tidy_steps(answer.steps, question.roles)
        problem = find_problem(steps, question.roles)
        if not problem:
            return replace(answer, steps=steps)
        question = replace(question, steps=steps, problem=problem)
    return None


def tidy_steps(steps: Iterable[ProposedStep], roles: Sequence[str]) -> tuple[ProposedStep, ...]:
    """Return the steps with titles on one visible line and roles as in role files; drop steps without a title.

    Titles are cut to `LONGEST_TEXT`. A step without a role gets the first one of `roles`, the agent that asks.
    """
    tidied = (ProposedStep(escape_to_line(one.title)[:LONGEST_TEXT], normalise_role(one.role)) for one in steps)
    first = roles[0] if roles else ""
    return tuple(ProposedStep(one.title, one.role or first) for one in tidied if one.title)


def normalise_role(name: str) -> str:
    """Return the name of a role as role files have it: without `@`, lower case, with `_` between words."""
    return _SEPARATORS.sub("_", escape_to_line(name).lstrip("@").casefold())


def find_problem(steps: Sequence[ProposedStep], roles: Sequence[str]) -> str:
    """Return why a plan with these steps cannot be started, a sentence; "" if it can."""
    if not steps:
        return "A plan without steps cannot be started; keep a step, or refuse the plan."
    if len(steps) > MOST_STEPS:
        return f"The plan has {len(steps)} steps, more than {MOST_STEPS}; make some of them one."
    unknown = list(dict.fromkeys(one.role for one in steps if one.role not in roles))
    if unknown and roles:
        named = ", ".join(repr(one[:40]) for one in unknown)
        return f"There is no role {named} for a step; there are: {', '.join(roles)}."
    return ""
