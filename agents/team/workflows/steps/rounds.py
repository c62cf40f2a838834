"""A step that sends the workflow back, a number of times; after that it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import Step

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage


class RoundsStep(Step):
    """The workflow goes back, at most a number of times.

    Attributes:
        most: how often.
        again: the step to go back to.
        then: the next step when these rounds are used up.
    """

    kind: Literal["rounds"]
    most: int = Field(ge=1, le=20)
    again: str
    then: str


async def run(step: RoundsStep, stage: Stage) -> StepOutcome:
    """Choose the next step: `again` the first `most` times, `then` after that."""
    used = stage.state.visits.get(step.name, 0)
    if used >= step.most:
        return StepOutcome(f"No round is left ({step.most}).", step.then)
    return StepOutcome(f"Round {used + 1} of {step.most}.", step.again)
