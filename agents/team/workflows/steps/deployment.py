"""A step in which the program chooses a target of deployments, checks it, deploys, looks at it, or rolls back."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.ports.failures import StateError
from agents.team.events import TurnStatus
from agents.team.tools import deployment
from agents.team.tools.deployment_means import find_means, format_means
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import Step

if TYPE_CHECKING:
    from agents.ports.deployments import Deployments
    from agents.team.workflows.stage import Stage

LONGEST_FAILURES = 6_000
_TOOLS = {
    "check": deployment.CHECK,
    "deploy": deployment.DEPLOY,
    "status": deployment.STATUS,
    "roll_back": deployment.ROLL_BACK,
}


class DeploymentStep(Step):
    """One action of a deployment; what runs is asked about by its tool.

    Attributes:
        does: the action; "choose" chooses the target by the request, or asks the person.
        of: the step that has chosen the target.
        then: the next step if it succeeds.
        otherwise: the next step if it does not.
        refused: the next step if nothing was run at all; "" for the same as `otherwise`.
    """

    kind: Literal["deployment"]
    does: Literal["choose", "check", "deploy", "status", "roll_back"]
    of: str = Field(default="", max_length=40)
    then: str = ""
    otherwise: str
    refused: str = ""


async def run(step: DeploymentStep, stage: Stage) -> StepOutcome:
    """Do the action of the step, and choose the next step by whether it ran and succeeded; store failures."""
    if step.does == "choose":
        return await _choose(step, stage)
    target = stage.state.answers.get(step.of, "")
    before = await _find_newest(stage.bench.deployments, target)
    result = await stage.call(_TOOLS[step.does].name, {"target": target})
    first = result.text.partition("\n")[0]  # the call has shown the rest
    if not result.failed:
        return StepOutcome(first, step.then)
    earlier = f"{stage.state.failures}\n\n" if step.does == "roll_back" else ""
    stage.state.failures = f"{earlier}{result.text}"[:LONGEST_FAILURES]
    ran = await _find_newest(stage.bench.deployments, target) != before
    return StepOutcome(first, step.otherwise if ran or not step.refused else step.refused)


async def _choose(step: DeploymentStep, stage: Stage) -> StepOutcome:
    """Choose the target that the request names, else the only one, else the one that the person names; store its name.

    The step stays open if none is chosen.
    """
    bench = stage.bench
    targets = bench.deployments.list_targets() if bench.deployments is not None else ()
    if not targets:
        found = await asyncio.to_thread(lambda: find_means(bench.list_files(), bench.roots))
        stage.state.failures = format_means(found)
        return StepOutcome(f"There is no target for this workspace. {stage.state.failures}", step.otherwise)
    names = [one.name for one in targets]
    named = [one for one in names if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", stage.state.request)]
    chosen = named[0] if len(named) == 1 else names[0] if len(names) == 1 else ""
    if not chosen and bench.person is not None:
        answer = await bench.person.ask("To which target is this commit deployed?", named or names)
        chosen = answer if answer in names else ""
    if not chosen:
        text = f"Say in the request to which target: {', '.join(named or names)}."
        return StepOutcome(text, stopped=TurnStatus.LIMIT)
    stage.state.answers[step.name] = chosen
    place = next(f"{one.kind}, {one.place}" for one in targets if one.name == chosen)
    return StepOutcome(f"The target is {chosen} ({place}).", step.then)


async def _find_newest(deployments: Deployments | None, target: str) -> str:
    """Return the id of the newest recorded deployment to a target; "" if there is none or the records fail."""
    if deployments is None:
        return ""
    try:
        records = await asyncio.to_thread(deployments.list_records, target, 1)
    except StateError:
        return ""
    return records[0].id if records else ""
