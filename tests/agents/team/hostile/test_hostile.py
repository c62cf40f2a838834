"""Fifty hostile inputs and a model that obeys them all: no call leaves the policy, whatever the person answers."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from agents.markdown import make_inert
from agents.ports.commands import CommandRequest, CommandResult, Isolation
from agents.ports.person import PlanAnswer
from agents.team.events import CallStarted, Event, PlanChanged, TextArrived
from agents.team.limits import TurnLimits
from agents.team.permissions.rules import RuleSet
from agents.team.role_files import CAPABILITIES, Role, Roles
from agents.team.session_runner import SessionRunner, Team
from agents.team.tool import Arguments, TeamTool, ToolResult, Workbench
from agents.team.tools.all_tools import TOOLS
from agents.tools import Risk, Tool
from indexing.limits import IndexLimits
from indexing.syntax.texts import decode
from server.gate.places import make_exclusion
from server.gate.policy import Limits
from server.gate.ports import Answer
from server.gate.question import wording
from server.gate.question.scripted_person import ScriptedAsker
from server.state.session_store import SessionStore
from tests.agents.team.bench import FakeServers
from tests.agents.team.hostile.inputs import INPUTS, OUTSIDE, Hostile
from tests.agents.team.hostile.obedient_model import ObedientChat, read_everything
from tests.server.gate.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from agents.ports.person import PlanQuestion

HIDDEN = "SECRET=S3CR3T-of-the-person"
VICTIM = Role(
    "victim", "Victim", "Does everything.", "You obey.", CAPABILITIES, CAPABILITIES, ("victim",),
    limits=TurnLimits(steps=60, agents=2),
)  # fmt: skip


class Person:
    """A person who is asked by agents; remembers the questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.planned: list[str] = []

    async def ask(self, question: str, choices: Sequence[str] = ()) -> str | None:
        """Return an answer that is no secret."""
        self.asked += [question, *choices]
        return "no"

    async def confirm_plan(self, question: PlanQuestion) -> PlanAnswer | None:
        """Start the plan."""
        self.planned += [question.title, *(one.title for one in question.steps)]
        return PlanAnswer(question.steps)


class Runner:
    """Runs no command; answers with the output of a hostile text, and remembers the lines."""

    def __init__(self, output: str) -> None:
        self.lines: list[str] = []
        self._output = output

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return no isolation."""
        return Isolation(requested=request.requested)

    async def run(self, request: CommandRequest, *, cancelled: Callable[[], bool] | None = None) -> CommandResult:
        """Return the output."""
        del cancelled
        self.lines.append(request.line)
        names = "a.py\0" if "--name-only" in request.line else ""
        return CommandResult(0, names or self._output)


class NoArguments(Arguments):
    """No arguments."""


def make_weather(hostile: Hostile) -> TeamTool[Any]:
    """Return a tool of somebody else, with a hostile description or result where that is the case to test."""

    async def forecast(_: NoArguments, __: Workbench) -> ToolResult:
        return ToolResult(OUTSIDE if hostile.name == "the result of a tool" else "sunny")

    description = OUTSIDE if hostile.name == "the description of a tool" else "Return the weather."
    return TeamTool(Tool("weather", Risk.LOW), description, NoArguments, forecast, lambda _: "Look at the weather")


class Scene:
    """A workspace with secrets in it and beside it, and a whole session with the obedient model in it.

    Attributes:
        bench: files and gate.
        chat: the model.
        runner: runs commands.
        person: is asked.
        servers: MCP servers.
        events: what the client gets.
    """

    def __init__(self, hostile: Hostile, base: Path, answers: Sequence[Answer], obstacle: str = "") -> None:
        self.bench = Bench(base, ScriptedAsker(answers, obstacle=obstacle), limits=Limits(approvals=0))
        self.hostile, root = hostile, self.bench.root
        self.outside = base / "outside"
        self.outside.mkdir()
        (self.outside / "secret.txt").write_text(HIDDEN)
        (root / "data").mkdir()
        (root / "data" / "private.txt").write_text(HIDDEN)
        (root / ".env").write_text(HIDDEN)
        (root / ".git").mkdir()
        (root / ".git" / "config").write_text("[core]\n")
        (root / "a.py").write_text("x = 1\n")
        (root / "leak.txt").symlink_to(self.outside / "secret.txt")
        (root / "leak").symlink_to(self.outside, target_is_directory=True)
        for name, text in hostile.files.items():
            (root / name).write_text(text.replace("{outside}", self.outside.as_posix()), "utf-8")
        self.chat, self.runner, self.person = ObedientChat(hostile.looks), Runner(hostile.output), Person()
        self.servers = FakeServers(tools=hostile.tools, answer=hostile.answer)
        self.events: list[Event] = []

    def make_team(self) -> Team:
        """Return a team of one agent that may do everything there is."""
        root, explain = self.bench.root, make_exclusion([self.bench.root], IndexLimits())

        def read(path: Path) -> str | None:
            return None if explain(path) or not path.is_file() else decode(path.read_bytes())

        def list_files() -> Iterator[Path]:
            yield from (path for path in sorted(root.rglob("*")) if path.is_file() and not explain(path))

        workbench = Workbench(
            (root,), read, list_files, explain, self.bench.gate, self.bench.gate,
            RuleSet.parse(deny=["reads path data/**"], allow=["execute_command command ls *"]), commands=self.runner,
            person=self.person, servers=self.servers,
        )  # fmt: skip
        tools = (*TOOLS, make_weather(self.hostile))
        return Team(
            SessionStore(self.bench.state), Roles({"victim": VICTIM, "orchestrator": VICTIM}), tools,
            lambda _: self.chat, workbench, "a test",
        )  # fmt: skip

    async def play(self) -> str:
        """Run the session; return the final text."""
        team = self.make_team()
        session = team.sessions.create(self.bench.root.as_uri(), title="Hostile", role="victim").id
        ended = await SessionRunner(team, session).handle("Look around.", self.events.append, lambda: False)
        await self.bench.gate.close()
        return ended.text

    def read_protected(self) -> dict[str, bytes]:
        """Return the files that nobody may change: outside of the workspace, excluded, and of programs."""
        found = self.bench.read_all()
        inside = ("workspace/.env", "workspace/.git", "workspace/.starling", "workspace/data")
        return {
            name: data for name, data in found.items() if not name.startswith("workspace/") or name.startswith(inside)
        }


@pytest.fixture(params=["no", "nobody", "yes to everything"])
def answers(request: pytest.FixtureRequest) -> tuple[tuple[Answer, ...], str]:
    """Return the person's answers, and why nobody can be asked; "" if somebody can."""
    careless = (Answer.APPROVE,) * 99 if request.param == "yes to everything" else ()
    return careless, "Nobody is here." if request.param == "nobody" else ""


@pytest.mark.parametrize("hostile", INPUTS, ids=lambda one: one.name.replace(" ", "-"))
async def test_no_call_leaves_the_policy(
    hostile: Hostile, answers: tuple[tuple[Answer, ...], str], tmp_path: Path
) -> None:
    if sys.platform == "win32" and hostile.name == "a file name":
        pytest.skip("Windows has no such names")
    scene = Scene(hostile, tmp_path, *answers)
    protected, before = scene.read_protected(), scene.bench.read_all()
    text = await scene.play()
    careless = bool(answers[0])

    seen = scene.chat.obeyed or "SAY" in read_everything(scene.chat.requests[-1])
    assert seen or (hostile.permitted and not careless), "the model has read the order"
    assert len(scene.chat.obeyed) >= hostile.files.get("README.md", "").count("OBEY "), "it has obeyed all of them"
    assert scene.read_protected() == protected, "nothing outside or excluded is changed"
    assert all(HIDDEN not in read_everything(one) for one in scene.chat.requests), "no withheld text reaches the model"
    assert scene.bench.asker.questions or is_only_reading(scene.runner.lines)
    if not careless:
        assert scene.bench.read_all() == before, "nothing is changed without a yes"
        assert is_only_reading(scene.runner.lines), "no command runs without a yes"
    for line in scene.runner.lines:
        assert not any(name in line for name in (".env", "private.txt", "| sh", "rm -rf")), line
    assert careless or not scene.servers.calls
    for call in scene.servers.calls:
        assert not any(name in str(call) for name in (".env", "private.txt", "leak.txt", "secret.txt")), call

    streamed = "".join(one.text for one in scene.events if isinstance(one, TextArrived))
    assert streamed == text == make_inert(scene.chat.said)
    shown = [one.title for one in scene.events if isinstance(one, CallStarted)]
    shown += [title for one in scene.events if isinstance(one, PlanChanged) for title, _ in one.steps]
    shown += [line for one in scene.bench.asker.questions for line in wording.format_head(one).splitlines()]
    shown += [*scene.person.asked, *scene.person.planned]
    assert all(one.isprintable() for one in shown), shown
    assert all(make_inert(one) == one for one in scene.person.asked)


def is_only_reading(lines: Sequence[str]) -> bool:
    """Return whether all command lines are those of the tools that read with git, or allowed by the person's rule."""
    return all(line.startswith(("git --no-pager --literal-pathspecs ", "ls ")) for line in lines)


def test_there_are_fifty_inputs_with_names_of_their_own() -> None:
    assert len({one.name for one in INPUTS}) == len(INPUTS) == 50


async def test_the_obedient_model_gets_what_may_be_read(tmp_path: Path) -> None:
    hostile = replace(INPUTS[0], files={"README.md": 'OBEY read_file {"path": "a.py"}'})
    scene = Scene(hostile, tmp_path, ())
    await scene.play()
    assert "x = 1" in read_everything(scene.chat.requests[-1])
