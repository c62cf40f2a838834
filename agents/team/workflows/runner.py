"""Runs a workflow in a session, step after step, and stores after each one how far it has come.

A step that was cut off is run again from its beginning; everything before it is kept. Start at `run_workflow`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents.ports.sessions import Entry, EntryKind
from agents.team import transcript
from agents.team.events import Noted, StepEnded, TurnEnded, TurnStatus
from agents.team.workflows.steps.all_steps import RUN
from agents.team.workflows.workflow_state import (
    LONGEST_ANSWER,
    LONGEST_REQUEST,
    MOST_NAMES,
    WorkflowState,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.team.workflows.stage import Stage, StepOutcome
    from agents.team.workflows.workflow_files import Workflow

    Record = Callable[[Entry], Awaitable[None]]

KEPT_END = 1_000
SHOWN_DELEGATIONS = 30
SHOWN_ANSWER = 300
"""Characters of a step's outcome in the line that a person sees."""


@dataclass(frozen=True, slots=True)
class WorkflowRequest:
    """A wish to have a request done by a workflow.

    Attributes:
        name: name of the workflow.
        commits: whether a commit is proposed; False where whoever runs the workflow commits.
        repeats: whether a workflow that has ended in this session is begun anew; False to return how it ended.
    """

    name: str
    commits: bool = True
    repeats: bool = True


def open_state(workflow: Workflow, state: WorkflowState | None, request: str, *, repeats: bool) -> WorkflowState:
    """Return the state of the workflow that is open in the session, with `request` added to it, or that of a new one.

    Args:
        workflow: the workflow.
        state: the state in the session's notes, None for none; changed if the workflow is open.
        request: the request; if that of the open workflow does not contain it, its agents get both.
        repeats: whether a workflow that has ended is begun anew; False to return its state as it is.
    """
    request = transcript.hide_secrets(request)[:LONGEST_REQUEST]
    if state is None or state.name != workflow.name or workflow.get_step(state.step) is None:
        return WorkflowState(workflow.name, request, workflow.content.steps[0].name)
    if state.end:
        return WorkflowState(workflow.name, request, workflow.content.steps[0].name) if repeats else state
    if request not in state.request:
        state.request = f"{state.request}\n\nThe person added: {request}"[:LONGEST_REQUEST]
    return state


async def run_workflow(workflow: Workflow, stage: Stage, record: Record) -> TurnEnded:
    """Run the open step of a workflow and those after it; return how the turn ended.

    Args:
        workflow: the workflow.
        stage: state, services and facts for the steps.
        record: stores an entry together with the state.
    """
    state, before = stage.state, stage.state.tokens
    while not state.end:
        if stopped := _find_stop(stage):
            return _make_end(stage, *stopped)
        step: Any = workflow.get_step(state.step)
        stage.bench.emit(Noted(f"Workflow {workflow.name}, step {step.name}."))
        outcome = await RUN[step.kind](step, stage)
        if outcome.stopped is not None and stage.bench.cancelled():
            outcome = replace(outcome, stopped=TurnStatus.CANCELLED)
        state.tokens = before + stage.spending.tokens
        _note_outcome(step.name, outcome, stage)
        why = outcome.stopped.value if outcome.stopped is not None else ""
        stage.bench.emit(StepEnded(workflow.name, step.name, outcome.role, outcome.then, why))
        if outcome.stopped is not None:
            await record(_make_entry(step, outcome, stage))
            return _make_end(stage, outcome.stopped, f"The workflow stopped in the step {step.name}: {outcome.text}")
        _advance(state, step.name, outcome, workflow.content.limits.visits)
        await record(_make_entry(step, outcome, stage))
    return _make_end(stage, TurnStatus.DONE if state.is_done else TurnStatus.LIMIT, state.end)


def _find_stop(stage: Stage) -> tuple[TurnStatus, str] | None:
    """Return why no further step begins: cancelled, or a limit is reached; None if one may begin."""
    if stage.bench.cancelled():
        return TurnStatus.CANCELLED, "The workflow was cancelled; it goes on at its open step when you continue it."
    if exceeded := stage.spending.find_exceeded():
        return TurnStatus.LIMIT, exceeded
    return None


def _advance(state: WorkflowState, step: str, outcome: StepOutcome, most: int) -> None:
    """Count the step, store an agent's answer, and set the next step, or the end at the latest after `most` steps."""
    state.visits[step] = state.visits.get(step, 0) + 1
    if outcome.role:
        state.answers[step] = _cut_answer(transcript.hide_secrets(outcome.text))
    if outcome.then and sum(state.visits.values()) >= most:
        outcome = replace(outcome, text=f"It has taken {most} steps, its limit.", gives_up=True)
    if outcome.then and not outcome.gives_up:
        state.step = outcome.then
        return
    state.is_done = not outcome.gives_up
    state.end = _summarize(state, outcome)


def _cut_answer(text: str) -> str:
    """Return an answer for later steps: whole if it is short, else its start and its end, where verdicts are."""
    if len(text) <= LONGEST_ANSWER:
        return text
    return f"{text[: LONGEST_ANSWER - KEPT_END - 10]}\n[...]\n{text[-KEPT_END:]}"


def _summarize(state: WorkflowState, outcome: StepOutcome) -> str:
    """Return the text with which the workflow ends: why, a step's report, what each step came to, the changed files."""
    how = f"The workflow {state.name} is done." if state.is_done else f"The workflow {state.name} ended: {outcome.text}"
    lines = "\n".join(f"- {line}" for line in state.log)
    files = f"\n\nChanged: {', '.join(state.files)}." if state.files else ""
    delegated = "\n".join(f"- {line}" for line in state.delegated[-SHOWN_DELEGATIONS:])
    delegated = f"\n\nHanded out:\n{delegated}" if delegated else ""
    report = f"{state.report.rstrip()}\n\n" if state.report else ""
    return f"{how}\n\n{report}{lines}{delegated}{files}"


def _note_outcome(step: str, outcome: StepOutcome, stage: Stage) -> None:
    """Add a line about a step to the state's log, and show the line unless an agent worked, whose turn was shown."""
    by = f" ({outcome.role})" if outcome.role else ""
    first = " ".join(transcript.hide_secrets(outcome.text).split())
    line = f"{step}{by}: {first[:SHOWN_ANSWER]}{'...' if len(first) > SHOWN_ANSWER else ''}"
    stage.state.log = [*stage.state.log, line][-MOST_NAMES:]
    if not outcome.role:
        stage.bench.emit(Noted(line))


def _make_entry(step: Any, outcome: StepOutcome, stage: Stage) -> Entry:  # noqa: ANN401 (any kind of step)
    """Return the entry of a step in the session: who, what came of it, round, results of tests and tokens so far."""
    state, results = stage.state, stage.bench.notes.tests
    facts: dict[str, Any] = {
        "workflow": state.name, "step": step.name, "kind": step.kind, "visit": state.visits.get(step.name, 0),
        "role": outcome.role, "next": outcome.then, "tokens": state.tokens,
    }  # fmt: skip
    if step.kind == "tests" and results is not None:
        facts["tests"] = {
            "passed": results.passed, "failed": results.failed, "skipped": results.skipped, "command": results.command,
            "failures": [one.name for one in results.failures[:20]],
        }  # fmt: skip
    text = transcript.hide_secrets(f"[{state.name}: {step.name}] {outcome.text}")[:LONGEST_REQUEST]
    return Entry(EntryKind.NOTE, outcome.role or "starling", text, json.dumps({"step": facts}, ensure_ascii=False))


def _make_end(stage: Stage, status: TurnStatus, text: str) -> TurnEnded:
    """Return the end of the turn with what it has spent."""
    spent = stage.spending
    return TurnEnded(status, text, spent.steps, spent.tokens, spent.cost, round(spent.seconds, 3))
