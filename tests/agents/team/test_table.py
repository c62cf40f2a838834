"""Tools x modes x people and rules: what runs, who is asked, and what is recorded, with the real gate on a disk.

Tools that change files run; of the others it is counted whether they would. `tests/server/gate/test_table.py` has the
kinds of editors, `permissions/test_commands.py` the command lines.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.commands import CommandRequest, CommandResult, Isolation
from agents.ports.test_commands import TestCommand
from agents.team.limits import Spending, TurnLimits
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import RuleSet
from agents.team.role_files import CAPABILITIES
from agents.team.tool import Arguments, TeamTool, ToolResult, Workbench
from agents.team.tools.all_tools import TOOLS
from agents.team.toolset import Toolset
from agents.team.turn.calls import prepare_call, run_call
from agents.tools import Risk, Tool
from models.chat import ToolCall
from server.gate.policy import Limits
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from server.gate.trials.templates import CopierTemplates
from tests.agents.team.bench import FakeServers
from tests.agents.team.fake_deployments import FakeDeployments
from tests.server.gate.bench import ANSWER_S, Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Case(Enum):
    """The person, or the person's rule about the tool."""

    YES = "says yes"
    NO = "says no"
    TASK = "says yes for the rest of the task"
    SILENT = "does not answer"
    NOBODY = "cannot be asked"
    ALLOWED = "has a rule that allows it"
    ASKED = "has a rule that has it asked, and says yes for the rest of the task"
    DENIED = "has a rule that denies it"


ANSWERS = {
    Case.YES: (Answer.APPROVE,) * 2, Case.TASK: (Answer.APPROVE_TASK,) * 2, Case.SILENT: (Answer.EXPIRE,) * 2,
    Case.ASKED: (Answer.APPROVE_TASK,) * 2,
}  # fmt: skip
ARGUMENTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "read_file": lambda _: {"path": "a0.py"},
    "list_files": lambda _: {},
    "search_files": lambda _: {"pattern": "x"},
    "search_code": lambda _: {"words": "x"},
    "findings": lambda _: {"path": "a0.py"},
    "git_status": lambda _: {},
    "git_diff": lambda _: {},
    "git_log": lambda _: {},
    "edit_file": lambda n: {"path": f"a{n}.py", "replacements": [{"old": "x", "new": "y"}]},
    "write_file": lambda n: {"path": f"new{n}.py", "text": "n = 1\n"},
    "rename_file": lambda n: {"path": f"a{n}.py", "to": f"b{n}.py"},
    "delete_file": lambda n: {"path": f"a{n}.py"},
    "render_template": lambda _: {"template": "service"},
    "run_tests": lambda _: {},
    "test_results": lambda _: {},
    "execute_command": lambda _: {"command": "true"},
    "git_branch": lambda _: {"name": "new"},
    "git_commit": lambda _: {"message": "Add x", "paths": ["a0.py"]},
    "git_merge": lambda _: {"branch": "other"},
    "git_push": lambda _: {"branch": "main"},
    "list_targets": lambda _: {},
    "check_target": lambda _: {"target": "prod"},
    "deploy": lambda _: {"target": "prod"},
    "deploy_status": lambda _: {"target": "prod"},
    "roll_back": lambda _: {"target": "prod"},
    "list_mcp_tools": lambda _: {"server": "demo"},
    "call_mcp_tool": lambda _: {"server": "demo", "tool": "echo", "arguments": {"text": "x"}},
    "plan": lambda _: {"steps": []},
    "need": lambda _: {"capability": "deploy"},
    "delegate": lambda _: {"role": "ask", "task": "Look."},
    "ask_person": lambda _: {"question": "Which?"},
    "remember": lambda _: {"key": "k", "text": "t"},
    "recall": lambda _: {},
    "finish": lambda _: {"answer": "Done."},
}
"""Valid arguments of each tool, for its first and its second call."""

IDENTITIES = {"call_mcp_tool": "mcp:demo/echo"}
"""Names that rules and records use for a call of a tool, where these are not the tool's own."""

COMMANDS = {
    "execute_command": "true", "git_branch": "git switch *", "git_commit": "git *", "git_merge": "git merge *",
    "git_push": "git push *", "run_tests": "pytest *",
}  # fmt: skip
"""Commands by which a rule allows the tools that run one."""


ALWAYS_ASKED = frozenset({"check_target", "deploy", "deploy_status", "roll_back"})
"""Tools that no rule allows without a question."""


class NoArguments(Arguments):
    """No arguments."""


async def change_nothing(_: NoArguments, __: Workbench) -> ToolResult:
    """Return an answer."""
    return ToolResult("ran")


BY_RISK = tuple(
    TeamTool(Tool(f"tool_{risk.name.lower()}", risk), "A tool.", NoArguments, change_nothing, lambda _: "Use it")
    for risk in Risk
)
"""Tools without paths or a command, one for each risk; as of a server that is connected later."""

ALL = (*TOOLS, *BY_RISK)
MODES = tuple(Mode)


class NoTemplates(CopierTemplates):
    """Templates that could be rendered, also where Copier is not installed."""

    def __init__(self) -> None:
        super().__init__(Path())

    def find_obstacle(self) -> str:
        """Return ""."""
        return ""


@dataclass
class Runner:
    """Runs no command, where the system would hide secrets from one."""

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return an isolation that hides secrets."""
        return Isolation("a test", hides_secrets=True, requested=request.requested)

    async def run(self, request: CommandRequest, *, cancelled: Callable[[], bool] | None = None) -> CommandResult:
        """Return success."""
        del request, cancelled
        return CommandResult(0, "")


@pytest.fixture
def gate_bench(tmp_path: Path) -> Bench:
    """Return a workspace with two files."""
    bench = Bench(tmp_path)
    bench.write("#- a0.py\nx = 1\n#- a1.py\nx = 1\n")
    return bench


def make_rules(case: Case, tool: TeamTool[Any]) -> RuleSet:
    """Return the person's rules in a case."""
    name, command = IDENTITIES.get(tool.name, tool.name), COMMANDS.get(tool.name, "")
    allow = [f"{name} command {command}" if command else name] if case is Case.ALLOWED else []
    return RuleSet.parse(
        allow=allow, ask=[name] if case is Case.ASKED else [], deny=[name] if case is Case.DENIED else []
    )


def make_workbench(bench: Bench, case: Case, mode: Mode, rules: RuleSet) -> Workbench:
    """Return a workbench over the files and the gate of `bench`, with the person of a case."""
    bench.limits = Limits(answer_s=0.01 if case is Case.SILENT else ANSWER_S)
    obstacle = "This client cannot show a question." if case is Case.NOBODY else ""
    bench.asker = ScriptedAsker(ANSWERS.get(case, ()), obstacle=obstacle)

    def list_files() -> Iterator[Path]:
        yield from bench.root.iterdir()

    return Workbench(
        (bench.root,), lambda path: path.read_text() if path.is_file() else None, list_files, lambda _: "", bench.gate,
        bench.gate, rules, commands=Runner(), choose_tests=lambda folder, _: TestCommand(("pytest",), folder),
        mode=mode, loaded=set(CAPABILITIES), task="t", servers=FakeServers(), templates=NoTemplates(),
        deployments=FakeDeployments(),
    )  # fmt: skip


def predict(tool: TeamTool[Any], mode: Mode, case: Case) -> tuple[list[bool], int, list[Verdict]]:
    """Return whether each of two calls runs, how many questions are asked, and the recorded verdicts."""
    risk, changes = tool.tool.risk, tool.tool.edits or tool.tool.risk is not Risk.LOW
    if case is Case.DENIED or (mode is Mode.PLAN and changes):
        return [False, False], 0, []
    if not changes and case is not Case.ASKED:
        return [True, True], 0, []
    unruled = tool.name in ALWAYS_ASKED or (tool.name in COMMANDS and sys.platform == "win32")
    if case is Case.ALLOWED and not unruled:
        return [True, True], 0, [Verdict.APPLIED] * 2
    verdict = {Case.SILENT: Verdict.EXPIRED, Case.NOBODY: Verdict.REFUSED}.get(case, Verdict.APPLIED)
    if case in {Case.NO, Case.ALLOWED}:
        verdict = Verdict.REJECTED
    runs = verdict is Verdict.APPLIED
    remembered = case is Case.TASK and risk is not Risk.CRITICAL
    questions = 0 if case is Case.NOBODY else 1 if remembered else 2
    return [runs, runs], questions, [verdict] * 2


CELLS = [(tool, mode, case) for tool in ALL for mode in MODES for case in Case]


@pytest.mark.parametrize(
    ("tool", "mode", "case"), CELLS, ids=[f"{tool.name}-{mode.value}-{case.name.lower()}" for tool, mode, case in CELLS]
)
async def test_table(gate_bench: Bench, tool: TeamTool[Any], mode: Mode, case: Case) -> None:
    runs, questions, verdicts = predict(tool, mode, case)
    bench = make_workbench(gate_bench, case, mode, make_rules(case, tool))
    ran: list[bool] = []

    async def count(given: Arguments, inner: Workbench) -> ToolResult:
        ran.append(True)
        return await tool.run(given, inner) if tool.tool.edits else ToolResult("ran")

    tools = Toolset([replace(tool, run=count)])
    for number, expected in enumerate(runs):
        before = gate_bench.read_all()
        arguments = ARGUMENTS.get(tool.name, lambda _: {})(number)
        prepared = await prepare_call(ToolCall("c", tool.name, arguments), tools, bench)
        result = await run_call(prepared, bench, Spending(TurnLimits()))
        assert result.failed is not expected, result.text
        assert result.text, "a denial is told to the model"
        assert (gate_bench.read_all() != before) is (expected and tool.tool.edits)
    if not tool.tool.edits:
        assert len(ran) == sum(runs)
    assert len(gate_bench.asker.questions) == questions
    records = gate_bench.gate.journal.records
    assert [one.verdict for one in records.list_requests(None, 9)] == verdicts
    name = IDENTITIES.get(tool.name, tool.name)
    assert all(one.tool == name or tool.tool.edits for one in records.list_requests(None, 9))
    await gate_bench.gate.close()


def test_the_table_is_whole(gate_bench: Bench) -> None:
    assert {tool.name for tool in TOOLS} == set(ARGUMENTS)
    assert {tool.tool.risk for tool in ALL} == set(Risk)
    assert len(CELLS) == len(ALL) * 2 * 8
    bench = make_workbench(gate_bench, Case.YES, Mode.ACT, RuleSet())
    given = {tool: tool.arguments.model_validate(ARGUMENTS[tool.name](0)) for tool in TOOLS}
    assert {tool.name for tool in TOOLS if tool.get_request(given[tool], bench) is not None} == set(COMMANDS)


@pytest.mark.parametrize("rule", ["edits", "*", "edits path **"])
async def test_a_rule_for_all_edits_allows_no_deletion(gate_bench: Bench, rule: str) -> None:
    bench = make_workbench(gate_bench, Case.NO, Mode.ACT, RuleSet.parse(allow=[rule]))
    tools = Toolset(TOOLS)
    for name, asked in (("edit_file", 0), ("delete_file", 1)):
        prepared = await prepare_call(ToolCall("c", name, ARGUMENTS[name](0)), tools, bench)
        assert (await run_call(prepared, bench, Spending(TurnLimits()))).failed is bool(asked)
        assert len(gate_bench.asker.questions) == asked
    await gate_bench.gate.close()
