"""The audit: who changed what, when, from what to what, and who said yes. Rows are only ever added. Start at `Audit`.

Holds fingerprints of texts, never the texts. Blocking; writes to the state database only.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from server.state.database import storable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from server.state.database import State

KEPT_S = 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One file of one request, or one command.

    Attributes:
        at: when it ended, seconds since the epoch.
        request: id of the request.
        who: the user on this machine.
        client: the editor or program where the person answered.
        proposer: which agent, or "undo".
        model: the model that wrote it, "" for none.
        tool: what it was for.
        title: what it said it would do.
        action: "text", "create", "rename", "delete", or "run" for a command.
        subject: the file (or URI), or the command.
        target: where a file was moved to, "" otherwise.
        hash_before: SHA-256 of the text before, "" for none.
        hash_after: SHA-256 of the text afterwards, "" for none.
        written: whether anything changed.
        answer: what the person said, "" where nobody was asked.
        answer_s: how long that took, seconds; None without an answer.
        verdict: what became of the request.
        reason: why it was not applied, "" where it was.
    """

    at: float
    request: str
    who: str
    client: str
    proposer: str
    model: str
    tool: str
    title: str
    action: str
    subject: str
    target: str
    hash_before: str
    hash_after: str
    written: bool
    answer: str
    answer_s: float | None
    verdict: str
    reason: str


_NAMES = tuple(one.name for one in fields(AuditRow))
_COLUMNS = ", ".join(_NAMES)
_MARKS = ", ".join("?" * len(_NAMES))


class Audit:
    """The table of the audit."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, connection: sqlite3.Connection, rows: Sequence[AuditRow]) -> None:
        """Record, in the caller's transaction."""
        connection.execute("DELETE FROM audit WHERE at < ?", (time.time() - KEPT_S,))
        query = f"INSERT INTO audit ({_COLUMNS}) VALUES ({_MARKS})"  # noqa: S608 (our own names)
        values = ([storable(one) if isinstance(one, str) else one for one in astuple(row)] for row in rows)
        connection.executemany(query, values)

    def listed(self, limit: int, *, request: str = "") -> tuple[AuditRow, ...]:
        """The newest rows first, those of one request if that is given."""
        query = f"SELECT {_COLUMNS} FROM audit WHERE ? IN ('', request) ORDER BY id DESC LIMIT ?"  # noqa: S608
        with self._state.reading() as connection:
            return tuple(_row(row) for row in connection.execute(query, (request, limit)))

    def written_since(self, then: float) -> list[float]:
        """When files were written (or commands let run) after `then`; oldest first."""
        with self._state.reading() as connection:
            return [
                row[0]
                for row in connection.execute("SELECT at FROM audit WHERE at > ? AND written ORDER BY at", (then,))
            ]


def _row(row: Sequence[Any]) -> AuditRow:
    values = dict(zip(_NAMES, row, strict=True))
    return AuditRow(**{**values, "written": bool(values["written"])})


def user() -> str:
    """The user on this machine, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
