"""The table of the audit: one row for each file of a request and for each command; rows are never changed.

Holds hashes of texts, never the texts. Blocking; writes to the state database only. Start at `Audit`.
"""

from __future__ import annotations

import time
from dataclasses import astuple, fields, replace
from typing import TYPE_CHECKING, Any

from indexing.workspace.secrets.literals import replace_secrets
from server.gate.records import AuditRow
from server.state.access.viewers import EVERYBODY
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from server.state.access.viewers import Viewer
    from server.state.database import State
    from server.state.statements import Connection

KEPT_S = 365 * 24 * 3600.0
NO_FILES = {"run", "propose"}
"""Actions whose subject is no file but a command."""
_NAMES = tuple(field.name for field in fields(AuditRow))
_COLUMNS = ", ".join(_NAMES)
_MARKS = ", ".join("?" * len(_NAMES))


class Audit:
    """The table of the audit."""

    def __init__(self, state: State, viewer: Viewer = EVERYBODY) -> None:
        """Store the database, and the person whose writes are counted and whose rows are seen."""
        self._state = state
        self._viewer = viewer

    def add(self, connection: Connection, rows: Sequence[AuditRow]) -> None:
        """Insert `rows` in the caller's transaction, and delete rows older than a year."""
        connection.execute("DELETE FROM audit WHERE at < ?", (time.time() - KEPT_S,))
        query = f"INSERT INTO audit ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 (our own names)
        connection.executemany(query, [_pack(row) for row in rows])

    def list_newest(self, limit: int, *, request: str = "") -> tuple[AuditRow, ...]:
        """Return up to `limit` rows, newest first; only those of the request with the id `request`, if given."""
        query = f"SELECT {_COLUMNS} FROM audit WHERE ? IN ('', request) AND ? IN ('', who) ORDER BY id DESC LIMIT ?"  # noqa: S608
        seen = "" if self._viewer.sees_others() else self._viewer.name
        with self._state.use_connection() as connection:
            return tuple(_unpack(row) for row in connection.execute(query, (request, seen, limit)))

    def list_write_times(self, then: float) -> list[float]:
        """Return the times after `then` when a file was written or a command permitted, oldest first."""
        query = "SELECT at FROM audit WHERE at > ? AND written <> 0 AND ? IN ('', who) ORDER BY at"
        with self._state.use_connection() as connection:
            return [row[0] for row in connection.execute(query, (then, self._viewer.name))]

    def find_next_hash(self, path: Path, then: float) -> str | None:
        """Return the hash of the text that the first recorded change of a file after `then` replaced.

        "" if there was no file; None if no change is recorded. Counts the changes of all persons.
        """
        query = "SELECT hash_before FROM audit WHERE subject = ? AND at > ? AND written <> 0 ORDER BY id LIMIT 1"
        with self._state.use_connection() as connection:
            row = connection.execute(query, (make_storable(str(path)), then)).fetchone()
        return None if row is None else str(row[0])


def _pack(row: AuditRow) -> list[object]:
    """Return the values of `row` as they are stored, in the order of `_NAMES`, without secrets in title and command."""
    row = replace(row, title=replace_secrets(row.title, PLACEHOLDER))
    if row.action in NO_FILES:
        row = replace(row, subject=replace_secrets(row.subject, PLACEHOLDER))
    values = (int(value) if isinstance(value, bool) else value for value in astuple(row))
    return [make_storable(value) if isinstance(value, str) else value for value in values]


def _unpack(row: Sequence[Any]) -> AuditRow:
    """Return the audit row from the stored values, which are in the order of `_NAMES`."""
    values = dict(zip(_NAMES, row, strict=True))
    return AuditRow(**{**values, "written": bool(values["written"])})
