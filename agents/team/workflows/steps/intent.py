"""A step that finds out what a request wants: rules first, then a model's JSON object, which is checked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.team import router
from agents.team.events import AgentChosen, TurnStatus
from agents.team.role_files import CAPABILITIES
from agents.team.workflows.json_answers import ask_for_record, cut_to
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.step_guard import StepGuard
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step

if TYPE_CHECKING:
    from agents.team.events import TurnEnded
    from agents.team.workflows.stage import Stage
    from models.chat import Message

LONGEST_GOAL = 300


class Intent(BaseModel):
    """The intent of a request.

    Attributes:
        intent: its kind; "unclear" if that cannot be said.
        goal: what is wanted, in one sentence.
        capabilities: capability sets that it probably needs.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    intent: Literal["question", "analysis", "engineering", "fix", "deploy", "unclear"]
    goal: Annotated[str, cut_to(LONGEST_GOAL)] = ""
    capabilities: tuple[str, ...] = ()

    @field_validator("capabilities", mode="before")
    @classmethod
    def _keep_known(cls, value: object) -> object:
        """Return the known names in a list, each once; () for anything else."""
        return tuple(name for name in CAPABILITIES if isinstance(value, list | tuple) and name in value)

    def format(self) -> str:
        """Return the intent as three lines, the text that conditions and prompts use."""
        return "\n".join((
            f"Intent: {self.intent}", f"Goal: {self.goal or '(as in the request)'}",
            f"Capability sets: {', '.join(self.capabilities) or 'none'}",
        ))  # fmt: skip


class IntentStep(Step):
    """The intent of the request is found; its answer is three lines: intent, goal, capability sets.

    Attributes:
        role: name of the role that answers where no rule decides.
        prompt: its task; describes the JSON object.
        then: the next step.
    """

    kind: Literal["intent"]
    role: str = Field(min_length=1, max_length=40)
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    then: str = ""


async def run(step: IntentStep, stage: Stage) -> StepOutcome:
    """Find the intent of the request, by rules or by asking the role; "unclear" after two answers without an object.

    If the role is missing, or its turn does not end as DONE, the step stays open.
    """
    if (found := _find_by_rules(stage)) is not None:
        stage.state.answers[step.name] = found.format()
        return StepOutcome(f"{found.format()} (by the form of the request)", step.then)
    role = stage.roles.get(step.role)
    if role is None:
        return StepOutcome(f"There is no role {step.role}; add it or change the workflow.", stopped=TurnStatus.FAILED)
    stage.bench.emit(AgentChosen(role.name, f"step {step.name} of the workflow {stage.state.name}"))
    guard = StepGuard(stage, "nothing", stage.bench.changes, stage.bench.permissions)
    bench = replace(stage.bench, changes=guard, permissions=guard, emit=stage.show)

    async def run_turn(messages: list[Message]) -> TurnEnded:
        lent = stage.spending.copy_for_delegate(role.limits.narrow(stage.limits))
        try:
            return await stage.run_role(role, messages, bench, lent)
        finally:
            stage.spending.take_counts(lent)

    answer = await ask_for_record(stage.fill(step.prompt), Intent, run_turn)
    if answer.record is None and answer.status is not TurnStatus.DONE:
        return StepOutcome(answer.problem, stopped=answer.status)
    intent = answer.record or Intent(intent="unclear")
    return StepOutcome(intent.format(), step.then, role.name)


def _find_by_rules(stage: Stage) -> Intent | None:
    """Return the intent by the form of the request: an error message, or `deploy` with a target; None for others."""
    request = stage.state.request
    if router.ERROR_FORM.search(request):
        return Intent(intent="fix", capabilities=("engineering", "diagnose"))
    deployments = stage.bench.deployments
    names = [one.name for one in deployments.list_targets()] if deployments is not None else []
    first, _, rest = request.strip().partition(" ")
    if first.lower() == "deploy" and any(re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", rest) for one in names):
        return Intent(intent="deploy", capabilities=("deploy",))
    return None
