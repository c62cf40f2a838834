"""A step in which an agent works: one turn with a role, held to what the step may change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team import transcript
from agents.team.events import AgentChosen, CallEnded, CallStarted, TurnStatus
from agents.team.led.given_work import GivenWork
from agents.team.tools import delegate
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.step_guard import StepGuard
from agents.team.workflows.steps.step import LONGEST_PROMPT, Step
from models.chat import Message, Speaker

if TYPE_CHECKING:
    from agents.team.events import Emit, Event
    from agents.team.workflows.stage import Stage

LONGEST_READ = 4_000
SHOWN = 300
"""Characters of a delegate's answer that a line about it has."""


class AgentStep(Step):
    """An agent works.

    Attributes:
        role: name of its role.
        prompt: its task; names in braces stand for the request, failures, changed files and answers of other steps.
        changes: what it may change; without "all" it runs no command but tests.
        then: the next step.
        optional: whether the workflow goes on without an answer if the turn fails or reaches a limit.
    """

    kind: Literal["agent"]
    role: str = Field(min_length=1, max_length=40)
    prompt: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    changes: Literal["nothing", "tests", "code", "all"] = "nothing"
    then: str = ""
    optional: bool = False


def make_recording_emit(stage: Stage) -> Emit:
    """Return an `emit` that shows events, and records in the state each delegation: from whom, to whom, its result."""
    roles: dict[str, str] = {}

    def emit(event: Event) -> None:
        if isinstance(event, CallStarted) and event.tool == delegate.TOOL.name:
            roles[event.call] = str(event.arguments.get("role", ""))[:40]
        elif isinstance(event, CallEnded) and event.call in roles:
            first = " ".join(transcript.hide_secrets(event.text[:LONGEST_READ]).split())[:SHOWN]
            how = "failed, " if event.failed else ""
            stage.state.add_delegation(f"{event.agent} to {roles.pop(event.call)}: {how}{first}")
        stage.show(event)

    return emit


async def run(step: AgentStep, stage: Stage) -> StepOutcome:
    """Run one turn of an agent with the step's role.

    If the role is missing, or the turn does not end as DONE, the step stays open; an optional step is left out instead
    if the turn fails or reaches a limit. After a step that changes tests, stores hashes of the test files in the state.
    """
    role = stage.roles.get(step.role)
    if role is None:
        return StepOutcome(f"There is no role {step.role}; add it or change the workflow.", stopped=TurnStatus.FAILED)
    stage.bench.emit(AgentChosen(role.name, f"step {step.name} of the workflow {stage.state.name}"))
    guard = StepGuard(stage, step.changes, stage.bench.changes, stage.bench.permissions)
    checks = step.changes != "tests"  # tests that are written before the code have to fail
    tests = tuple(await stage.list_test_files())
    given = GivenWork(stage.state.request, step.changes, tests, stage.state.failures)
    emit = make_recording_emit(stage)
    bench = replace(stage.bench, changes=guard, permissions=guard, emit=emit, checks_tests=checks, given=given)
    lent = stage.spending.copy_for_delegate(role.limits.narrow(stage.limits))
    try:
        ended = await stage.run_role(role, [Message(Speaker.USER, stage.fill(step.prompt))], bench, lent)
    finally:
        stage.spending.take_counts(lent)
    if step.optional and ended.status in {TurnStatus.FAILED, TurnStatus.LIMIT}:
        return StepOutcome(f"Left out: {ended.text}", step.then)
    if ended.status is not TurnStatus.DONE:
        return StepOutcome(ended.text, role=role.name, stopped=ended.status)
    if step.changes == "tests":
        stage.state.fingerprints = await stage.take_fingerprints(await stage.list_test_files())
    return StepOutcome(ended.text, step.then, role.name)
