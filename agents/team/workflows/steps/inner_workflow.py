"""A step in which another workflow runs; a step can be named that follows if there is no such workflow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agents.team.events import TurnStatus
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step
from agents.team.workflows.test_files import TestFiles
from agents.team.workflows.workflow_state import LONGEST_ANSWER, LONGEST_REQUEST, WorkflowState, load_state

if TYPE_CHECKING:
    from agents.ports.sessions import Entry
    from agents.team.workflows.stage import Stage


class WorkflowStep(Step):
    """Another workflow runs, within the limits of this one.

    Attributes:
        workflow: its name.
        prompt: its request, with names in braces as in a prompt.
        then: the next step if it reaches its aim.
        otherwise: the next step if it does not.
        missing: the next step if there is no such workflow.
    """

    kind: Literal["workflow"]
    workflow: str = Field(min_length=1, max_length=40)
    prompt: str = Field(default="{request}", min_length=1, max_length=LONGEST_PROMPT)
    then: str = ""
    otherwise: str
    missing: str


async def run(step: WorkflowStep, stage: Stage) -> StepOutcome:
    """Run the other workflow, or go on with it where it was cut off, and choose the next step by how it ends.

    It starts no further workflow. If its turn ends before it does, this step stays open. Without such a workflow, the
    next step is `missing`.
    """
    inner = stage.inner
    workflow = inner.find(step.workflow) if inner is not None else None
    if inner is None or workflow is None:
        return StepOutcome(f"There is no workflow {step.workflow} here.", step.missing)
    outer, state = stage.state, _open_state(workflow, step, stage)

    async def save() -> None:
        outer.inner = state.dump()
        await stage.save()

    async def record(entry: Entry) -> None:
        outer.inner = state.dump()
        await inner.record(entry)

    own = replace(stage, state=state, test_files=TestFiles(workflow.content.test_files), save=save, inner=None)
    await save()
    ended = await inner.run(workflow, own, record)
    for name in state.files:
        outer.add_file(name)
    if not state.end:
        return StepOutcome(ended.text, stopped=ended.status)
    outer.inner = {}
    outer.answers[step.name] = ended.text[:LONGEST_ANSWER]
    outer.add_delegation(f"the workflow {workflow.name}: {'done' if state.is_done else 'ended without its aim'}")
    if ended.status is TurnStatus.DONE:
        return StepOutcome(f"The workflow {workflow.name} is done.", step.then)
    outer.failures = ended.text
    return StepOutcome(f"The workflow {workflow.name} ended without its aim.", step.otherwise)


def _open_state(workflow: Any, step: WorkflowStep, stage: Stage) -> WorkflowState:  # noqa: ANN401 (as the stage has it)
    """Return the state of the other workflow where it was cut off in this step, or that of a new one."""
    stored = load_state(stage.state.inner)
    if stored is not None and stored.name == workflow.name and not stored.end and workflow.get_step(stored.step):
        return stored
    request = stage.fill(step.prompt)[:LONGEST_REQUEST]
    return WorkflowState(workflow.name, request, workflow.content.steps[0].name)
