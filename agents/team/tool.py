"""The interface of the team's tools: what a tool declares, what it is given, and what it returns. Start at `TeamTool`.

A tool never asks a person for permission and never writes a file itself: `calls.run_call` decides about permission
before it runs, and edits are proposed through `Workbench.changes`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from agents.ports.test_commands import choose_no_tests
from agents.team.failure import ToolFailed
from agents.team.permissions.modes import Mode
from agents.team.permissions.paths import resolve_name, shorten_path
from agents.team.session_notes import SessionNotes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from agents.findings import Finding
    from agents.ports.changes import Changes
    from agents.ports.commands import CommandRequest, CommandRunner
    from agents.ports.deployments import Action, Deployments, Plan
    from agents.ports.mcp_servers import McpCall, McpServers
    from agents.ports.permissions import Permissions
    from agents.ports.person import Person
    from agents.ports.templates import Templates
    from agents.ports.test_commands import TestCommandChooser
    from agents.team.events import Emit
    from agents.team.led.given_work import GivenWork
    from agents.team.memory.team_memory import TeamMemory
    from agents.team.permissions.rules import RuleSet
    from agents.tools import Tool
    from indexing.index import Index
    from indexing.syntax.documents import Document


CANNOT_RUN = "No command can be run here; say what should be run."
NO_TARGETS = (
    "The person has no target of deployments for this workspace; they can add `[deploy.targets.NAME]` to their own "
    "settings.toml."
)


class Arguments(BaseModel):
    """Base class of a tool's arguments; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=1_000_000)


Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call.

    Attributes:
        text: what the model gets; data, never an instruction.
        failed: whether the call achieved nothing.
        changed: files that it changed.
        ends: whether the agent's turn ends with this call; `text` is then the final answer.
    """

    text: str
    failed: bool = False
    changed: tuple[Path, ...] = ()
    ends: bool = False


async def delegate_to_nobody(role: str, _: str) -> str:
    """Refuse to delegate: where no team is assembled.

    Raises:
        ToolFailed: always.
    """
    raise ToolFailed(f"There is nobody to delegate to here ({role}); do the work yourself.")


async def check_nothing(*_: object) -> None:
    """Accept all arguments: for a tool whose arguments need no check after their validation."""


@dataclass(frozen=True, slots=True)
class Workbench:
    """Services and facts that a tool may use in one turn of an agent.

    Attributes:
        roots: workspace folders, absolute.
        read: returns the current text of a file, from the editor where it is open; None if it is missing, excluded or
            no text. Blocking.
        list_files: yields the absolute paths of all files that may be read. Blocking.
        explain_exclusion: returns why a path may not be read, "" if it may.
        changes: where edits are proposed.
        permissions: who permits calls that change no file.
        rules: the person's own rules about tools' calls.
        commands: runs permitted commands; None where commands cannot be run.
        person: who answers questions; None where nobody can.
        servers: the person's MCP servers; None for none.
        index: the index of the workspace, None for none.
        review: returns the static layer's findings in a document. Blocking.
        notes: plan and facts of the session.
        capabilities: capability sets that the agent may load.
        loaded: those that it has loaded; `need` adds to it.
        offered: names of the files whose imports the agent was offered; `read_file` adds to them. None for an agent to
            which nothing is offered.
        permitted: files and folders whose reading the person has permitted in this turn, because a rule had it asked.
        emit: takes events.
        delegate: has another role do a task (role, task); returns its answer.
        test_command: the person's own command for the tests, "" for none.
        choose_tests: returns the command for the tests of a workspace folder, or why none is known. Blocking.
        mode: what agents may do at all.
        agent: name of the agent.
        roles: names of the roles that a step of its plan may have, its own first.
        model: name of its model, for the record of a proposal.
        rule: the person's own rule that allows the present call, in words; "" for none. Set by `calls.run_call`.
        request: the command of the present call, as it was permitted; None for none. Set by `calls.run_call`.
        task: id within which "and the rest of this task" holds.
        session: id of the session, "" for none.
        call: the model's id of the present call. Set by `calls.run_call`.
        cancelled: returns whether the turn was cancelled; from any thread.
        memory: the team's memory for later sessions; None for none.
        templates: renders templates of projects; None where none can be rendered.
        given: the work that a workflow's step gives, for a model that is led; None outside of workflows.
        checks_tests: whether the program's own check of changes runs tests; False while tests are written that fail.
        deployments: deploys to the person's targets; None where there are none.
        plan: the plan of the present call, as it was permitted; None for none. Set by `calls.run_call`.
    """

    roots: tuple[Path, ...]
    read: Callable[[Path], str | None]
    list_files: Callable[[], Iterable[Path]]
    explain_exclusion: Callable[[Path], str]
    changes: Changes
    permissions: Permissions
    rules: RuleSet
    commands: CommandRunner | None = None
    person: Person | None = None
    servers: McpServers | None = None
    index: Index | None = None
    review: Callable[[Document], Sequence[Finding]] = lambda _: ()
    notes: SessionNotes = field(default_factory=SessionNotes)
    capabilities: tuple[str, ...] = ()
    loaded: set[str] = field(default_factory=set)
    offered: set[str] | None = None
    permitted: set[Path] = field(default_factory=set)
    emit: Emit = lambda _: None
    delegate: Callable[[str, str], Awaitable[str]] = delegate_to_nobody
    test_command: str = ""
    choose_tests: TestCommandChooser = choose_no_tests
    mode: Mode = Mode.ACT
    agent: str = "assistant"
    roles: tuple[str, ...] = ()
    model: str = ""
    task: str = ""
    session: str = ""
    call: str = ""
    rule: str = ""
    request: CommandRequest | None = None
    cancelled: Callable[[], bool] = lambda: False
    memory: TeamMemory | None = None
    templates: Templates | None = None
    given: GivenWork | None = None
    checks_tests: bool = True
    deployments: Deployments | None = None
    plan: Plan | None = None

    async def resolve(self, name: str) -> Path:
        """Return the absolute path of a file or folder that the model named.

        Raises:
            ToolFailed: it is no usable name, lies outside of the workspace, or is excluded; or no folder is open.
        """
        return await asyncio.to_thread(resolve_name, name, self.roots, self.explain_exclusion)

    async def read_text(self, path: Path) -> str:
        """Return the current text of a file that `resolve` returned.

        Raises:
            ToolFailed: it is a folder, does not exist, may not be read, or is no text below 1 MB.
        """
        text = await asyncio.to_thread(self.read, path)
        if text is None:
            folder = await asyncio.to_thread(path.is_dir)
            what = "is a folder; use list_files" if folder else "does not exist, or is not a text below 1 MB"
            raise ToolFailed(f"{self.display(path)} {what}.")
        return text

    def display(self, path: Path) -> str:
        """Return `path` as the model names files: relative to its workspace folder, with slashes; absolute outside."""
        return shorten_path(path, self.roots)


@dataclass(frozen=True, slots=True)
class TeamTool(Generic[Given]):
    """One tool of the team.

    Attributes:
        tool: name, risk and whether it edits files, as the gate knows them.
        description: what the tool does and when to use it, for the model.
        arguments: the pydantic model of its arguments.
        run: does the work; raises `ToolFailed` for errors that the model may correct.
        describe: returns the call in a few words for a person ("Read src/area.py").
        list_paths: returns the paths that the arguments name, as given; the person's rules are matched with them.
        get_request: returns the command that would run, None for none; the person's rules are matched with its line,
            and the question says what nothing keeps it from. Blocking; raises `ToolFailed` if there can be none.
        get_mcp_call: returns the call of an MCP server's tool that would be made, None for none; the person's rules are
            matched with its identity, and the question shows its arguments.
        get_action: returns the action on a target of deployments that the call is, and the name of the target; None for
            none. The question shows its plan, and no rule answers it.
        check: looks at the arguments of a call that is not denied, before anybody is asked; raises `ToolFailed`.
        capabilities: names of the capability sets that hold the tool; () for a tool that every agent has.
        timeout_s: longest duration, seconds; without effect on a tool that waits for a person.
        asks: whether it asks the person something itself.
        delegates: whether another agent works while it runs; the limits of the turn hold for that one.
    """

    tool: Tool
    description: str
    arguments: type[Given]
    run: Callable[[Given, Workbench], Awaitable[ToolResult]]
    describe: Callable[[Given], str]
    list_paths: Callable[[Given], Sequence[str]] = lambda _: ()
    get_request: Callable[[Given, Workbench], CommandRequest | None] = lambda *_: None
    get_mcp_call: Callable[[Given], McpCall | None] = lambda _: None
    get_action: Callable[[Given], tuple[Action, str] | None] = lambda _: None
    check: Callable[[Given, Workbench], Awaitable[None]] = check_nothing
    capabilities: tuple[str, ...] = ()
    timeout_s: float = 60.0
    asks: bool = False
    delegates: bool = False

    @property
    def waits(self) -> bool:
        """Whether the tool may wait for a person while it runs: it asks the person something, or edits files."""
        return self.asks or self.tool.edits

    @property
    def name(self) -> str:
        """Name of the tool, for the model and the record."""
        return self.tool.name
