"""The table of failed logins, by hashed name and address. Blocking; writes to the state database only.

Start at `AttemptStore`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.access.records import WINDOW_S, Attempts
from server.state.database import Area

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.state.database import State
    from server.state.statements import Connection

KEPT_S = 24 * 3600.0  # that failures count
KNOWN_S = 90 * 24 * 3600.0  # that a place is known after a login
MOST_ROWS = 20_000


class AttemptStore:
    """The table of failed logins; implements `server.access.records.LoginAttempts`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def reserve(self, name: str, address: str, now: float, judge: Callable[[Attempts], float]) -> float:
        """Count a failure in advance and return 0, if `judge` returns 0; else return its seconds and count nothing."""
        with self._state.transaction(Area.ACCESS) as connection:
            query = "SELECT failures, last, succeeded FROM login_attempts WHERE name = ? AND address = ?"
            row = connection.execute(query, (name, address)).fetchone()
            failures, last, succeeded = row if row is not None else (0, 0.0, 0.0)
            failures = failures if last > now - KEPT_S else 0
            sums = [
                connection.execute(
                    f"SELECT COALESCE(SUM(failures), 0) FROM login_attempts WHERE {column} = ? AND last > ?",  # noqa: S608
                    (value, now - WINDOW_S),
                ).fetchone()[0]
                for column, value in (("name", name), ("address", address))
            ]
            wait_s = judge(Attempts(failures, last, bool(succeeded), int(sums[0]), int(sums[1])))
            if wait_s:
                return wait_s
            connection.execute(
                "INSERT INTO login_attempts (name, address, failures, last, succeeded) VALUES (?, ?, 1, ?, 0)"
                " ON CONFLICT (name, address) DO UPDATE SET failures = ?, last = ?",
                (name, address, now, failures + 1, now),
            )
            if row is None:
                self._evict(connection, now)
            return 0.0

    def confirm(self, name: str, address: str, now: float) -> None:
        """Forget the failures of the name at the address, and remember that it logged in from there."""
        with self._state.transaction(Area.ACCESS) as connection:
            connection.execute(
                "UPDATE login_attempts SET failures = 0, succeeded = ? WHERE name = ? AND address = ?",
                (now, name, address),
            )

    @staticmethod
    def _evict(connection: Connection, now: float) -> None:
        """Delete old rows, and the oldest rows without a login beyond `MOST_ROWS`."""
        connection.execute("DELETE FROM login_attempts WHERE last < ? AND succeeded < ?", (now - KEPT_S, now - KNOWN_S))
        query = "SELECT last FROM login_attempts WHERE succeeded = 0 ORDER BY last DESC LIMIT 1 OFFSET ?"
        if (row := connection.execute(query, (MOST_ROWS,)).fetchone()) is not None:
            connection.execute("DELETE FROM login_attempts WHERE succeeded = 0 AND last <= ?", (row[0],))
