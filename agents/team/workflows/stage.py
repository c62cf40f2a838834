"""Services for a step of a workflow, and its outcome. Start at `Stage`."""

from __future__ import annotations

import asyncio
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.team import transcript
from agents.team.events import Noted
from agents.team.failure import ToolFailed
from agents.team.shown_text import escape_to_line
from agents.team.turn.calls import prepare_call, run_call
from agents.team.workflows.test_files import hash_text
from models.chat import ToolCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from agents.ports.sessions import Entry
    from agents.team.events import Emit, TurnEnded, TurnStatus
    from agents.team.limits import Spending, TurnLimits
    from agents.team.role_files import Role, Roles
    from agents.team.tool import ToolResult, Workbench
    from agents.team.toolset import Toolset
    from agents.team.workflows.test_files import TestFiles
    from agents.team.workflows.workflow_state import WorkflowState
    from models.chat import Message

PLACEHOLDER = re.compile(r"\{(request|failures|files|answer:[a-z][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The outcome of a step.

    Attributes:
        text: what happened, for the record and for later steps.
        then: name of the step that is next; "" for the end of the workflow.
        role: the role that worked, "" for the program itself.
        stopped: why the turn ends while the step stays open; None if it goes on.
        gives_up: whether the workflow ends here without its aim.
    """

    text: str
    then: str = ""
    role: str = ""
    stopped: TurnStatus | None = None
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class InnerWorkflows:
    """Further workflows that a step may run.

    Attributes:
        find: returns the workflow with a name, None for none.
        run: runs a workflow on its own stage; the last argument stores an entry about a step.
        record: stores an entry about a step of this workflow.
    """

    find: Callable[[str], Any]
    run: Callable[[Any, Stage, Callable[[Entry], Awaitable[None]]], Awaitable[TurnEnded]]
    record: Callable[[Entry], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """Services and facts for the steps of a workflow in one turn of a session.

    Attributes:
        state: how far the workflow has come; steps change it.
        test_files: tells test files from other ones.
        bench: the workbench of the program's own calls.
        tools: the tools of the program's own calls.
        roles: all roles.
        limits: the person's limits for one turn of an agent.
        spending: counts of what the workflow has spent in this turn.
        run_role: runs one turn of an agent.
        show: takes the events of agents' turns.
        save: stores the state.
        commits: whether a commit is proposed; False where whoever runs the workflow commits.
        inner: further workflows that a step may run; None where it may run none.
        numbers: numbers for the ids of the program's own calls.
    """

    state: WorkflowState
    test_files: TestFiles
    bench: Workbench
    tools: Toolset
    roles: Roles
    limits: TurnLimits
    spending: Spending
    run_role: Callable[[Role, list[Message], Workbench, Spending], Awaitable[TurnEnded]]
    show: Emit
    save: Callable[[], Awaitable[None]]
    commits: bool = True
    inner: InnerWorkflows | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Run a call of the program itself, decided about and permitted as an agent's; failures are results."""
        identity = f"{self.state.step}-{next(self.numbers)}"
        prepared = await prepare_call(ToolCall(identity, tool, arguments), self.tools, self.bench)
        return await run_call(prepared, self.bench, self.spending)

    def say(self, text: str) -> None:
        """Show a line of the program to the person, with secrets hidden."""
        self.show(Noted(escape_to_line(transcript.hide_secrets(text))))

    def fill(self, prompt: str) -> str:
        """Return `prompt` with its placeholders filled from the state: "(nothing)" for what is empty."""
        state = self.state

        def find_value(match: re.Match[str]) -> str:
            kind, _, name = match[1].partition(":")
            texts = {"request": state.request, "failures": state.failures, "files": "\n".join(state.files)}
            return (state.answers.get(name, "") if name else texts[kind]) or "(nothing)"

        return PLACEHOLDER.sub(find_value, prompt)

    async def take_fingerprints(self, names: Iterable[str]) -> dict[str, str]:
        """Return a hash of the present text of each of the files, "" for one that cannot be read."""
        return {name: hash_text(await self.read(name)) for name in names}

    async def list_test_files(self) -> list[str]:
        """Return the names of the changed files that are test files and can still be read."""
        found = [one for one in self.state.files if self.test_files.matches(one)]
        return [one for one in found if await self.read(one) is not None]

    async def read(self, name: str) -> str | None:
        """Return the present text of a file by its name; None if it is missing or may not be read."""
        try:
            path = await self.bench.resolve(name)
        except ToolFailed:
            return None
        return await asyncio.to_thread(self.bench.read, path)
