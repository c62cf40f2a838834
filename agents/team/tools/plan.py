"""The tool `plan`: the to-do list of the session, which is kept outside of the transcript and shown to the person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.events import PlanChanged
from agents.team.session_notes import LONGEST_TEXT, MOST_STEPS, PlanStep, StepStatus
from agents.team.shown_text import write_plainly
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench


class Step(Arguments):
    """One step of a plan."""

    title: str = Field(min_length=1, max_length=LONGEST_TEXT, description="What is to be done, an imperative.")
    status: StepStatus = Field(default=StepStatus.OPEN, description="Status of the step.")
    role: str = Field(default="", max_length=40, description="Role that is to do it; empty for yourself.")


class Plan(Arguments):
    """Arguments of `plan`."""

    steps: tuple[Step, ...] = Field(max_length=MOST_STEPS, description="All steps in order, instead of the old plan.")


async def run(given: Plan, bench: Workbench) -> ToolResult:
    """Store the plan and return it as the model will see it."""
    bench.notes.plan = tuple(_make_step(one) for one in given.steps)
    bench.emit(PlanChanged(tuple((one.title, one.status.value) for one in bench.notes.plan)))
    return ToolResult(bench.notes.describe() or "[the plan is empty]")


def _make_step(given: Step) -> PlanStep:
    """Return the step, with its words as a person can read them."""
    return PlanStep(write_plainly(given.title), given.status, write_plainly(given.role))


TOOL = TeamTool(
    Tool("plan", Risk.LOW),
    "Write or update the plan of this session. Give all steps each time; mark the one you work on as active.",
    Plan,
    run,
    lambda given: f"Plan {len(given.steps)} steps",
)
