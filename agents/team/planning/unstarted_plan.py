"""Calls that wait for the person's yes to the plan of the session. Start at `require_started_plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.team.failure import ToolFailed
from agents.team.session_notes import PlanStart
from agents.tools import Risk

if TYPE_CHECKING:
    from agents.team.session_notes import SessionNotes
    from agents.team.tool import TeamTool

REFUSED = (
    "The person does not want this plan, so nothing is changed or run and no step is handed out. Propose another one "
    "with `plan` and `confirm`, or finish."
)
PROPOSED = (
    "The plan has no yes of the person, so nothing is changed or run and no step is handed out. Propose it with `plan` "
    "and `confirm`; if the person has asked for something else meanwhile, drop it with `plan` and no steps."
)


def require_started_plan(tool: TeamTool[Any], notes: SessionNotes) -> None:
    """Check that a call of `tool` need not wait for the person's yes to the plan of the session.

    Raises:
        ToolFailed: a plan waits for the yes or was refused, and `tool` edits, delegates, or has more than a low risk.
    """
    if notes.awaits_start and (tool.tool.edits or tool.delegates or tool.tool.risk is not Risk.LOW):
        raise ToolFailed(REFUSED if notes.start is PlanStart.REFUSED else PROPOSED)
