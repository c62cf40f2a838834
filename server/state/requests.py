"""The record of requests: what was asked, by whom, and what became of it. Survives the server. Start at `Requests`.

Whoever begins a request leaves its process beside it, so that the next server can tell what nobody waits for any more.
Blocking; writes to the state database only.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import psutil

from server.state.database import storable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from server.gate.ports import Answer, Outcome, Question
    from server.state.database import State

LONGEST_DIFF = 200_000  # characters kept of a diff
KEPT_S = 90 * 24 * 3600.0  # how long a request stays in the record
ELSEWHERE_S = 3600.0  # a request of another machine (a shared home) is given up after this


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"  # nobody has answered yet
    APPROVED = "approved"  # answered yes; the verdict says what came of it
    REJECTED = "rejected"
    EXPIRED = "expired"
    REFUSED = "refused"  # broke a rule, so nobody was asked
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands in the record. Times are seconds since the epoch, durations seconds.

    Attributes:
        id: its id, that of the proposal.
        created: when it came.
        client: the editor or program that was to be asked.
        tool: what it was for.
        title: what would be done.
        why: the proposer's reason.
        by: the proposer.
        model: the model that wrote it, "" for none.
        task: the task it belonged to, "" for none.
        subjects: files by name, or the command.
        diff: what was shown.
        warnings: what was said besides.
        status: where it stands.
        verdict: what became of it, "" while it is pending.
        reason: why it was not applied, "" where it was.
        answer: what the person said, "" where nobody was asked.
        asked: when the person was asked, None where nobody was.
        answer_s: how long the answer took, None without one.
        checkpoint: id by which it can be undone, "" for none.
    """

    id: str
    created: float
    client: str
    tool: str
    title: str
    why: str
    by: str
    model: str
    task: str
    subjects: tuple[str, ...]
    diff: str
    warnings: tuple[str, ...]
    status: str
    verdict: str
    reason: str
    answer: str
    asked: float | None
    answer_s: float | None
    checkpoint: str


_COLUMNS = (
    "id, created, client, tool, title, why, proposer, model, task, subjects, diff, warnings, status, verdict, reason,"
    " answer, asked, answer_s, checkpoint"
)


class Requests:
    """The table of requests."""

    def __init__(self, state: State, client: str) -> None:
        self._state = state
        self._client = client
        self._open: dict[str, list[object]] = {}  # rows of what is not decided, should the database be taken away

    def begin(self, question: Question, task: str, model: str, subjects: Sequence[str]) -> None:
        """A request comes; it is pending.

        Raises:
            StateError: it cannot be recorded, so nothing may come of it.
        """
        host, pid, begun = _process()
        row = [
            question.id, time.time(), host, pid, begun, self._client, question.tool.name, question.title, question.why,
            question.by, model, task, json.dumps(subjects), question.diff[:LONGEST_DIFF],
            json.dumps(question.warnings), Status.PENDING,
        ]  # fmt: skip
        self._open[question.id] = [storable(one) if isinstance(one, str) else one for one in row]
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM requests WHERE created < ?", (time.time() - KEPT_S,))
            self._insert(connection, question.id)

    def _insert(self, connection: sqlite3.Connection, request: str) -> None:
        """Record a request that is not decided, if it is not there."""
        if (row := self._open.get(request)) is not None:
            connection.execute(
                "INSERT OR IGNORE INTO requests (id, created, host, pid, begun, client, tool, title, why, proposer,"
                " model, task, subjects, diff, warnings, status)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def asking(self, request: str) -> None:
        """A person is asked from now on."""
        with self._state.transaction() as connection:
            self._insert(connection, request)
            connection.execute("UPDATE requests SET asked = ? WHERE id = ?", (time.time(), request))

    def approved(self, connection: sqlite3.Connection, request: str, checkpoint: str) -> None:
        """A person said yes; what it will be undone by is stored in the same transaction, before anything changes."""
        self._insert(connection, request)
        connection.execute(
            "UPDATE requests SET status = ?, checkpoint = ? WHERE id = ?", (Status.APPROVED, checkpoint, request)
        )

    def ended(
        self, connection: sqlite3.Connection, outcome: Outcome, answer: Answer | None, answer_s: float | None
    ) -> None:
        """What became of it."""
        status, reason = _STATUS[outcome.verdict], storable(outcome.reason)
        self._insert(connection, outcome.proposal)
        self._open.pop(outcome.proposal, None)
        connection.execute(
            "UPDATE requests SET status = ?, verdict = ?, reason = ?, answer = ?, answer_s = ?, checkpoint = ?"
            " WHERE id = ?",
            (status, outcome.verdict, reason, answer or "", answer_s, outcome.checkpoint, outcome.proposal),
        )

    def asked_since(self, then: float) -> list[float]:
        """When people were asked after `then`, undoing left out; oldest first."""
        with self._state.reading() as connection:
            rows = connection.execute(
                "SELECT asked FROM requests WHERE asked > ? AND proposer <> 'undo' ORDER BY asked", (then,)
            )
            return [row[0] for row in rows]

    def listed(self, status: Status | None, limit: int) -> tuple[Request, ...]:
        """The newest requests first, those of one status if that is given."""
        query = f"SELECT {_COLUMNS} FROM requests WHERE ? IN ('', status) ORDER BY created DESC LIMIT ?"  # noqa: S608
        with self._state.reading() as connection:
            return tuple(map(_request, connection.execute(query, (status or "", limit))))

    def abandoned(self) -> int:
        """Close what a server that is gone left behind; how many those were.

        What was pending has expired and is never made; what was approved and not finished has failed.
        """
        with self._state.transaction() as connection:
            open_ones = connection.execute(
                "SELECT id, status, host, pid, begun, created FROM requests"
                " WHERE status = ? OR (status = ? AND verdict = '')",
                (Status.PENDING, Status.APPROVED),
            ).fetchall()
            gone = [(row[0], row[1]) for row in open_ones if not _alive(*row[2:])]
            for request, status in gone:
                pending = status == Status.PENDING
                connection.execute(
                    "UPDATE requests SET status = ?, verdict = ?, reason = ? WHERE id = ?",
                    (
                        *((Status.EXPIRED,) * 2 if pending else (Status.FAILED,) * 2),
                        _UNANSWERED if pending else _UNFINISHED,
                        request,
                    ),
                )
            return len(gone)


_UNANSWERED = "The server ended before anyone answered; propose it again."
_UNFINISHED = (
    "The server ended while it was made; look at the files, `starling.undo` with its checkpoint takes it back."
)
_STATUS = {
    "applied": Status.APPROVED,
    "partly": Status.APPROVED,
    "rejected": Status.REJECTED,
    "expired": Status.EXPIRED,
    "refused": Status.REFUSED,
    "failed": Status.FAILED,
}


@cache
def _process() -> tuple[str, int, float]:
    """What identifies this process among all that ever were."""
    return platform.node(), os.getpid(), psutil.Process().create_time()


def _alive(host: str, pid: int, begun: float, created: float) -> bool:
    if host != platform.node():
        return time.time() - created < ELSEWHERE_S
    try:
        return bool(abs(psutil.Process(pid).create_time() - begun) < 1.0)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _request(row: Sequence[Any]) -> Request:
    values = list(row)
    for number in (9, 11):
        values[number] = tuple(json.loads(values[number]))
    return Request(*values)
