"""A role that is asked for a record, only reads, and whose raw answer is not shown. Start at `ask_role`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.team.events import AgentChosen, CallStarted, TextArrived
from agents.team.led.given_work import GivenWork
from agents.team.workflows.json_answers import ask_for_record
from agents.team.workflows.step_guard import StepGuard

if TYPE_CHECKING:
    from collections.abc import Collection

    from agents.team.events import Emit, Event, TurnEnded
    from agents.team.role_files import Role
    from agents.team.workflows.json_answers import Record, RecordAnswer
    from agents.team.workflows.stage import Stage
    from models.chat import Message


async def ask_role(
    role: Role, prompt: str, form: type[Record], stage: Stage, permitted: Collection[str] = ()
) -> RecordAnswer[Record]:
    """Have a role answer with a record, within its limits and those of the workflow; it may change no file.

    Args:
        role: the role.
        prompt: its task, with a description of the JSON object.
        form: the pydantic model of the record.
        stage: what the step is given.
        permitted: names of the tools with a risk that it may ask to use.
    """
    guard = StepGuard(stage, "nothing", stage.bench.changes, stage.bench.permissions, frozenset(permitted))
    bench = replace(
        stage.bench,
        changes=guard,
        permissions=guard,
        emit=make_emit_without_text(role.name, stage.show),
        given=GivenWork(stage.state.request, "nothing"),
    )
    stage.show(AgentChosen(role.name, f"step {stage.state.step} of the workflow {stage.state.name}"))
    lent = stage.spending.copy_for_delegate(role.limits.narrow(stage.limits))

    async def run_turn(messages: list[Message]) -> TurnEnded:
        return await stage.run_role(role, messages, bench, lent)

    try:
        return await ask_for_record(prompt, form, run_turn)
    finally:
        stage.spending.take_counts(lent)


def make_emit_without_text(role: str, show: Emit) -> Emit:
    """Return an `emit` that passes events on to `show`, except text; the titles of calls begin with `role`."""

    def pass_on(event: Event) -> None:
        if isinstance(event, CallStarted):
            event = replace(event, title=f"{role}: {event.title}")
        if not isinstance(event, TextArrived):
            show(event)

    return pass_on
