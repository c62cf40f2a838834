"""Attempts at a small task: by its workflow with the real team, tools and gate, or by one answer of the model.

Every question is approved by a scripted person, commits included. Start at `attempt_workflow` and `attempt_once`.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agents.tasks.rewriting.reply_parsing import extract_code
from agents.team.events import Noted
from agents.team.permissions.modes import Mode
from agents.team.session_runner import SessionRunner
from agents.team.workflows.runner import WorkflowRequest
from models.chat import ChatRequest, Message, Speaker
from server.assembly import core
from server.assembly.resources import Files
from server.assembly.team import Client, build_team
from server.gate.disk.disk import DiskWorkplace
from server.gate.gate import Gate
from server.gate.places import Places, make_exclusion
from server.gate.policy import Limits
from server.state.database import FILE
from server.state.gate_records import GateRecords
from tests.eval.team.attempts import INDEX_S, TEST_COMMAND, WORKSPACE, ApprovingPerson
from tests.eval.team.checks import run_code
from tests.states import make_state

if TYPE_CHECKING:
    from pathlib import Path

    from agents.team.events import Event, TurnEnded
    from models.chat import ChatModel
    from server.assembly.core import Core
    from tests.eval.workflows.small_tasks import SmallTask

ONE_SHOT = "You are a careful software engineer. Answer with the whole changed file in one fenced code block."
ANSWER_TOKENS = 1500
IDENTITY = ("-c", "user.name=Evaluation", "-c", "user.email=evaluation@localhost")
ROUNDS = frozenset({"tests_again", "reproduce_again", "fix", "fix_again", "another", "rework"})
"""Steps that only follow a failure."""


@dataclass(frozen=True)
class SmallAttempt:
    """The result of an attempt.

    Attributes:
        problem: why the task is not solved, by the hidden code; "" if it is.
        end: how the workflow, or the answer, ended.
        is_done: whether the workflow reached its end.
        rounds: steps that only follow a failure.
        steps: answers of the model.
        tokens: tokens read and written.
        seconds: duration.
        processor_s: time of the processor that this process took.
        path: names of the workflow's steps, in order.
    """

    problem: str
    end: str
    is_done: bool
    rounds: int
    steps: int
    tokens: int
    seconds: float
    processor_s: float = 0.0
    path: tuple[str, ...] = ()


def make_workspace(task: SmallTask, root: Path) -> None:
    """Make the empty folder `root` a git repository with the files of `task`, in one commit."""
    (root / "tests").mkdir()
    (root / task.path).write_text(task.text, encoding="utf-8")
    (root / "tests" / f"test_{task.path}").write_text(task.test, encoding="utf-8")
    (root / "conftest.py").write_text("", encoding="utf-8")  # pytest then finds the module
    for line in (("init", "-q"), ("add", "."), (*IDENTITY, "commit", "-qm", "First")):
        subprocess.run(("git", *line), cwd=root, check=True, capture_output=True)
    for name, value in (("user.name", "Evaluation"), ("user.email", "evaluation@localhost")):
        subprocess.run(("git", "config", name, value), cwd=root, check=True)


def judge(task: SmallTask, root: Path) -> str:
    """Return why the workspace does not solve `task`; "" if it does."""
    return run_code(task.hidden, root)


def attempt_once(task: SmallTask, chat: ChatModel, folder: Path) -> SmallAttempt:
    """Ask the model once for the whole changed file, without any check or second answer; return the judged result."""
    root = folder / WORKSPACE
    root.mkdir()
    make_workspace(task, root)
    began, used = time.monotonic(), time.process_time()
    asked = f"{task.path}\n```python\n{task.text}```\n\n{task.request}"
    messages = (Message(Speaker.SYSTEM, ONE_SHOT), Message(Speaker.USER, asked))
    reply = chat.chat(
        ChatRequest(messages, max_tokens=ANSWER_TOKENS, temperature=0.0, words=True), cancelled=lambda: False
    )
    code = extract_code(reply.text, language="python").code
    if code:
        (root / task.path).write_text(f"{code.strip(chr(10))}\n", encoding="utf-8")
    tokens = reply.usage.prompt_tokens + reply.usage.answer_tokens
    spent = round(time.monotonic() - began, 1)
    return SmallAttempt(
        judge(task, root) if code else "no code", reply.end.value, bool(code), 0, 1, tokens, spent,
        round(time.process_time() - used, 1),
    )  # fmt: skip


def attempt_workflow(
    task: SmallTask, chat: ChatModel, folder: Path, *, led: bool, seconds: float = 0.0
) -> SmallAttempt:
    """Have the workflow of `task` do it below the empty `folder`; return the judged result.

    Args:
        task: the task.
        chat: the model of every role.
        folder: holds workspace and state.
        led: whether the model is led by the fixed pipeline for small models, instead of the free loop.
        seconds: time of the processor after which the workflow is cancelled; 0 for none.
    """
    root = folder / WORKSPACE
    root.mkdir()
    make_workspace(task, root)
    built = core.build([root], {"review": {"testCommand": TEST_COMMAND}}, None, foreground=True)
    try:
        built.index.start()
        built.index.wait(INDEX_S)
        used = time.process_time()
        ended, events = asyncio.run(_run(task, chat, built, folder, led=led, seconds=seconds))
        spent = time.process_time() - used
    finally:
        built.close()
    marks = [one.text for one in events if isinstance(one, Noted)]
    path = tuple(one.rpartition(" ")[2].rstrip(".") for one in marks if one.startswith("Workflow "))
    counts = Counter(path)
    made = SmallAttempt(
        judge(task, root), ended.text, f"workflow {task.workflow} is done" in ended.text,
        sum(counts[name] for name in ROUNDS), ended.steps, ended.tokens, round(ended.seconds, 1), path=path,
    )  # fmt: skip
    return replace(made, processor_s=round(spent, 1))


async def _run(
    task: SmallTask, chat: ChatModel, built: Core, folder: Path, *, led: bool, seconds: float
) -> tuple[TurnEnded, list[Event]]:
    """Run the workflow in a new session; return its end and its events."""
    root = folder / WORKSPACE
    roots = (root,)
    excluded = make_exclusion(roots, built.index_limits)
    state = make_state(folder / FILE)
    gate = Gate(
        GateRecords(state), lambda: Places(roots, excluded), ApprovingPerson(), DiskWorkplace(lambda: roots),
        client="eval", limits=Limits(approvals=0),
    )  # fmt: skip
    try:
        team: Any = build_team(built, Files(built, roots), gate, state, Client("eval", Mode.ACT))
        team = replace(team, find_chat=lambda _: chat, is_led=lambda _: led)
        until = time.process_time() + (seconds or float("inf"))
        session = team.sessions.create(root.as_uri(), title=task.name).id
        events: list[Event] = []
        ended = await SessionRunner(team, session).handle(
            task.request, events.append, lambda: time.process_time() > until, workflow=WorkflowRequest(task.workflow)
        )
        return ended, events
    finally:
        await gate.close()
        state.close()
