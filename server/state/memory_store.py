"""The tables of the team's memory: memories, activities and decisions of agents.

Implements `agents.ports.memory.Memory`. Replaces secrets in all texts before anything is stored. Bounded: memories by
number, activities and decisions by days and number. Blocking; writes to the state database only.
Start at `MemoryStore`.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from agents.ports.memory import LONGEST_TEXT, Activity, Decision, Remembered, Source
from indexing.workspace.secrets.literals import replace_secrets
from server.state.database import Area
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.database import State
    from server.state.statements import Connection

MOST_MEMORIES = 5000  # of one workspace
MOST_ACTIVITIES = 50_000  # of a user, in all workspaces
MOST_DECISIONS = 5000  # likewise
ACTIVITIES_KEPT_S = 30 * 24 * 3600.0
DECISIONS_KEPT_S = 2 * 365 * 24 * 3600.0
_SELECT = "SELECT workspace, agent, name, content, source, origin, created, changed FROM agent_memory"


class MemoryStore:
    """The tables of the team's memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def remember(self, memory: Remembered) -> None:
        """Insert `memory`, or replace the memory with the same workspace, agent and key; evict excess memories.

        Secrets in its texts are replaced. The memories that have not changed for the longest time are evicted first,
        and those that a person wrote after all others.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`, or an agent would replace what a person wrote.
        """
        now = time.time()
        workspace = make_storable(memory.workspace)
        texts = _clean(memory.agent, memory.key, memory.text)
        row = (workspace, *texts, memory.source, *_clean(memory.origin), now, now)
        with self._state.transaction(Area.MEMORY) as connection:
            stored = connection.execute(
                "INSERT INTO agent_memory (workspace, agent, name, content, source, origin, created, changed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (workspace, agent, name) DO UPDATE SET"
                " content = excluded.content, source = excluded.source, origin = excluded.origin,"
                " changed = excluded.changed WHERE excluded.source = 'person' OR agent_memory.source <> 'person'",
                row,
            )
            if not stored.rowcount:
                raise ValueError("the person wrote what has this key; choose another")
            _evict_memories(connection, workspace)

    def recall(self, workspace: str, agent: str, limit: int) -> tuple[Remembered, ...]:
        """Return up to `limit` memories for `workspace` and `agent`, most recently changed first.

        Includes memories for all workspaces or for all agents.
        """
        query = f"{_SELECT} WHERE workspace IN (?, '') AND agent IN (?, '') ORDER BY changed DESC, name LIMIT ?"
        with self._state.use_connection() as connection:
            rows = connection.execute(query, (make_storable(workspace), make_storable(agent), limit))
            return tuple(map(_unpack, rows))

    def list_memories(self, workspace: str, limit: int, *, agent: str = "") -> tuple[Remembered, ...]:
        """Return up to `limit` memories for `workspace`, most recently changed first; only those of `agent`, if given.

        Includes memories for all workspaces.
        """
        query = f"{_SELECT} WHERE workspace IN (?, '') AND ? IN ('', agent) ORDER BY changed DESC, name LIMIT ?"
        with self._state.use_connection() as connection:
            rows = connection.execute(query, (make_storable(workspace), make_storable(agent), limit))
            return tuple(map(_unpack, rows))

    def forget(self, workspace: str, agent: str, key: str) -> bool:
        """Delete the memory with this workspace, agent and key; return whether there was one.

        Raises:
            ValueError: the agent or the key is longer than `LONGEST_TEXT`.
        """
        with self._state.transaction(Area.MEMORY) as connection:
            deleted = connection.execute(
                "DELETE FROM agent_memory WHERE workspace = ? AND agent = ? AND name = ?",
                (make_storable(workspace), *_clean(agent, key)),
            )
            return deleted.rowcount == 1

    def record_activity(self, activity: Activity) -> None:
        """Insert an activity, with its secrets replaced; delete those older than 30 days or beyond `MOST_ACTIVITIES`.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        now = time.time()
        row = (make_storable(activity.workspace), *_clean(activity.agent, activity.activity, activity.details), now)
        with self._state.transaction(Area.MEMORY) as connection:
            connection.execute(
                "INSERT INTO activity_logs (workspace, agent, activity, details, at) VALUES (?, ?, ?, ?, ?)", row
            )
            connection.execute(
                "DELETE FROM activity_logs WHERE at < ? OR id <= (SELECT max(id) FROM activity_logs) - ?",
                (now - ACTIVITIES_KEPT_S, MOST_ACTIVITIES),
            )

    def list_activities(self, workspace: str, limit: int, *, agent: str = "") -> tuple[Activity, ...]:
        """Return up to `limit` activities in `workspace`, newest first; only those of `agent` unless it is ""."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT workspace, agent, activity, details, at FROM activity_logs"
                " WHERE workspace = ? AND ? IN ('', agent) ORDER BY id DESC LIMIT ?",
                (make_storable(workspace), make_storable(agent), limit),
            )
            return tuple(Activity(*row) for row in rows)

    def record_decision(self, decision: Decision) -> None:
        """Insert a decision, with its secrets replaced, in place of one with the same id and workspace.

        Deletes decisions older than two years or beyond `MOST_DECISIONS`.

        Raises:
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        now = time.time()
        texts = _clean(decision.agent, decision.kind, decision.question, decision.verdict, decision.details)
        workspace, identity = make_storable(decision.workspace), make_storable(decision.id or uuid.uuid4().hex)
        with self._state.transaction(Area.MEMORY) as connection:
            connection.execute(
                "DELETE FROM decision_history WHERE at < ? OR id <= (SELECT max(id) FROM decision_history) + 1 - ?",
                (now - DECISIONS_KEPT_S, MOST_DECISIONS),
            )
            connection.execute(
                "DELETE FROM decision_history WHERE workspace = ? AND identity = ?", (workspace, identity)
            )
            connection.execute(
                "INSERT INTO decision_history (workspace, agent, kind, question, verdict, details, at, identity)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (workspace, *texts, now, identity),
            )

    def list_decisions(self, workspace: str, limit: int) -> tuple[Decision, ...]:
        """Return up to `limit` decisions in `workspace`, newest first."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT workspace, agent, kind, question, verdict, details, at, identity FROM decision_history"
                " WHERE workspace = ? ORDER BY id DESC LIMIT ?",
                (make_storable(workspace), limit),
            )
            return tuple(Decision(*row) for row in rows)

    def delete_decision(self, workspace: str, identity: str) -> bool:
        """Delete the decision with this id in `workspace`; return whether there was one."""
        with self._state.transaction(Area.MEMORY) as connection:
            deleted = connection.execute(
                "DELETE FROM decision_history WHERE workspace = ? AND identity = ?",
                (make_storable(workspace), make_storable(identity)),
            )
            return deleted.rowcount == 1

    def clear(self, workspace: str) -> int:
        """Delete all memories, activities and decisions of `workspace`; return the number of deleted rows."""
        place = (make_storable(workspace),)
        with self._state.transaction(Area.MEMORY) as connection:
            return (
                connection.execute("DELETE FROM agent_memory WHERE workspace = ?", place).rowcount
                + connection.execute("DELETE FROM activity_logs WHERE workspace = ?", place).rowcount
                + connection.execute("DELETE FROM decision_history WHERE workspace = ?", place).rowcount
            )


def _unpack(row: Sequence[Any]) -> Remembered:
    """Return the memory from a row that `_SELECT` returned."""
    workspace, agent, key, text, source, *rest = row
    return Remembered(workspace, agent, key, text, Source(source), *rest)


def _evict_memories(connection: Connection, workspace: str) -> None:
    """Delete memories of `workspace` beyond `MOST_MEMORIES`, the longest unchanged first, those of a person last."""
    evicted = connection.execute(
        "SELECT agent, name FROM agent_memory WHERE workspace = ?"
        " ORDER BY CASE WHEN source = 'person' THEN 0 ELSE 1 END, changed DESC, agent, name LIMIT ? OFFSET ?",
        (workspace, MOST_MEMORIES, MOST_MEMORIES),
    ).fetchall()
    connection.executemany(
        "DELETE FROM agent_memory WHERE workspace = ? AND agent = ? AND name = ?",
        [(workspace, *row) for row in evicted],
    )


def _clean(*texts: str) -> tuple[str, ...]:
    """Return `texts` as they are stored, with secrets replaced.

    Raises:
        ValueError: a text is longer than `LONGEST_TEXT`.
    """
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise ValueError(f"a text has more than {LONGEST_TEXT:,} characters")
    return tuple(make_storable(replace_secrets(text, PLACEHOLDER)) for text in texts)
