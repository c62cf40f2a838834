"""A step that looks for a text in the answer of another one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import Step

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage


class ConditionStep(Step):
    """The next step depends on an earlier answer.

    Attributes:
        of: the step whose last answer is looked at.
        has: the text that is looked for, in any case, with any spaces.
        then: the next step if the answer has it.
        otherwise: the next step if not.
    """

    kind: Literal["condition"]
    of: str
    has: str = Field(min_length=1, max_length=200)
    then: str
    otherwise: str


async def run(step: ConditionStep, stage: Stage) -> StepOutcome:
    """Choose the next step by whether an earlier step's answer has the text."""
    answer = _fold(stage.state.answers.get(step.of, ""))
    found = _fold(step.has) in answer
    return StepOutcome(
        f"The answer of {step.of} {'has' if found else 'does not have'} {step.has!r}.",
        step.then if found else step.otherwise,
    )


def _fold(text: str) -> str:
    """Return `text` in small letters, with one space for all spaces and marks of emphasis between words.

    No space is left before a colon.
    """
    return " ".join(re.sub("[*`_]", " ", text).casefold().split()).replace(" :", ":")
