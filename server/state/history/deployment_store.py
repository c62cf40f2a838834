"""The table of deployments: what was brought where, when, and how it ended; it holds no secret.

Implements `agents.ports.deployments.DeploymentRecords`. Bounded by years and number. Blocking; writes to the state
database only. Start at `DeploymentStore`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agents.ports.deployments import DeploymentRecord, DeploymentState
from indexing.workspace.secrets.literals import replace_secrets
from server.state.database import Area
from server.state.lease_owners import has_ended
from server.state.statements import make_storable

if TYPE_CHECKING:
    from server.state.database import State
    from server.state.statements import Connection

MOST = 1000  # records of one workspace
KEPT_S = 2 * 365 * 24 * 3600.0
LONGEST_TEXT = 20_000
ENDED = "Its process ended before it was finished; look at the target, then deploy again or roll back."
_INSERT = (
    "INSERT INTO deployments (id, workspace, target, action, version, previous, state, begun, ended, owner, content)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT = (
    "SELECT id, workspace, target, action, version, previous, state, begun, ended, owner, content FROM deployments"
    " WHERE workspace = ? AND ? IN ('', target) ORDER BY begun DESC, id DESC LIMIT ?"
)


class DeploymentStore:
    """The table of deployments."""

    def __init__(self, state: State) -> None:
        self._state = state

    def begin(self, record: DeploymentRecord) -> bool:
        """Store a record; return False, and store nothing, if a deployment to its target runs; evict excess records.

        Records of processes that have ended become UNFINISHED first.
        """
        with self._state.transaction(Area.HISTORY) as connection:
            _close_abandoned(connection, record.workspace)
            running = connection.execute(
                "SELECT 1 FROM deployments WHERE workspace = ? AND target = ? AND state = ?",
                (make_storable(record.workspace), record.target, DeploymentState.RUNNING),
            ).fetchone()
            if running is not None:
                return False
            texts = (record.id, record.workspace, record.target, record.action, record.version, record.previous)
            times = (record.state, record.begun, record.ended, make_storable(record.owner), _clean(record.text))
            connection.execute(_INSERT, (*map(make_storable, texts), *times))
            _evict(connection, make_storable(record.workspace))
        return True

    def note_previous(self, identity: str, previous: str) -> None:
        """Store the version that ran at the target before the deployment with the id `identity`."""
        with self._state.transaction(Area.HISTORY) as connection:
            connection.execute("UPDATE deployments SET previous = ? WHERE id = ?", (make_storable(previous), identity))

    def end(self, identity: str, state: DeploymentState, text: str, *, rolled_back: str = "") -> None:
        """Store how a deployment ended; mark the one with the id `rolled_back`, if given, as ROLLED_BACK."""
        with self._state.transaction(Area.HISTORY) as connection:
            connection.execute(
                "UPDATE deployments SET state = ?, content = ?, ended = ? WHERE id = ?",
                (state, _clean(text), time.time(), identity),
            )
            connection.execute(
                "UPDATE deployments SET state = ? WHERE id = ?", (DeploymentState.ROLLED_BACK, rolled_back)
            )

    def list_newest(self, workspace: str, target: str, limit: int) -> tuple[DeploymentRecord, ...]:
        """Return up to `limit` records of a workspace, newest first; only those of `target`, unless that is "".

        Records of processes that have ended become UNFINISHED first.
        """
        with self._state.transaction(Area.HISTORY) as connection:
            _close_abandoned(connection, workspace)
            rows = connection.execute(_SELECT, (make_storable(workspace), make_storable(target), limit)).fetchall()
        return tuple(DeploymentRecord(*row) for row in rows)


def _close_abandoned(connection: Connection, workspace: str) -> None:
    """Mark the running records of processes that have ended as UNFINISHED."""
    rows = connection.execute(
        "SELECT id, owner FROM deployments WHERE workspace = ? AND state = ?",
        (make_storable(workspace), DeploymentState.RUNNING),
    ).fetchall()
    for identity, owner in rows:
        if has_ended(owner):
            connection.execute(
                "UPDATE deployments SET state = ?, content = ?, ended = ? WHERE id = ?",
                (DeploymentState.UNFINISHED, ENDED, time.time(), identity),
            )


def _evict(connection: Connection, workspace: str) -> None:
    """Delete the oldest records beyond `MOST` of a workspace, and those older than `KEPT_S` seconds; none that runs."""
    connection.execute(
        "DELETE FROM deployments WHERE state <> ? AND (begun < ? OR (workspace = ? AND id NOT IN"
        " (SELECT id FROM deployments WHERE workspace = ? ORDER BY begun DESC, id DESC LIMIT ?)))",
        (DeploymentState.RUNNING, time.time() - KEPT_S, workspace, workspace, MOST),
    )


def _clean(text: str) -> str:
    """Return the end of `text`, at most `LONGEST_TEXT` characters, with what looks like a secret replaced."""
    return make_storable(replace_secrets(text, "(secret)")[-LONGEST_TEXT:])
