"""What each tool may do without a question, which answers are remembered, and how much is too much in an hour.

Data and plain decisions; knows neither files nor editors. Start at `RULES` and `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from agents.edits import DeleteFile
from server.gate.records import Tool

if TYPE_CHECKING:
    from agents.edits import ProposedEdit


class Risk(IntEnum):
    """What can go wrong."""

    LOW = 0  # only reads
    MEDIUM = 1  # changes the history
    HIGH = 2  # changes code
    CRITICAL = 3  # cannot be undone, or runs code


@dataclass(frozen=True, slots=True)
class Rule:
    """How a tool is dealt with.

    Attributes:
        risk: what can go wrong.
        asks: whether a person is asked.
        remembered: whether "the rest of this task" is an answer.
    """

    risk: Risk
    asks: bool
    remembered: bool


RULES = {
    Tool.READ_FILE: Rule(Risk.LOW, asks=False, remembered=False),
    Tool.LIST_FILES: Rule(Risk.LOW, asks=False, remembered=False),
    Tool.SEARCH_FILES: Rule(Risk.LOW, asks=False, remembered=False),
    Tool.WRITE_FILE: Rule(Risk.HIGH, asks=True, remembered=True),
    Tool.GIT_COMMIT: Rule(Risk.MEDIUM, asks=True, remembered=True),
    Tool.DELETE_FILE: Rule(Risk.CRITICAL, asks=True, remembered=False),
    Tool.EXECUTE_COMMAND: Rule(Risk.CRITICAL, asks=True, remembered=False),
}


COMMANDS = frozenset({Tool.EXECUTE_COMMAND, Tool.GIT_COMMIT})
"""What `Gate.permit` decides about; everything else that asks is a proposed edit."""


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
    """What a proposal has to be asked as: the most dangerous of what it does."""
    return Tool.DELETE_FILE if any(isinstance(one, DeleteFile) for one in proposal.changes) else Tool.WRITE_FILE


class Remembered:
    """Answers that hold for the rest of a task; kept in memory only, so that none outlives its server."""

    def __init__(self) -> None:
        self._approved: set[tuple[str, Tool]] = set()

    def remember(self, task: str, tool: Tool) -> None:
        """Ask no more in this task, where the tool allows that at all."""
        if task and RULES[tool].remembered:
            self._approved.add((task, tool))

    def covers(self, task: str, tool: Tool) -> bool:
        """Whether a person has said so."""
        return bool(task) and RULES[tool].remembered and (task, tool) in self._approved

    def end(self, task: str) -> None:
        """The task is over."""
        self._approved = {one for one in self._approved if one[0] != task}
