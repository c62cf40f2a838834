"""What may be done without a question by its risk, which answers are remembered, and how much is too much in an hour.

Data and plain decisions; knows neither files nor editors. Start at `RULES` and `Limits`.
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
    """What follows from a risk.

    Attributes:
        asks: whether a person is asked.
        remembered: whether "the rest of this task" is an answer.
        serious: whether the question is shown as one to be read with care.
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
"""The whole policy: what is asked about, and how, by the risk that a tool declares."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is let through; counted over all servers of a user.

    Attributes:
        file_operations: files written, made, moved or deleted within `window_s`, and commands let run.
        approvals: questions put to a person within `window_s`; undoing does not count.
        window_s: seconds.
        answer_s: how long an answer is waited for, seconds.
    """

    file_operations: int = 1000
    approvals: int = 50
    window_s: float = 3600.0
    answer_s: float = 300.0


def tool_of(proposal: ProposedEdit) -> Tool:
    """Return the tool that a proposal is asked about as: the riskiest of what it does."""
    return DELETE_FILE if any(isinstance(one, DeleteFile) for one in proposal.changes) else WRITE_FILE


class Remembered:
    """Answers that hold for the rest of a task; kept in memory only, so that none outlives its server."""

    def __init__(self) -> None:
        self._approved: set[tuple[str, Tool]] = set()

    def remember(self, task: str, tool: Tool) -> None:
        """Ask no more in this task, where the tool allows that at all."""
        if task and RULES[tool.risk].remembered:
            self._approved.add((task, tool))

    def covers(self, task: str, tool: Tool) -> bool:
        """Whether a person has said so."""
        return bool(task) and RULES[tool.risk].remembered and (task, tool) in self._approved

    def end(self, task: str) -> None:
        """The task is over."""
        self._approved = {one for one in self._approved if one[0] != task}
