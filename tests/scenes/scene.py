"""Scenes between a person and the team of agents: a workspace, what a person does, and a scripted model's answers.

The same scenes are played in the terminal, in the editors and by clients of the Agent Client Protocol. Only the model's
answers are scripted: files are really read and changed, and tests really run and fail. Start at `Scene`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ROUTER = "Choose who of a team"
ARCHITECT = "You are a software architect"
CODER = "You are a careful software engineer"
DEBUG = "You find the cause of errors"
ORCHESTRATOR = "You lead a team of agents"
"""Words of the instructions, by which a script knows which agent asks the model."""


ONCE = "@times 1\n"


class Answer(Enum):
    """An answer of a person to a question."""

    YES = "yes"
    YES_FOR_ALL = "yes, and the rest of this task"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Decision:
    """A question about a change or a command, and a person's answer.

    Attributes:
        about: a part of the question's title, the same in all faces.
        answer: the answer.
    """

    about: str
    answer: Answer = Answer.YES


@dataclass(frozen=True, slots=True)
class PlanDecision:
    """A plan that a person starts after a change.

    Attributes:
        about: the plan's title.
        dropped: number of the step that the person deletes, from 1.
    """

    about: str
    dropped: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a person, and what comes of it.

    Attributes:
        request: the request.
        shown: parts of what agents say, in their order; each is on one line and has no signs of Markdown.
        decisions: the questions in their order, with the answers.
        agents: roles that answer, in their order, delegates included.
        results: parts of the results of tests, in their order.
        acts: whether agents may change files; otherwise they only read.
    """

    request: str
    shown: tuple[str, ...]
    decisions: tuple[Decision | PlanDecision, ...] = ()
    agents: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    acts: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation in one session.

    Attributes:
        name: its name, a file name too.
        title: the scene in a few words.
        files: the workspace, in the form of `tests.marked`.
        turns: the requests, in their order.
        script: the answers of the model, in the form of `starling models script`.
        written: for each file that agents write: parts of its text at the end.
    """

    name: str
    title: str
    files: str
    turns: tuple[Turn, ...]
    script: str
    written: Mapping[str, tuple[str, ...]]

    def slow_down(self, token_s: float) -> Scene:
        """Return the scene with a model that takes `token_s` seconds for each token."""
        return replace(self, script=self.script.replace(ONCE, f"{ONCE}@token-time {token_s:g}\n"))

    def find_missing(self, folder: Path) -> list[str]:
        """Return a line for each text that agents should have written into the workspace `folder`, but have not."""
        found = []
        for name, texts in self.written.items():
            path = folder / name
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            found += [f"{name}: {one}" for one in texts if one not in text]
        return found

    def write_workspace(self, folder: Path) -> Path:
        """Write the files of the workspace into `folder`, and return it."""
        return parse(self.files).write(folder)


def find_first_missing(texts: Sequence[str], shown: str) -> str:
    """Return the first of `texts` that `shown` lacks after the ones before; "" if it has all, in their order."""
    at = 0
    for text in texts:
        found = shown.find(text, at)
        if found < 0:
            return text
        at = found + len(text)
    return ""


def choose(role: str) -> str:
    """Return the section of a script in which the router chooses `role`, each time that it is asked."""
    return f'=== {ROUTER}\n{{"role": "{role}"}}\n'


def say(agent: str, text: str, *calls: str) -> str:
    """Return a section of a script that is used once: the agent with the instructions `agent` says `text`.

    It makes `calls`, lines as `call` returns them.
    """
    lines = "".join(f"{one}\n" for one in calls)
    return f"=== {agent}\n{ONCE}{lines}{text.strip()}\n"


def call(tool: str, **arguments: Any) -> str:
    """Return the line of a script that calls `tool` with `arguments`."""
    return f"@call {tool} {json.dumps(arguments)}"


def edit(path: str, why: str, *replacements: tuple[str, str]) -> str:
    """Return the line of a script that edits a file; each replacement is the old text and the new one."""
    pieces = [{"old": old, "new": new} for old, new in replacements]
    return call("edit_file", path=path, why=why, replacements=pieces)


def write(path: str, why: str, text: str) -> str:
    """Return the line of a script that creates a file."""
    return call("write_file", path=path, why=why, text=text.lstrip("\n"))
