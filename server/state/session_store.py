"""The tables of sessions: conversations with the team, their entries, and the clients that drive or have open each.

Implements `agents.ports.sessions.Sessions`. Bounded in days, sessions, and entries of one session; evicts the sessions
first that were unchanged for the longest time, except leased ones. Blocking; writes to the state database only. Start
at `SessionStore`.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from agents.ports.sessions import (
    LEASE_S,
    LONGEST_TEXT,
    LONGEST_TITLE,
    Entry,
    EntryKind,
    Session,
    SessionInUse,
    SessionState,
    SessionUnavailable,
)
from indexing.workspace.secrets.literals import replace_secrets
from server.state import lease_owners
from server.state.access.viewers import EVERYBODY
from server.state.database import Area
from server.state.statements import PLACEHOLDER, make_storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.access.viewers import Viewer
    from server.state.database import State
    from server.state.statements import Connection

KEPT_S = 365 * 24 * 3600.0
EMPTY_KEPT_S = 24 * 3600.0  # of a session without entries, whose client was killed
OPEN_S = 7 * 24 * 3600.0  # that a client counts as having a session open, if nobody can see whether it has ended
FRESH_S = 5.0  # age of a lease that need not be renewed
MOST_SESSIONS = 1000  # of a user, in all workspaces
MOST_ENTRIES = 10_000  # of one session
SHORTEST_DELETED = 4  # characters of an id that name a session to delete
_SELECT = "SELECT id, workspace, title, role, state, created, changed, owner, leased, entries FROM sessions"


class SessionStore:
    """The tables of sessions."""

    def __init__(self, state: State, viewer: Viewer = EVERYBODY) -> None:
        """Store the database; with another `viewer` than the default one, only the sessions of this person exist."""
        self._state = state
        self._person = viewer.person

    def create(self, workspace: str, *, title: str, role: str = "", name: str = "", owner: str = "") -> Session:
        """Insert a new session without entries, leased to the client `owner` if given, and return it.

        A `name` becomes the id of the session; if a session with this id exists, returns that one unchanged. Evicts
        sessions beyond the bounds.

        Raises:
            ValueError: the title is longer than `LONGEST_TITLE`.
        """
        now = time.time()
        row = (
            name or uuid.uuid4().hex,
            make_storable(workspace),
            _check_title(title),
            make_storable(role),
            SessionState.IDLE,
            now,
            now,
            owner,
            now + LEASE_S if owner else 0,
            self._person,
        )
        with self._state.transaction(Area.SESSIONS) as connection:
            if name and (found := _find(connection, name)) is not None:
                return found
            connection.execute(
                "INSERT INTO sessions (id, workspace, title, role, state, created, changed, owner, leased, person)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            self._evict(connection, now, self._person)
        return Session(*row[:4], state=SessionState.IDLE, created=now, changed=now, owner=owner, entries=0)

    def get(self, session: str) -> Session | None:
        """Return the session with the id `session`, None if there is none."""
        with self._state.use_connection() as connection:
            row = connection.execute(
                f"{_SELECT} WHERE id = ? AND ? IN ('', person)", (session, self._person)
            ).fetchone()
        return _unpack(row) if row is not None else None

    def list_newest(self, workspace: str, limit: int) -> tuple[Session, ...]:
        """Return up to `limit` sessions of `workspace`, most recently changed first."""
        query = f"{_SELECT} WHERE workspace = ? AND ? IN ('', person) ORDER BY changed DESC, id LIMIT ?"
        with self._state.use_connection() as connection:
            return tuple(map(_unpack, connection.execute(query, (make_storable(workspace), self._person, limit))))

    def read(self, session: str, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """Return up to `limit` entries of a session, numbered above `after`, in order; () for an unknown session."""
        with self._state.use_connection() as connection:
            rows = connection.execute(
                "SELECT kind, origin, content, details, number, at FROM session_entries"
                " WHERE session = ? AND number > ? ORDER BY number LIMIT ?",
                (session, after, limit),
            )
            return tuple(Entry(EntryKind(kind), *values) for kind, *values in rows)

    def acquire(self, session: str, owner: str) -> Session:
        """Take or renew the lease of a session for the client `owner`; return the session.

        Writes nothing if the lease was taken or renewed within the last `FRESH_S`.

        Raises:
            SessionUnavailable: there is no such session, or another owner, whose process may still run, has a lease
                that has not expired.
        """
        age = self._find_lease_age(session, owner)
        if age is not None and age < FRESH_S and (found := self.get(session)) is not None:
            return found
        with self._state.transaction(Area.SESSIONS) as connection:
            found = _find(connection, session)
            _require(connection, session, available=found is None or found.owner in {"", owner})
            connection.execute(
                "UPDATE sessions SET owner = ?, leased = ? WHERE id = ?", (owner, time.time() + LEASE_S, session)
            )
            return _require(connection, session, available=True)

    def _find_lease_age(self, session: str, owner: str) -> float | None:
        """Return how many seconds ago `owner` took or renewed the lease of a session, None if it has none."""
        query = "SELECT leased FROM sessions WHERE id = ? AND owner = ?"
        with self._state.use_connection() as connection:
            row = connection.execute(query, (session, owner)).fetchone()
        return time.time() + LEASE_S - row[0] if row is not None else None

    def record(
        self,
        session: str,
        owner: str,
        state: SessionState,
        entries: Sequence[Entry] = (),
        *,
        releases: bool = False,
    ) -> Session:
        """Append `entries`, set the state and renew or end the lease of `owner`, in one transaction.

        Returns the session.

        Raises:
            SessionUnavailable: there is no such session, it is full, or `owner` does not hold its lease.
            ValueError: a text is longer than `LONGEST_TEXT`.
        """
        if any(max(len(entry.text), len(entry.details)) > LONGEST_TEXT for entry in entries):
            raise ValueError(f"an entry has more than {LONGEST_TEXT:,} characters")
        now = time.time()
        with self._state.transaction(Area.SESSIONS) as connection:
            held = connection.execute(
                "UPDATE sessions SET state = ?, changed = ?, owner = ?, leased = ?, entries = entries + ?"
                " WHERE id = ? AND owner = ?",
                (state, now, *(("", 0) if releases else (owner, now + LEASE_S)), len(entries), session, owner),
            )
            recorded = _require(connection, session, available=held.rowcount == 1)
            if entries and recorded.entries > MOST_ENTRIES:
                raise SessionUnavailable(
                    f"{recorded.title!r} has {MOST_ENTRIES:,} entries, the most there may be; start another session."
                )
            first = recorded.entries - len(entries) + 1
            connection.executemany(
                "INSERT INTO session_entries (session, number, at, kind, origin, content, details)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(session, number, now, *_pack(entry)) for number, entry in enumerate(entries, first)],
            )
            return recorded

    def release(self, session: str, owner: str) -> None:
        """End the lease of `owner` on a session; do nothing if `owner` has none."""
        if self._find_lease_age(session, owner) is None:
            return
        with self._state.transaction(Area.SESSIONS) as connection:
            connection.execute(
                "UPDATE sessions SET owner = '', leased = 0 WHERE id = ? AND owner = ?", (session, owner)
            )

    def mark_open(self, session: str, owner: str) -> None:
        """Record that the client `owner` has a session open; forget the clients whose processes have ended."""
        with self._state.transaction(Area.SESSIONS) as connection:
            known = connection.execute("SELECT DISTINCT owner FROM session_openings").fetchall()
            for (other,) in known:
                if lease_owners.has_ended(other):
                    connection.execute("DELETE FROM session_openings WHERE owner = ?", (other,))
            connection.execute(
                "INSERT INTO session_openings (session, owner, since) VALUES (?, ?, ?)"
                " ON CONFLICT (session, owner) DO NOTHING",
                (session, owner, time.time()),
            )

    def mark_closed(self, session: str, owner: str) -> None:
        """Record that the client `owner` no longer has a session open; do nothing if it had not."""
        with self._state.transaction(Area.SESSIONS) as connection:
            connection.execute("DELETE FROM session_openings WHERE session = ? AND owner = ?", (session, owner))

    def set_title(self, session: str, title: str) -> bool:
        """Set the title of a session, whoever holds its lease; return whether there is such a session.

        Raises:
            ValueError: the title is longer than `LONGEST_TITLE`.
        """
        with self._state.transaction(Area.SESSIONS) as connection:
            renamed = connection.execute(
                "UPDATE sessions SET title = ?, changed = ? WHERE id = ?", (_check_title(title), time.time(), session)
            )
            return renamed.rowcount == 1

    def delete(self, session: str, *, force: bool = False) -> bool:
        """Delete a session with its entries; return whether there was one.

        Raises:
            SessionUnavailable: a client holds its lease, or has it open and `force` is not set.
        """
        with self._state.transaction(Area.SESSIONS) as connection:
            found = _find(connection, session)
            if found is None:
                return False
            _require(connection, session, available=not found.owner)
            if not force and (owner := _find_opening(connection, session)):
                raise SessionUnavailable(
                    f"{found.title!r} is open in {lease_owners.describe_owner(owner)}, where nothing is going on in it;"
                    f" close it there, or delete it with `starling sessions delete --force {session[:8]}`."
                )
            _remove(connection, [session])
            return True

    @staticmethod
    def _evict(connection: Connection, now: float, person: str) -> None:
        """Delete sessions of `person` that are too old, empty for a day or exceed `MOST_SESSIONS`.

        Keeps leased and open ones.
        """
        rows = connection.execute(
            "SELECT id, changed, leased, entries FROM sessions WHERE person = ? ORDER BY changed DESC, id", (person,)
        ).fetchall()
        _remove(
            connection,
            [
                identity
                for number, (identity, changed, leased, entries) in enumerate(rows)
                if (number >= MOST_SESSIONS or changed < now - (KEPT_S if entries else EMPTY_KEPT_S))
                and leased < now
                and not _find_opening(connection, identity)
            ],
        )


def require_long_prefix(session: Session, prefix: str) -> None:
    """Check that `prefix`, the first characters of the id of `session`, suffices to delete it.

    Raises:
        SessionUnavailable: `prefix` is neither the whole id nor `SHORTEST_DELETED` characters long.
    """
    if prefix != session.id and len(prefix) < SHORTEST_DELETED:
        raise SessionUnavailable(
            f"{prefix!r} is too short to delete a session; give at least {SHORTEST_DELETED} characters of its id."
        )


def _find(connection: Connection, session: str) -> Session | None:
    """Return the session with the id `session`, None if there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (session,)).fetchone()
    return _unpack(row) if row is not None else None


def _require(connection: Connection, session: str, *, available: bool) -> Session:
    """Return the session with the id `session`; `available` is whether the caller may use it, judged by its lease.

    Raises:
        SessionUnavailable: there is none.
        SessionInUse: `available` is false.
    """
    found = _find(connection, session)
    if found is None:
        raise SessionUnavailable(f"There is no session {session!r}; it may have been deleted. Start a new one.")
    if not available:
        owner = lease_owners.describe_owner(found.owner) or "another client"
        raise SessionInUse(f"{found.title!r} is open in {owner}; close it there, or start another session.")
    return found


def _find_opening(connection: Connection, session: str) -> str:
    """Return a client that has a session open and whose process may still run; "" if none has."""
    rows = connection.execute(
        "SELECT owner FROM session_openings WHERE session = ? AND since > ? ORDER BY since DESC",
        (session, time.time() - OPEN_S),
    )
    return next((str(owner) for (owner,) in rows if not lease_owners.has_ended(owner)), "")


def _remove(connection: Connection, sessions: Sequence[str]) -> None:
    """Delete sessions, named by their ids, with their entries and the feedback on these."""
    for session in sessions:
        connection.execute("DELETE FROM session_openings WHERE session = ?", (session,))
        connection.execute("DELETE FROM session_feedback WHERE session = ?", (session,))
        connection.execute("DELETE FROM session_entries WHERE session = ?", (session,))
        connection.execute("DELETE FROM sessions WHERE id = ?", (session,))


def _check_title(title: str) -> str:
    """Return `title` as it is stored, without secrets; raise ValueError if it is longer than `LONGEST_TITLE`."""
    if len(title) > LONGEST_TITLE:
        raise ValueError(f"a title has more than {LONGEST_TITLE:,} characters")
    return make_storable(replace_secrets(title, PLACEHOLDER))


def _pack(entry: Entry) -> tuple[str, ...]:
    """Return the stored values of `entry`: kind, origin, content and details."""
    return entry.kind, make_storable(entry.by), make_storable(entry.text), make_storable(entry.details)


def _unpack(row: Sequence[Any]) -> Session:
    """Return the session from a row of `_SELECT`; without an owner if the lease has expired, or its process ended.

    Its state is then ERROR if a request was not finished.
    """
    identity, workspace, title, role, stored, created, changed, owner, leased, entries = row
    owner = owner if leased >= time.time() and not lease_owners.has_ended(owner) else ""
    state = SessionState(stored)
    if not owner and state is not SessionState.IDLE:
        state = SessionState.ERROR
    return Session(identity, workspace, title, role, state, created, changed, owner, entries)
