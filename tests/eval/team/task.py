"""One task: a request about a copy of a real package, the check of its result, and the oracle's calls.

Start at `Task`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Workspace and answer after an attempt.

    Attributes:
        root: the workspace folder.
        answer: the agent's answer.
        failed: modules and tests of the workspace that fail, as `checks.find_failures` returns them.
    """

    root: Path
    answer: str
    failed: tuple[str, ...] = ()


Check = Callable[[Outcome], str]
"""Takes the outcome of a task; returns why the task is not solved, "" if it is."""

VERSIONS = {
    "iniconfig": "2.3.1",
    "mdurl": "0.1.2",
    "packaging": "26.3",
    "pathspec": "1.1.1",
    "pluggy": "1.7.0",
    "shellingham": "1.5.4",
}
"""The packages and the versions with which their tasks were written."""


class Kind(StrEnum):
    """Kind of work that a task asks for."""

    RENAME = "rename"
    PARAMETER = "add a parameter"
    REPAIR = "fix a failing test"
    TEST = "write a test"
    EXPLAIN = "explain"
    FIND = "find"


ROLES = {
    Kind.RENAME: "coder",
    Kind.PARAMETER: "coder",
    Kind.REPAIR: "debug",
    Kind.TEST: "tester",
    Kind.EXPLAIN: "ask",
    Kind.FIND: "ask",
}
"""The role that is given each kind of task."""


@dataclass(frozen=True)
class Edit:
    """A replacement of a text that occurs exactly once in a file of the workspace.

    Attributes:
        path: the file, relative to the workspace folder.
        old: the text.
        new: the text in its place.
    """

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Call:
    """A call of a tool by the oracle."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: unique, a file name.
        kind: the kind of work that it asks for.
        package: the installed package whose source code is copied into the workspace.
        request: the request to the agent.
        check: judges the result.
        steps: the oracle's calls, those of one answer together.
        answer: the oracle's final answer.
        fault: the edit that puts a fault into the copy before the agent starts; None for none.
        files: further files of the workspace, by path.
    """

    name: str
    kind: Kind
    package: str
    request: str
    check: Check
    steps: tuple[tuple[Call, ...], ...]
    answer: str = "It is done."
    fault: Edit | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """The role that the request is addressed to."""
        return ROLES[self.kind]


def make_read(path: str, first: int = 1, last: int = 0) -> Call:
    """Return a call that reads lines of a file."""
    return Call("read_file", {"path": path, "first": first, "last": last})


def make_search(pattern: str) -> Call:
    """Return a call that searches the workspace's files for a regular expression."""
    return Call("search_files", {"pattern": pattern})


def make_edit(path: str, *pieces: tuple[str, str]) -> Call:
    """Return a call that replaces pieces of a file, each given as its old and its new text."""
    replacements = [{"old": old, "new": new} for old, new in pieces]
    return Call("edit_file", {"path": path, "replacements": replacements, "why": "The request asks for it."})


def make_write(path: str, text: str) -> Call:
    """Return a call that creates a file."""
    return Call("write_file", {"path": path, "text": text, "why": "The request asks for it."})
