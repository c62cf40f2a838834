"""A workspace on the disk with doubles of the ports, for tests of the team's tools and loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import models.chat
from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from agents.ports.commands import CommandResult, Isolation
from agents.ports.mcp_servers import McpFailed, McpResult, McpServer, McpTool, McpTools
from agents.ports.permissions import Permission, ToolCall
from agents.team.limits import Spending, TurnLimits
from agents.team.permissions.rules import RuleSet
from agents.team.role_files import CAPABILITIES
from agents.team.tool import Workbench
from agents.team.tools.all_tools import TOOLS
from agents.team.toolset import Toolset
from agents.team.turn.calls import prepare_call, run_call
from agents.team.turn.conversation import Conversation
from agents.team.turn.loop import Agent, run_turn
from models.chat import Message, Speaker
from models.scripted.scripted_chat import ScriptedChat
from tests import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.edits import ProposedEdit
    from agents.ports.commands import CommandRequest
    from agents.ports.mcp_servers import McpCall
    from agents.ports.permissions import Cancelled
    from agents.team.events import Event, TurnEnded
    from models.chat import ChatModel


@dataclass(frozen=True)
class FakeOutcome:
    """An outcome of a proposed edit."""

    applied: bool = True
    reason: str = ""
    proposal: str = "p1"
    checkpoint: str = "c1"
    left_out: tuple[str, ...] = ()


@dataclass
class FakeGate:
    """Applies edits to the disk at once, and permits calls, unless `answer` is a no; remembers what it was asked.

    With `narrow`, applies what that makes of an edit, and reports that `left_out` was left out.
    """

    answer: bool = True
    reason: str = ""
    narrow: Callable[[ProposedEdit], ProposedEdit] | None = None
    left_out: tuple[str, ...] = ()
    proposals: list[ProposedEdit] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    before: dict[str, dict[Path, bytes | None]] = field(default_factory=dict)

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> FakeOutcome:
        """Apply `proposal`, or reject it."""
        del task, cancelled
        self.proposals.append(proposal)
        self.rules.append(rule)
        if not self.answer:
            return FakeOutcome(applied=False, reason=self.reason, checkpoint="")
        if self.narrow is not None:
            proposal = self.narrow(proposal)
        checkpoint = f"c{len(self.proposals)}"
        paths = [one.to if isinstance(one, RenameFile) else one.path for one in proposal.changes]
        self.before[checkpoint] = {path: path.read_bytes() if path.exists() else None for path in paths if path}
        for change in proposal.changes:
            match change:
                case TextChange():
                    assert change.path is not None
                    assert change.path.read_bytes().decode() == change.before
                    change.path.write_bytes(change.after.encode())
                case CreateFile():
                    change.path.parent.mkdir(parents=True, exist_ok=True)
                    change.path.write_text(change.text, "utf-8")
                case RenameFile():
                    change.path.rename(change.to)
                case DeleteFile():
                    change.path.unlink()
        return FakeOutcome(checkpoint=checkpoint, reason=self.reason, left_out=self.left_out)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> FakeOutcome:
        """Write back what the files of a change held before."""
        del cancelled
        for path, data in self.before[checkpoint].items():
            path.unlink() if data is None else path.write_bytes(data)
        return FakeOutcome(checkpoint="undone")

    async def permit(self, call: ToolCall, *, cancelled: Cancelled | None = None) -> Permission:
        """Permit `call`, or refuse it."""
        del cancelled
        self.calls.append(call)
        return Permission("r1", self.answer, "applied" if self.answer else "rejected", self.reason)

    def end_task(self, task: str) -> None:
        """Do nothing: nothing is remembered."""


@dataclass
class FakeServers:
    """MCP servers with the same tools each, which answer at once; remembers the calls.

    Attributes:
        names: names of the servers.
        tools: their tools.
        answer: the text of each result; "" for the arguments of the call.
        problem: why no server can be used; "" if all can.
        calls: the calls that were made.
    """

    names: tuple[str, ...] = ("demo",)
    tools: tuple[McpTool, ...] = (McpTool("echo", "Return the arguments."),)
    answer: str = ""
    problem: str = ""
    calls: list[McpCall] = field(default_factory=list)

    @property
    def servers(self) -> tuple[McpServer, ...]:
        """The servers."""
        return tuple(McpServer(name, "demo-program", "For tests.") for name in self.names)

    async def list_tools(self, server: str, *, cancelled: Cancelled) -> McpTools:
        """Return the tools, if there is such a server."""
        del cancelled
        if self.problem or server not in self.names:
            raise McpFailed(self.problem or f"There is no MCP server {server!r}.")
        return McpTools(self.tools)

    async def call(self, call: McpCall, *, cancelled: Cancelled) -> McpResult:
        """Remember a call, and answer it."""
        await self.list_tools(call.server, cancelled=cancelled)
        self.calls.append(call)
        return McpResult(self.answer or json.dumps(dict(call.arguments)))


@dataclass
class DirectRunner:
    """Runs commands at once, without isolation, and remembers what it ran."""

    requests: list[CommandRequest] = field(default_factory=list)
    isolation: Isolation = field(default_factory=Isolation)

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return `isolation` with what the request asks for."""
        return replace(self.isolation, requested=request.requested)

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Run a command and wait for its end; a request that is cancelled has no result."""
        self.requests.append(request)
        if cancelled is not None and cancelled():
            return CommandResult(None, "", "The command was stopped because the request was cancelled.")
        return await asyncio.to_thread(run_directly, request)


def run_directly(request: CommandRequest) -> CommandResult:
    """Run a command in a shell, and return its result with the report that it has written."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary, request.report.name if request.report is not None else "none")
        shell = ["/bin/sh", "-c", request.complete_line(str(report))]
        ended = subprocess.run(shell, cwd=request.folder, capture_output=True, text=True, check=False)
        written = report.read_text("utf-8") if report.exists() else ""
    return CommandResult(ended.returncode, ended.stdout + ended.stderr, report=written)


@dataclass
class TeamBench:
    """A workspace, and a turn of an agent in it.

    Attributes:
        root: the workspace folder.
        gate: who applies and permits.
        events: everything that was emitted.
        options: further fields of the workbench.
    """

    root: Path
    gate: FakeGate = field(default_factory=FakeGate)
    events: list[Event] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, source: str) -> None:
        """Write the files of a fixture (`tests.marked`) into the workspace."""
        marked.parse(source).write(self.root)

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.root / name).read_text("utf-8")

    @property
    def workbench(self) -> Workbench:
        """The workbench over this workspace; files whose name has "secret" are excluded."""

        def read(path: Path) -> str | None:
            return path.read_bytes().decode() if path.is_file() and not explain(path) else None

        def list_files() -> Iterator[Path]:
            yield from (path for path in sorted(self.root.rglob("*")) if path.is_file() and not explain(path))

        def explain(path: Path) -> str:
            return "secret" if "secret" in path.name else ""

        bench = Workbench(
            (self.root,), read, list_files, explain, self.gate, self.gate, RuleSet(), emit=self.events.append, task="t"
        )
        bench.loaded.update(CAPABILITIES)
        return replace(bench, **self.options)

    async def call(self, tool: str, /, **arguments: Any) -> tuple[str, bool]:
        """Run one call; return its text, and whether it failed."""
        call = models.chat.ToolCall("c", tool, arguments)
        bench = self.workbench
        prepared = await prepare_call(call, Toolset(TOOLS), bench)
        result = await run_call(prepared, bench, Spending(TurnLimits()))
        return result.text, result.failed

    async def run(self, script: str, request: str = "go", *, window: int = 16_384, **limits: Any) -> TurnEnded:
        """Run one turn with a model that answers as `script` says."""
        return await self.run_agent(self.make_agent(script, window), request=request, **limits)

    def make_agent(self, script: str, window: int = 16_384) -> Agent:
        """Return an agent whose model answers as `script` says, and store the model as `chat`."""
        self.chat = ScriptedChat(script, context_tokens=window)
        return Agent(self.chat, Toolset(TOOLS), lambda: "You are an agent.")

    async def run_agent(
        self,
        agent: Agent,
        chat: ChatModel | None = None,
        *,
        request: str = "go",
        **limits: Any,
    ) -> TurnEnded:
        """Run one turn of `agent`, with another model if one is given; store the conversation."""
        agent = replace(agent, chat=chat or agent.chat)
        self.conversation = Conversation(
            agent.chat.count_tokens, agent.chat.context_tokens, [Message(Speaker.USER, request)]
        )
        return await run_turn(agent, self.conversation, self.workbench, Spending(TurnLimits(**limits)))

    def results(self) -> list[str]:
        """Return the results of all calls, as the model got them."""
        return [one.text for one in self.conversation.messages if one.speaker is Speaker.TOOL]
