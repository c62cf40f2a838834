"""Edits that tools propose in the name of an agent. Start at `propose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import ProposedEdit, RenameFile
from agents.ports.origins import Origin
from agents.team.failure import ToolFailed
from agents.team.tool import ToolResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Change
    from agents.team.tool import Workbench

WHY = "The agent makes this change for its task."
LEFT_OUT = (
    "The person took only these parts, and the files hold only them; line numbers are those before the edit. Do not "
    "propose the other parts again unless the person asks for them."
)


async def propose(bench: Workbench, title: str, why: str, changes: Sequence[Change]) -> ToolResult:
    """Propose `changes` as one edit, wait until it is made, and return a result that says so.

    Where the person took only some parts, the result says which. An empty `why` stands for a general reason.

    Raises:
        ToolFailed: a person rejected it, nobody could be asked, or it could not be made; says why.
    """
    origin = Origin(bench.session, bench.call)
    proposal = ProposedEdit(title, why.strip() or WHY, bench.agent, tuple(changes), bench.model, origin=origin)
    outcome = await bench.changes.propose(proposal, task=bench.task, rule=bench.rule, cancelled=bench.cancelled)
    if not outcome.applied:
        raise ToolFailed(outcome.reason or "The person rejected this edit; ask what should be different.")
    changed = [one.to if isinstance(one, RenameFile) else one.path for one in changes]
    note = f" {outcome.reason}" if outcome.reason else ""
    if outcome.left_out:
        note = f"{note} {LEFT_OUT}"
    done = "Done in part" if outcome.left_out else "Done"
    return ToolResult(f"{done}: {title}.{note}", changed=tuple(one for one in changed if one is not None))
