"""The policy: which risks need a question, which answers are remembered, and the limits per hour.

Tables and decisions without side effects; knows neither files nor editors. Start at `RULES` and `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import DeleteFile
from agents.tools import DELETE_FILE, WRITE_FILE, Risk

if TYPE_CHECKING:
    from agents.edits import ProposedEdit
    from agents.tools import Tool


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for one risk.

    Attributes:
        asks: whether a person is asked.
        remembered: whether the answer "and the rest of this task" is offered.
        serious: whether the question is shown as a warning.
    """

    asks: bool
    remembered: bool
    serious: bool


RULES = {
    Risk.LOW: Rule(asks=False, remembered=False, serious=False),
    Risk.MEDIUM: Rule(asks=True, remembered=True, serious=False),
    Risk.HIGH: Rule(asks=True, remembered=True, serious=False),
    Risk.CRITICAL: Rule(asks=True, remembered=False, serious=True),
}
"""The rule for each risk that a tool can declare."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the gate; counted over all servers of a user.

    Attributes:
        file_operations: most files written, created, moved or deleted, and commands permitted, within `window_s`.
        approvals: most questions within `window_s`, undoing not counted; 0 for no limit.
        window_s: length of the window, seconds.
        answer_s: longest wait for an answer, seconds.
    """

    file_operations: int = 1000
    approvals: int = 50
    window_s: float = 3600.0
    answer_s: float = 300.0


def choose_tool(proposal: ProposedEdit) -> Tool:
    """Return the tool whose risk a proposal has: DELETE_FILE if it deletes a file, else WRITE_FILE."""
    return DELETE_FILE if any(isinstance(one, DeleteFile) for one in proposal.changes) else WRITE_FILE


def may_remember(task: str, tool: Tool) -> bool:
    """Return whether a yes for `tool` may also cover the rest of the task with the id `task`; False without a task."""
    return bool(task) and RULES[tool.risk].remembered


class RememberedAnswers:
    """The approvals for the rest of a task; kept in memory only, so that they end with the server."""

    def __init__(self) -> None:
        self._approved: set[tuple[str, Tool]] = set()

    def remember(self, task: str, tool: Tool) -> None:
        """Remember a yes for `tool` in the rest of `task`; do nothing if the tool's risk does not allow that."""
        if may_remember(task, tool):
            self._approved.add((task, tool))

    def covers(self, task: str, tool: Tool) -> bool:
        """Return whether a person has approved `tool` for the rest of `task`."""
        return may_remember(task, tool) and (task, tool) in self._approved

    def forget(self, task: str) -> None:
        """Forget the answers for `task`, which has ended."""
        self._approved = {one for one in self._approved if one[0] != task}
