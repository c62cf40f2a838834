"""A repository in which workflows run, with a scripted model and real runs of unittest and git."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.team.events import Noted
from agents.team.role_files import load_roles
from agents.team.session_runner import SessionRunner, Team
from agents.team.tools.all_tools import TOOLS
from agents.team.workflows.runner import WorkflowRequest
from agents.team.workflows.workflow_files import load_workflows
from models.scripted.scripted_chat import ScriptedChat
from server.gate.trials.test_runs import choose_command
from tests.agents.team.bench import DirectRunner

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.sessions import Entry
    from agents.team.events import Event, TurnEnded
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

TESTS = f"{sys.executable} -B -m unittest"


class Died(BaseException):
    """The program is killed."""


def call(tool: str, **arguments: Any) -> str:
    """Return the line of a script that calls a tool."""
    return f"@call {tool} {json.dumps(arguments)}"


def write(path: str, text: str) -> str:
    """Return the line of a script that writes a new file."""
    return call("write_file", path=path, text=text, why="For the test.")


def replace(path: str, old: str, new: str) -> str:
    """Return the line of a script that replaces a text in a file."""
    return call("edit_file", path=path, replacements=[{"old": old, "new": new}], why="For the test.")


def section(words: str, *answers: str) -> str:
    """Return the sections of a script that answer one agent: each answer but the last is given once."""
    once = "".join(f"=== {words}\n@times 1\n{one}\n" for one in answers[:-1])
    return f"{once}=== {words}\n{answers[-1]}\n"


AREA = "def double(x):\n    return 2 * x\n"
HEAD = "import unittest\n\nimport area\n\n\nclass Triple(unittest.TestCase):\n    def test_triple(self):\n"
TEST = f"{HEAD}        self.assertEqual(area.triple(2), 6)\n"
ADD = replace("area.py", "    return 2 * x\n", "    return 2 * x\n\n\ndef triple(x):\n    return 3 * x\n")

REQUIREMENTS = section("Change nothing and plan nothing", "triple(2) is 6.")
TESTER = section("you do not write it. Write the tests", write("test_area.py", TEST), "One test: 2 gives 6.")
CODER = section("Write the code with which they pass", ADD, "triple is there.")
REVIEW = section("Review these changes against", "It is small and right.\nVerdict: approved")
PASSING = REQUIREMENTS + TESTER + CODER + REVIEW
PATH = ["requirements", "tests", "red", "code", "green", "review", "verdict", "commit"]


@dataclass
class Flow:
    """A session in which one workflow runs.

    Attributes:
        bench: workspace and gate.
        store: where sessions are stored.
        script: the answers of the model.
        workflow: name of the workflow.
        die_at: the program is killed when this step begins; "" for never.
        die_visit: how often the step begins before that.
        cancel_at: the request is cancelled while this step runs; "" for never.
        session: id of the session.
        team: the team.
        events: everything that was emitted.
    """

    bench: TeamBench
    store: SessionStore
    script: str
    workflow: str
    die_at: str = ""
    die_visit: int = 0
    cancel_at: str = ""
    session: str = ""
    team: Team = field(init=False)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the team and the session."""
        self.bench.options |= {
            "commands": DirectRunner(),
            "choose_tests": lambda folder, only: choose_command(folder, TESTS, only, measures=False),
        }
        chat, roles = ScriptedChat(self.script, context_tokens=32_768), load_roles()
        self.bench.chat = chat
        workflows = load_workflows(roles)
        self.team = Team(self.store, roles, TOOLS, lambda _: chat, self.bench.workbench, "a test", workflows=workflows)
        self.session = self.session or self.store.create("file:///w", title="Flow").id

    async def run(self, request: str = "add triple(x)", **options: Any) -> TurnEnded:
        """Run the workflow in the session, or go on with it."""
        wanted = WorkflowRequest(self.workflow, **options)
        return await SessionRunner(self.team, self.session).handle(
            request, self._take, self._is_cancelled, workflow=wanted
        )

    def _is_cancelled(self) -> bool:
        """Return whether the step in which the request is cancelled has begun."""
        begun = [one.text for one in self.events if isinstance(one, Noted)]
        return bool(self.cancel_at) and any(one.endswith(f"step {self.cancel_at}.") for one in begun)

    def _take(self, event: Event) -> None:
        """Keep an event; die if that is wanted at this step."""
        self.events.append(event)
        if self.die_at and isinstance(event, Noted) and event.text.endswith(f"step {self.die_at}."):
            if self.die_visit:
                self.die_visit -= 1
                return
            self.die_at = ""
            raise Died

    @property
    def steps(self) -> list[str]:
        """Names of the steps that were recorded, in order."""
        return [one["step"] for one in self.facts]

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The recorded facts about each step, in order."""
        found = [json.loads(one.details) for one in self.entries if one.details]
        return [one["step"] for one in found if "step" in one]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Entries of the session."""
        return self.store.read(self.session)

    def git(self, *arguments: str) -> str:
        """Return the output of git in the workspace."""
        done = subprocess.run(["git", *arguments], cwd=self.bench.root, check=True, capture_output=True, text=True)
        return done.stdout


def make_repository(root: Path, files: dict[str, str]) -> None:
    """Write files and commit these in a new repository."""
    for name, text in files.items():
        (root / name).write_text(text, "utf-8")
    for arguments in (("init", "-q", "-b", "main"), ("add", "--all"), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
