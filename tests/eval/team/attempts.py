"""Attempts at tasks: a chat model works in a task's workspace, with the real loop, tools and gate.

Edits are approved by a scripted person. Sessions and checkpoints are stored in a database in the attempt's own folder;
roles are those of the person. Start at `attempt`.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from agents.team.events import CallEnded, CallStarted
from agents.team.failure import ToolFailed
from agents.team.permissions.modes import Mode
from agents.team.role_files import CAPABILITIES
from agents.team.session_runner import SessionRunner
from agents.team.toolset import Toolset, validate
from server.assembly import core
from server.assembly.resources import Files
from server.assembly.team import Client, build_team
from server.gate.disk.disk import DiskWorkplace
from server.gate.gate import Gate
from server.gate.places import Places, make_exclusion
from server.gate.policy import Limits
from server.gate.ports import Answer
from server.state.database import FILE
from server.state.gate_records import GateRecords
from tests.eval.team.checks import find_failures, get_module_name
from tests.eval.team.task import Outcome
from tests.eval.team.workspaces import make_workspace
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from agents.team.events import Event, TurnEnded
    from agents.team.tool import TeamTool
    from models.chat import ChatModel
    from server.assembly.core import Core
    from server.gate.ports import Question
    from tests.eval.team.task import Task

WORKSPACE = "workspace"
TEST_COMMAND = shlex.join((sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"))
"""The person's own command for the tests; each run is asked about, and the scripted person says yes."""

INDEX_S = 60.0
"""Longest wait for the index of a workspace."""

LONGEST_RESULT = 400
"""Characters of a call's result that are kept."""


@dataclass
class ApprovingPerson:
    """A person who approves every question; keeps the titles of the questions."""

    questions: list[str] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer:
        """Approve the question."""
        self.questions.append(question.title)
        return Answer.APPROVE

    def asks_while_applying(self, _: Question) -> bool:
        """Return False: nothing is asked later."""
        return False

    def find_obstacle(self, _: Question) -> str:
        """Return "": this person can always be asked."""
        return ""


@dataclass(frozen=True)
class Attempt:
    """The result of an attempt.

    Attributes:
        problem: why the task is not solved; "" if it is.
        status: how the turn ended.
        answer: the agent's answer.
        steps: answers of the model.
        tokens: tokens read and written.
        seconds: duration of the turn.
        processor_s: time of the processor that this process took for it: the model's, above all.
        calls: calls of tools.
        valid: those of them that named a tool and gave it arguments of the right form.
        edits: calls of tools that edit.
        applied: those of them whose edit was made; the person approves each, so the others were not well-formed.
        made_worse: modules and tests that failed after the turn, but not before.
        trace: each call with its result, shortened.
    """

    problem: str
    status: str
    answer: str
    steps: int
    tokens: int
    seconds: float
    processor_s: float
    calls: int
    valid: int
    edits: int
    applied: int
    made_worse: tuple[str, ...]
    trace: tuple[str, ...] = ()


def attempt(
    task: Task, chat: ChatModel, folder: Path, *, uses_index: bool = True, led: bool = False, seconds: float = 0.0
) -> Attempt:
    """Have `chat` do `task` in a workspace below the empty `folder`; return the judged result.

    Args:
        task: the task.
        chat: the model of every role.
        folder: holds workspace and state.
        uses_index: whether the index is brought up to date first.
        led: whether the model is led by the fixed pipeline for small models, instead of the free loop.
        seconds: time of the processor after which the turn is cancelled, which a busy machine does not change; 0 for
            none.
    """
    root = folder / WORKSPACE
    root.mkdir()
    make_workspace(task, root)
    before = _read_files(root)
    options = {"index": {"enabled": uses_index}, "review": {"testCommand": TEST_COMMAND}}
    built = core.build([root], options, None, foreground=True)
    try:
        if uses_index:
            built.index.start()
            built.index.wait(INDEX_S)
        begun = time.process_time()
        ended, events, tools = asyncio.run(_run_turn(task, chat, built, folder, led=led, seconds=seconds))
        spent = time.process_time() - begun
    finally:
        built.close()
    failed = find_failures(root) if _read_files(root) != before else ()
    problem = task.check(Outcome(root, ended.text, failed))
    worse = _find_new_failures(task, failed, before, folder)
    return replace(_make_attempt(problem, ended, events, tools, worse), processor_s=round(spent, 1))


def _read_files(root: Path) -> dict[str, bytes]:
    """Return the content of each file below `root`, by its relative path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _find_new_failures(
    task: Task, failed: tuple[str, ...], files: Mapping[str, bytes], folder: Path
) -> tuple[str, ...]:
    """Return the entries of `failed` that did not fail before the attempt and are of files that existed then.

    Args:
        task: the task; its workspace is made once more to see what fails there.
        failed: modules and tests that fail after the attempt.
        files: the files before the attempt.
        folder: the attempt's folder.
    """
    if not failed:
        return ()
    fresh = folder / "fresh"
    fresh.mkdir()
    make_workspace(task, fresh)
    before = find_failures(fresh)
    names = {get_module_name(PurePosixPath(one)) for one in files}
    return tuple(one for one in failed if one not in before and _get_failed_module(one) in names)


def _get_failed_module(failed: str) -> str:
    """Return the name of the module in an entry of `find_failures`; for a failed test, of the module that holds it."""
    name = failed.partition(":")[0]
    return ".".join(name.split(".")[:2]) if name.startswith("tests.") else name


async def _run_turn(
    task: Task, chat: ChatModel, built: Core, folder: Path, *, led: bool, seconds: float
) -> tuple[TurnEnded, list[Event], tuple[TeamTool[Any], ...]]:
    """Run one turn of a new session; return its end, its events and the tools."""
    root = folder / WORKSPACE
    roots = (root,)
    excluded = make_exclusion(roots, built.index_limits)
    state = make_state(folder / FILE)
    gate = Gate(
        GateRecords(state), lambda: Places(roots, excluded), ApprovingPerson(), DiskWorkplace(lambda: roots),
        client="eval", limits=Limits(approvals=0),
    )  # fmt: skip
    try:
        team = build_team(built, Files(built, roots), gate, state, Client("eval", Mode.ACT))
        team = replace(team, find_chat=lambda _: chat, is_led=lambda _: led)
        until = time.process_time() + (seconds or float("inf"))
        session = team.sessions.create(root.as_uri(), title=task.name, role=task.role).id
        events: list[Event] = []
        ended = await SessionRunner(team, session).handle(
            f"@{task.role} {task.request}", events.append, lambda: time.process_time() > until
        )
        return ended, events, team.tools
    finally:
        await gate.close()
        state.close()


def _make_attempt(
    problem: str, ended: TurnEnded, events: Iterable[Event], tools: Iterable[TeamTool[Any]], worse: tuple[str, ...]
) -> Attempt:
    """Return the attempt, with its calls counted."""
    every = tuple(tools)
    known, editing = Toolset(every), {one.name for one in every if one.tool.edits}
    events = tuple(events)
    started = [one for one in events if isinstance(one, CallStarted)]
    done = [one for one in events if isinstance(one, CallEnded)]
    edits = [one for one in done if one.tool in editing]
    return Attempt(
        problem,
        ended.status.value,
        ended.text,
        ended.steps,
        ended.tokens,
        ended.seconds,
        0.0,
        len(started),
        sum(_is_valid(one, known) for one in started),
        len(edits),
        sum(not one.failed for one in edits),
        worse,
        tuple(f"{one.tool}{' failed' * one.failed}: {one.text[:LONGEST_RESULT]}" for one in done),
    )


def _is_valid(call: CallStarted, known: Toolset) -> bool:
    """Return whether a call names a tool and gives it arguments of the right form."""
    tool = next((one for one in known.select(set(CAPABILITIES)) if one.name == call.tool), None)
    if tool is None:
        return False
    try:
        validate(tool, call.arguments)
    except ToolFailed:
        return False
    return True
