"""Permission for a tool's call, asked of a person where the tool's risk requires it. Start at `Permissions`.

Only for tools that change no file: a file is changed by a `ProposedEdit`, which has a question of its own kind.
`server.gate.gate.Gate` implements the port.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agents.ports.origins import NO_ORIGIN, Origin

if TYPE_CHECKING:
    from agents.ports.commands import Isolation
    from agents.tools import Tool

Cancelled = Callable[[], bool]
"""A callback that returns whether nobody needs the answer any more; it is cheap and runs on any thread."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool's call as a person reads it before answering.

    Attributes:
        tool: the tool; its risk decides whether and how a person is asked.
        subject: what exactly would be done: the whole command line, or the arguments in words.
        title: an imperative of a few words ("Run the tests of `shop`").
        why: the agent's reason, one or two sentences.
        by: name of the agent.
        task: id of the task within which a person may allow this tool once for all further calls; "" for none.
        rule: the person's own rule that allows the call without a question, in words; "" for none.
        asks: whether a rule has the person asked, also where the tool's risk needs no question.
        isolation: the confinement of the command that the person is asked about; None where no command runs.
        origin: the session and call that it comes from.
    """

    tool: Tool
    subject: str
    title: str
    why: str
    by: str
    task: str = ""
    rule: str = ""
    asks: bool = False
    isolation: Isolation | None = None
    origin: Origin = NO_ORIGIN


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer to a tool's call.

    Attributes:
        request: id in the record of requests; a call that needs no question has an id without a record.
        granted: whether the tool may run.
        outcome: the record's word: "applied" where granted, else "rejected", "expired", "refused" or "failed".
        reason: why it was not granted and what to do, a sentence; "" where it was.
    """

    request: str
    granted: bool
    outcome: str
    reason: str = ""


class Permissions(Protocol):
    """The service that decides whether a tool may run."""

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Ask a person whether the tool of `call` may run, and return the answer.

        Nobody is asked if the tool's risk needs no question, or if the tool is allowed for the rest of the task. Waits
        for the answer, 300 s at most by default. If nobody can be asked or the request cannot be recorded, the answer
        is no.

        Args:
            call: the call.
            cancelled: checked several times a second while a person thinks; the question is then withdrawn.

        Raises:
            ValueError: the tool changes files.
        """
        ...

    def end_task(self, task: str) -> None:
        """Withdraw all permissions that a person gave for the rest of `task`."""
        ...
