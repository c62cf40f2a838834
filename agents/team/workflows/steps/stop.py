"""A step that ends the workflow without its aim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import LONGEST_SENTENCE, Step

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage


class StopStep(Step):
    """The workflow ends without its aim.

    Attributes:
        text: why, for the person; names in braces as in a prompt.
    """

    kind: Literal["stop"]
    text: str = Field(min_length=1, max_length=LONGEST_SENTENCE)


async def run(step: StopStep, stage: Stage) -> StepOutcome:
    """End the workflow with the step's sentence."""
    return StepOutcome(stage.fill(step.text), gives_up=True)
