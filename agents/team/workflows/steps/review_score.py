"""A step in which a role scores what was done from 0 to 100; the score decides which step is next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.team import transcript
from agents.team.events import TurnStatus
from agents.team.workflows.asked_role import ask_role
from agents.team.workflows.json_answers import cut_to
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.step_guard import PERMITTED
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step
from agents.team.workflows.workflow_state import LONGEST_ANSWER, MOST_NAMES

if TYPE_CHECKING:
    from agents.team.workflows.stage import Stage

LONGEST_PROBLEM = 300
HIGHEST = 100

FORM = """
Answer with one JSON object and nothing else:

{"score": 75, "reasoning": "...", "points": [{"where": "area.py:12", "problem": "...", "proposal": "..."}]}

The score is a number from 0 to 100 for what was asked, done as it should be: 100 has nothing to change. Each point is \
something that you can show, the most important first; leave out taste, praise, and what a formatter does. Without a \
point there is nothing to change."""


class Point(BaseModel):
    """One thing to change: its place, what is wrong, and what to do."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    where: Annotated[str, cut_to(120)] = ""
    problem: Annotated[str, cut_to(400, needed=True)]
    proposal: Annotated[str, cut_to(400)] = ""


class Judgement(BaseModel):
    """The judgement of a role: a score from 0 to 100, why, and what to change."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    score: float = Field(ge=0, le=HIGHEST)
    reasoning: Annotated[str, cut_to(1500, needed=True)]
    points: tuple[Point, ...] = Field(default=(), max_length=20)

    def describe(self) -> str:
        """Return the judgement as text, for the next agent and the person."""
        lines = [
            f"- {f'{one.where}: ' if one.where else ''}{one.problem}{f' {one.proposal}' if one.proposal else ''}"
            for one in self.points
        ]
        return "\n".join((f"Score: {self.score:g} of {HIGHEST}.", self.reasoning, *lines))


class ScoreStep(Step):
    """A role scores what was done, and changes nothing.

    Attributes:
        role: name of the role.
        prompt: its task; names in braces as in a prompt of an agent. What the answer has to look like is added.
        least: the score that is good enough.
        then: the next step if it is reached.
        otherwise: the next step if not.
        stalled: the next step if it is not, and the score is no higher than the last one; "" for `otherwise`.
    """

    kind: Literal["score"]
    role: str = Field(min_length=1, max_length=40)
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    least: float = Field(ge=1, le=HIGHEST)
    then: str = ""
    otherwise: str
    stalled: str = ""

    def list_next(self) -> list[str]:
        """Return the names of the steps that may follow; "" is the end of the workflow."""
        return [self.then, self.otherwise, self.stalled]


async def run(step: ScoreStep, stage: Stage) -> StepOutcome:
    """Have the role judge, store its judgement, and choose the next step by the score.

    That is `then` for a score of at least `least`, `stalled` for a lower one that is no higher than the last, else
    `otherwise`. Without a judgement after two answers the workflow ends. If the role is missing, or its turn does not
    end as DONE, the step stays open.
    """
    role = stage.roles.get(step.role)
    if role is None:
        return StepOutcome(f"There is no role {step.role}; add it or change the workflow.", stopped=TurnStatus.FAILED)
    prompt = f"{stage.fill(step.prompt)}\n{FORM}"
    answer = await ask_role(role, prompt, Judgement, stage, PERMITTED)
    if answer.status is not TurnStatus.DONE:
        return StepOutcome(answer.problem, role=role.name, stopped=answer.status)
    judgement = answer.record
    if judgement is None:
        problem = transcript.hide_secrets(answer.problem)[:LONGEST_PROBLEM]
        return StepOutcome(f"{role.name} gave no score. {problem} The changes are kept.", gives_up=True)
    before = stage.state.scores.get(step.name, [])
    stage.state.scores[step.name] = [*before, judgement.score][-MOST_NAMES:]
    stage.state.answers[step.name] = judgement.describe()[:LONGEST_ANSWER]
    course = ", ".join(f"{one:g}" for one in stage.state.scores[step.name])
    stage.state.report = f"Review by {role.name}, scores {course}:\n\n{judgement.describe()}"
    if not before or judgement.score > max(before):
        stage.state.since_best[step.name] = []
        stage.state.best_reports[step.name] = judgement.describe()[:LONGEST_ANSWER]
    text = f"{role.name} gave {judgement.score:g} of {HIGHEST}; {step.least:g} is enough."
    if judgement.score >= step.least:
        return StepOutcome(text, step.then)
    if step.stalled and before and judgement.score <= before[-1]:
        return StepOutcome(f"{text} It was {before[-1]:g} before.", step.stalled)
    return StepOutcome(text, step.otherwise)
