"""The tool `plan`: the to-do list of the session, which is kept outside of the transcript and shown to the person.

With `confirm` the person edits the plan and says whether it starts. Until then nothing is changed or run, and no step
is handed out (`agents.team.planning.unstarted_plan`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.person import PlanQuestion, ProposedStep
from agents.team.events import PlanChanged
from agents.team.failure import ToolFailed
from agents.team.planning.plan_confirmation import confirm_plan, find_problem, tidy_steps
from agents.team.planning.unstarted_plan import PROPOSED, REFUSED
from agents.team.session_notes import LONGEST_TEXT, MOST_STEPS, PlanStart, PlanStep, StepStatus
from agents.team.shown_text import escape_to_line
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.team.tool import Workbench

NOBODY = (
    "Nobody has said yes to the plan, so nothing of it may start. It is kept. Finish with the plan as your answer, and "
    "say that it waits for a yes."
)
SAME_TURN = (
    "The person has not said yes to this plan, so it cannot be dropped for work without one; propose another one with "
    "`confirm`, or finish."
)


class Step(Arguments):
    """One step of a plan."""

    title: str = Field(min_length=1, max_length=LONGEST_TEXT, description="What is to be done, an imperative.")
    status: StepStatus = Field(default=StepStatus.OPEN, description="Status of the step.")
    role: str = Field(default="", max_length=40, description="Role that is to do it; empty for yourself.")


class Plan(Arguments):
    """Arguments of `plan`."""

    steps: tuple[Step, ...] = Field(max_length=MOST_STEPS, description="All steps in order, instead of the old plan.")
    title: str = Field(default="", max_length=200, description="Goal of the plan, a few words; for the question.")
    confirm: bool = Field(
        default=False,
        description="true: the person may edit the plan and says whether it starts; until then you can only read.",
    )


async def run(given: Plan, bench: Workbench) -> ToolResult:
    """Store the plan; with `confirm`, ask the person whether it may start. Return plan and facts for the model.

    An empty list of steps drops a plan that waits for a yes.

    Raises:
        ToolFailed: with `confirm`, the plan is unusable or has got no yes; or the plan to drop was proposed in this
            turn.
    """
    if given.confirm:
        return await _propose(given, bench)
    notes = bench.notes
    if notes.awaits_start and not given.steps:
        if notes.proposed_in == bench.task:
            raise ToolFailed(SAME_TURN)
        notes.set_plan((), PlanStart.FREE)
    else:
        steps = tuple(_make_step(one) for one in given.steps)
        notes.set_plan(steps, notes.start, remark=notes.remark, turn=notes.proposed_in)
    _show_plan(bench)
    return ToolResult(_describe_plan(bench))


async def _propose(given: Plan, bench: Workbench) -> ToolResult:
    """Store the plan, ask the person to start it, and store the answer; return the plan as the person wants it.

    Raises:
        ToolFailed: the plan cannot be started as it is, nobody answers, or the person refuses it.
    """
    notes = bench.notes
    asked = tidy_steps((ProposedStep(one.title, one.role) for one in given.steps), bench.roles)
    if problem := find_problem(asked, bench.roles):
        raise ToolFailed(problem)
    notes.set_plan(_make_plan(asked), PlanStart.PROPOSED, turn=bench.task)
    title = escape_to_line(given.title) or f"A plan with {len(asked)} steps"
    answer = await confirm_plan(bench.person, PlanQuestion(title, asked, bench.roles))
    if answer is None:
        _show_plan(bench)
        raise ToolFailed(NOBODY)
    if answer.steps is None:
        notes.set_plan(notes.plan, PlanStart.REFUSED, remark=escape_to_line(answer.remark), turn=bench.task)
        _show_plan(bench)
        raise ToolFailed(f"The person says about this plan: {notes.remark}\n{REFUSED}" if notes.remark else REFUSED)
    notes.set_plan(_make_plan(answer.steps), PlanStart.APPROVED)
    _show_plan(bench)
    changed = " The person has changed it; work by it as it is now." if answer.steps != asked else ""
    return ToolResult(f"The person has said yes.{changed}\n{_describe_plan(bench)}")


def _show_plan(bench: Workbench) -> None:
    """Tell the client the steps of the plan and their status."""
    bench.emit(PlanChanged(tuple((one.title, one.status.value) for one in bench.notes.plan)))


def _describe_plan(bench: Workbench) -> str:
    """Return the plan and the facts for the model, with the reason why nothing may start if that is so."""
    notes = bench.notes
    waits = {PlanStart.PROPOSED: PROPOSED, PlanStart.REFUSED: REFUSED}.get(notes.start, "")
    return "\n".join(filter(None, [notes.describe() or "[the plan is empty]", waits]))


def _make_plan(steps: Sequence[ProposedStep]) -> tuple[PlanStep, ...]:
    """Return the steps of a plan, all of them open."""
    return tuple(PlanStep(one.title, StepStatus.OPEN, one.role) for one in steps)


def _make_step(given: Step) -> PlanStep:
    """Return the step of the plan, with title and role each on one line whose characters can all be seen."""
    return PlanStep(escape_to_line(given.title), given.status, escape_to_line(given.role))


TOOL = TeamTool(
    Tool("plan", Risk.LOW),
    "Write or update the plan of this session. Give all steps each time; mark the one you work on as active.",
    Plan,
    run,
    lambda given: f"Propose a plan of {len(given.steps)} steps" if given.confirm else f"Plan {len(given.steps)} steps",
    asks=True,
)
