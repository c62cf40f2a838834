"""The table of requests: the question, the proposer, the answer and the outcome of each.

Each row names the process that began the request, so that a later process can close the requests of a process that no
longer runs. Blocking; writes to the state database only. Start at `Requests`.
"""

from __future__ import annotations

import json
import platform
import time
from typing import TYPE_CHECKING, Any

import psutil

from indexing.workspace.secrets.literals import replace_secrets
from server.gate.records import Abandoned, Request, Status
from server.state.access.viewers import EVERYBODY
from server.state.database import Area
from server.state.databases.heartbeats import HEARTBEATS, beat, identify_process, read_dead
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.gate.ports import Answer, Outcome, Question
    from server.state.access.viewers import Viewer
    from server.state.database import State
    from server.state.statements import Connection

LONGEST_DIFF = 200_000  # characters of a diff; the rest is cut off
KEPT_S = 90 * 24 * 3600.0
ELSEWHERE_S = 3600.0
"""Age at which an open request of another machine counts as abandoned if nothing says whether its process runs."""
_COLUMNS = (
    "id, created, client, tool, title, why, proposer, model, task, subjects, diff, warnings, status, verdict, reason,"
    " answer, asked, answer_s, checkpoint, session, tool_call, again"
)
# an edit is asked again while it is kept; another call by its agent, unless that has been told and has gone on
_ASKABLE = (
    "(status IN ('expired', 'failed') AND EXISTS (SELECT 1 FROM kept_proposals WHERE request = requests.id))"
    " OR (status = 'expired' AND session <> '' AND subjects <> '[]' AND tool NOT IN ('write_file', 'delete_file')"
    " AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = requests.session)"
    " AND NOT EXISTS (SELECT 1 FROM session_entries WHERE session_entries.session = requests.session"
    " AND kind = 'person' AND at > requests.created))"
)
_UNANSWERED_ONES = f"(status = 'pending' OR {_ASKABLE})"
_SELECT = f"SELECT {_COLUMNS}, CASE WHEN {_ASKABLE} THEN 1 ELSE 0 END FROM requests"  # noqa: S608 (our own names)
_SEEN = "? IN ('', person)"
_UNANSWERED = "The server ended before anyone answered; ask again, or propose it again."
_STATUS = {
    "applied": Status.APPROVED,
    "partly": Status.APPROVED,
    "rejected": Status.REJECTED,
    "expired": Status.EXPIRED,
    "refused": Status.REFUSED,
    "failed": Status.FAILED,
}


class Requests:
    """The table of requests."""

    def __init__(self, state: State, viewer: Viewer = EVERYBODY) -> None:
        """Store the database, and the person whose requests are added and seen."""
        self._state = state
        self._viewer = viewer
        self._undecided: dict[str, list[object]] = {}  # rows by id, in case the database is deleted meanwhile

    def begin(  # noqa: PLR0913 (the facts of one request)
        self,
        connection: Connection,
        question: Question,
        *,
        client: str,
        task: str,
        model: str,
        subjects: Sequence[str],
    ) -> None:
        """Insert a pending request, and delete requests older than 90 days, in the caller's transaction.

        Secrets are hidden in what describes it; the question itself shows them.
        """
        hidden = subjects if question.tool.edits else [*map(_hide, subjects)]
        row = [
            question.id, time.time(), *identify_process(), client, question.tool.name, _hide(question.title),
            _hide(question.why), question.by, model, task, json.dumps(hidden), _hide(question.diff[:LONGEST_DIFF]),
            json.dumps([*map(_hide, question.warnings)]), Status.PENDING, question.origin.session, question.origin.call,
            question.origin.again, self._viewer.person,
        ]  # fmt: skip
        self._undecided[question.id] = [make_storable(value) if isinstance(value, str) else value for value in row]
        connection.execute("DELETE FROM requests WHERE created < ?", (time.time() - KEPT_S,))
        self._insert_undecided(connection, question.id)
        if self._state.shared_as:
            beat(connection)
            HEARTBEATS.hold(self._state, question.id)

    def _insert_undecided(self, connection: Connection, request: str) -> None:
        """Insert the row of an undecided request if it is missing: a new one, or one whose database was deleted."""
        if (row := self._undecided.get(request)) is not None:
            connection.execute(
                "INSERT INTO requests (id, created, host, pid, begun, client, tool, title, why, proposer,"
                " model, task, subjects, diff, warnings, status, session, tool_call, again, person)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
                row,
            )

    def mark_asked(self, request: str) -> None:
        """Record the present time as the time when the question is shown to a person."""
        with self._state.transaction(Area.GATE) as connection:
            self._insert_undecided(connection, request)
            connection.execute("UPDATE requests SET asked = ? WHERE id = ?", (time.time(), request))

    def approve(self, connection: Connection, request: str, checkpoint: str, note: str) -> None:
        """Record a request as approved, with the checkpoint that can undo the change, in the caller's transaction.

        `note` says which parts of the edit the person left out, "" for none.
        """
        self._insert_undecided(connection, request)
        connection.execute(
            "UPDATE requests SET status = ?, checkpoint = ?, reason = ? WHERE id = ?",
            (Status.APPROVED, checkpoint, make_storable(note), request),
        )

    def find_asked(self, connection: Connection, request: str) -> str:
        """Return the tool of a request that was shown to a person and has not ended; "" for any other request."""
        query = "SELECT tool FROM requests WHERE id = ? AND asked IS NOT NULL AND verdict = ''"
        row = connection.execute(query, (request,)).fetchone()
        return str(row[0]) if row is not None else ""

    def end(self, connection: Connection, outcome: Outcome, answer: Answer | None, answer_s: float | None) -> None:
        """Record the outcome, the answer and the seconds until the answer, in the caller's transaction."""
        status, reason = _STATUS[outcome.verdict], make_storable(outcome.reason)
        self._insert_undecided(connection, outcome.proposal)
        self._undecided.pop(outcome.proposal, None)
        HEARTBEATS.release(self._state, outcome.proposal)
        connection.execute(
            "UPDATE requests SET status = ?, verdict = ?, reason = ?, answer = ?, answer_s = ?, checkpoint = ?"
            " WHERE id = ?",
            (status, outcome.verdict, reason, answer or "", answer_s, outcome.checkpoint, outcome.proposal),
        )

    def list_question_times(self, then: float) -> list[float]:
        """Return the times of the questions to people after `then`, oldest first; without questions about undoing."""
        query = "SELECT asked FROM requests WHERE asked > ? AND proposer <> 'undo' AND ? IN ('', person) ORDER BY asked"
        with self._state.use_connection() as connection:
            return [row[0] for row in connection.execute(query, (then, self._viewer.person))]

    def list_newest(self, status: Status | None, limit: int, *, session: str = "") -> tuple[Request, ...]:
        """Return up to `limit` requests, newest first; only those with `status` and of `session`, where given."""
        query = f"{_SELECT} WHERE ? IN ('', status) AND ? IN ('', session) AND {_SEEN} ORDER BY created DESC LIMIT ?"
        values = (status or "", session, self._viewer.get_seen(), limit)
        with self._state.use_connection() as connection:
            return tuple(map(_unpack, connection.execute(query, values)))

    def list_unanswered(self, session: str, limit: int) -> tuple[Request, ...]:
        """Return up to `limit` requests that are pending or can be asked again, newest first; of `session` if given."""
        query = f"{_SELECT} WHERE ? IN ('', session) AND {_SEEN} AND {_UNANSWERED_ONES} ORDER BY created DESC LIMIT ?"
        values = (session, self._viewer.get_seen(), limit)
        with self._state.use_connection() as connection:
            return tuple(map(_unpack, connection.execute(query, values)))

    def count_unanswered(self) -> dict[str, int]:
        """Return by session how many requests are pending or can be asked again; only sessions that have some."""
        query = (
            f"SELECT session, COUNT(*) FROM requests WHERE session <> '' AND {_SEEN} AND {_UNANSWERED_ONES}"  # noqa: S608 (our own names)
            " GROUP BY session"
        )
        with self._state.use_connection() as connection:
            return dict(connection.execute(query, (self._viewer.get_seen(),)).fetchall())

    def find(self, name: str) -> Request | None:
        """Return the request whose id is `name`, or the only one whose id begins with it; else None."""
        query = f"{_SELECT} WHERE substr(id, 1, ?) = ? AND {_SEEN} LIMIT 2"
        with self._state.use_connection() as connection:
            found = tuple(map(_unpack, connection.execute(query, (len(name), name, self._viewer.get_seen()))))
        return found[0] if len(found) == 1 else None

    def list_abandoned(self) -> tuple[Abandoned, ...]:
        """Return the person's open requests of processes that no longer run, oldest first."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT id, status, reason, person, created, host, pid, begun FROM requests"
                " WHERE (status = ? OR (status = ? AND verdict = '')) AND ? IN ('', person) ORDER BY created",
                (Status.PENDING, Status.APPROVED, self._viewer.person),
            ).fetchall()
            dead = read_dead(connection) if rows and self._state.shared_as else frozenset()
        here = platform.node()
        found = []
        for request, status, note, person, created, *process in rows:
            host, pid, begun = process
            is_old = time.time() - created >= ELSEWHERE_S
            if _has_ended(pid, begun) if host == here else is_old or (host, pid, begun) in dead:
                machine = host if host != here and self._state.shared_as else ""
                is_approved = status == Status.APPROVED
                found.append(Abandoned(request, note, person, machine, is_approved=is_approved, is_old=is_old))
        return tuple(found)

    def close_abandoned(self, abandoned: Abandoned, unfinished: str) -> bool:
        """Record a pending request as expired, an approved one as failed, for the reason `unfinished`.

        Returns whether it was still open; false if another process has closed it.
        """
        if abandoned.is_approved:
            before, after, reason = Status.APPROVED, Status.FAILED, f"{abandoned.note} {unfinished}".strip()
        else:
            before, after, reason = Status.PENDING, Status.EXPIRED, _UNANSWERED
        with self._state.transaction(Area.GATE) as connection:
            closed = connection.execute(
                "UPDATE requests SET status = ?, verdict = ?, reason = ? WHERE id = ? AND status = ? AND verdict = ''",
                (after, after, reason, abandoned.request, before),
            )
            return bool(closed.rowcount == 1)


def _hide(text: str) -> str:
    """Return `text` with `PLACEHOLDER` in place of its secrets."""
    return replace_secrets(text, PLACEHOLDER)


def _has_ended(pid: int, begun: float) -> bool:
    """Return whether a process of this machine, which started at `begun`, has certainly ended."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - begun) >= 1.0)
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _unpack(row: Sequence[Any]) -> Request:
    """Return the request from a row of `_SELECT`, in which `subjects` and `warnings` are JSON."""
    values = [*row[:-1], bool(row[-1])]
    for number in (9, 11):
        values[number] = tuple(json.loads(values[number]))
    return Request(*values)
