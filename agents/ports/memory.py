"""Memory of the team: what agents remember, what they did and what was decided, for a person to read and delete.

Each memory says where it comes from, because what a file says is not what a person says. `workspace` is the workspace
folder as a URI, "" for what holds in all workspaces; `agent` is an agent's name, "" for what holds for all agents.
Secrets are replaced before anything is stored. Calls block, may come from any thread and raise `StateError`.
Start at `Memory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LONGEST_TEXT = 100_000
"""Characters of one text; more is a ValueError."""


class Source(StrEnum):
    """Kind of origin of a memory."""

    PERSON = "person"
    AGENT = "agent"  # an agent's own conclusion
    FILE = "file"
    COMMAND = "command"  # the output of one
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One text that agents remember; a later one with the same workspace, agent and key replaces it.

    Attributes:
        workspace: see the module.
        agent: see the module.
        key: a short name.
        text: the text to remember.
        source: the kind of its origin.
        origin: the origin itself: a path, a command line, an address; "" for a person or an agent.
        created: when it was first stored, seconds since the epoch; filled in by the store.
        changed: when it was last stored; filled in by the store.
    """

    workspace: str
    agent: str
    key: str
    text: str
    source: Source
    origin: str = ""
    created: float = 0.0
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Activity:
    """One action of an agent.

    Attributes:
        workspace: see the module.
        agent: its name.
        activity: a few words ("ran the tests").
        details: JSON, "" for none.
        at: seconds since the epoch; filled in by the store.
    """

    workspace: str
    agent: str
    activity: str
    details: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, with what led to it.

    Attributes:
        workspace: see the module.
        agent: who decided.
        kind: the kind of decision ("board", "approach").
        question: the question that was decided.
        verdict: the decision.
        details: JSON: every verdict, criterion, threshold, weight and reason; "" for none.
        at: seconds since the epoch; filled in by the store.
        id: its id; "" to have the store choose one.
    """

    workspace: str
    agent: str
    kind: str
    question: str
    verdict: str
    details: str = ""
    at: float = 0.0
    id: str = ""


class Memory(Protocol):
    """The memory of a user's team."""

    def remember(self, memory: Remembered) -> None:
        """Store `memory`, or replace the one with its workspace, agent and key; evicts the oldest ones beyond a bound.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`, or an agent would replace what a person wrote.
        """
        ...

    def recall(self, workspace: str, agent: str, limit: int) -> tuple[Remembered, ...]:
        """Return up to `limit` memories for `workspace` and `agent`, general ones too, most recently changed first."""
        ...

    def list_memories(self, workspace: str, limit: int, *, agent: str = "") -> tuple[Remembered, ...]:
        """Return up to `limit` memories for `workspace`, including general ones, the last changed first.

        Unlike `recall` it returns those of all agents unless one is named: for a person who looks.
        """
        ...

    def forget(self, workspace: str, agent: str, key: str) -> bool:
        """Delete the memory with this workspace, agent and key; return whether it existed."""
        ...

    def record_activity(self, activity: Activity) -> None:
        """Record an activity of an agent; deletes the oldest activities beyond the store's bounds of age and number.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        ...

    def list_activities(self, workspace: str, limit: int, *, agent: str = "") -> tuple[Activity, ...]:
        """Return up to `limit` activities in `workspace`, newest first; of all agents unless one is named."""
        ...

    def record_decision(self, decision: Decision) -> None:
        """Record a decision, in place of one with its id; deletes the oldest ones beyond the store's bounds.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        ...

    def list_decisions(self, workspace: str, limit: int) -> tuple[Decision, ...]:
        """Return up to `limit` decisions in `workspace`, newest first."""
        ...

    def delete_decision(self, workspace: str, identity: str) -> bool:
        """Delete the decision with this id in `workspace`; return whether it existed."""
        ...

    def clear(self, workspace: str) -> int:
        """Delete all memories, activities and decisions of `workspace`; return the number of deleted rows."""
        ...
