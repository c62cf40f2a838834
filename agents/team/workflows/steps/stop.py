"""A step that ends the workflow without its aim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.workflows.best_round import restore_best_round
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import LONGEST_SENTENCE, Step

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage


class StopStep(Step):
    """The workflow ends without its aim.

    Attributes:
        text: why, for the person; names in braces as in a prompt.
        restores: the step with scores whose best round the files are brought back to; "" to leave the files.
    """

    kind: Literal["stop"]
    text: str = Field(min_length=1, max_length=LONGEST_SENTENCE)
    restores: str = ""

    def list_earlier(self) -> list[str]:
        """Return the names of the steps whose results it uses."""
        return [self.restores] if self.restores else []


async def run(step: StopStep, stage: Stage) -> StepOutcome:
    """End the workflow with the step's sentence, after the best round is restored where the step says so."""
    restored = await restore_best_round(step.restores, stage) if step.restores else ""
    return StepOutcome(f"{stage.fill(step.text)} {restored}".strip(), gives_up=True)
