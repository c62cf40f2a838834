"""The question whether a plan may start, and answers that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.ports.person import PlanAnswer, PlanQuestion, ProposedStep
from agents.team.planning.plan_confirmation import MOST_QUESTIONS, confirm_plan, tidy_steps
from agents.team.session_notes import MOST_STEPS

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLES = ("orchestrator", "coder", "tech_lead")
STEPS = (ProposedStep("Decide", "tech_lead"), ProposedStep("Do it", "coder"))
QUESTION = PlanQuestion("It", STEPS, ROLES)


@dataclass
class Person:
    """Answers with `answers`, one after the other, the last one again; remembers the questions."""

    answers: Sequence[PlanAnswer | None]
    asked: list[PlanQuestion] = field(default_factory=list)

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Answer nothing."""
        del question, choices
        return None

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Return the next answer."""
        self.asked.append(question)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


async def test_an_edited_plan_is_started_with_its_roles_tidied() -> None:
    edited = (ProposedStep("Do it", "@Tech-Lead"), ProposedStep("  ", "coder"), ProposedStep("Test\nit\x1b", ""))
    answer = await confirm_plan(Person([PlanAnswer(edited)]), QUESTION)
    assert answer == PlanAnswer((ProposedStep("Do it", "tech_lead"), ProposedStep("Test it\\x1b", "orchestrator")))


async def test_an_unknown_role_is_said_and_asked_again_with_the_edited_steps() -> None:
    person = Person([PlanAnswer((ProposedStep("Do it", "codr"),)), PlanAnswer(STEPS[1:])])
    assert await confirm_plan(person, QUESTION) == PlanAnswer(STEPS[1:])
    assert [one.steps for one in person.asked] == [STEPS, (ProposedStep("Do it", "codr"),)]
    assert person.asked[1].problem == "There is no role 'codr' for a step; there are: orchestrator, coder, tech_lead."


async def test_an_empty_and_a_too_long_plan_are_asked_about_again() -> None:
    person = Person([PlanAnswer(()), PlanAnswer(STEPS[:1] * (MOST_STEPS + 1)), PlanAnswer(remark="No.")])
    assert await confirm_plan(person, QUESTION) == PlanAnswer(remark="No.")
    assert "without steps" in person.asked[1].problem
    assert "more than 50" in person.asked[2].problem


async def test_nobody_is_no_answer_and_a_client_that_always_sends_the_same_is_not_asked_for_ever() -> None:
    assert await confirm_plan(None, QUESTION) is None
    person = Person([PlanAnswer((ProposedStep("Do it", "nobody"),))])
    assert await confirm_plan(person, QUESTION) is None
    assert len(person.asked) == MOST_QUESTIONS


def test_where_no_roles_are_known_steps_keep_theirs() -> None:
    assert tidy_steps([ProposedStep("Do it", "coder"), ProposedStep("Look", "")], ()) == (
        ProposedStep("Do it", "coder"),
        ProposedStep("Look", ""),
    )
