"""The table of refresh tokens, as hashes. Blocking; writes to the state database only. Start at `RefreshStore`.

Used tokens stay until they expire, so that the second use of a token is noticed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from server.access.records import RefreshToken
from server.state.database import Area

if TYPE_CHECKING:
    from server.state.database import State

MOST_FAMILIES = 50  # logins of one account that can be refreshed; one more ends the oldest


class RefreshStore:
    """The table of refresh tokens; implements `server.access.records.RefreshTokens`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, token: RefreshToken) -> None:
        """Insert a token; delete expired ones, and the oldest families of the account beyond `MOST_FAMILIES`."""
        with self._state.transaction(Area.ACCESS) as connection:
            connection.execute("DELETE FROM refresh_tokens WHERE expires < ?", (time.time(),))
            connection.execute(
                "INSERT INTO refresh_tokens (digest, family, account, begun, expires, used) VALUES (?, ?, ?, ?, ?, 0)",
                (token.digest, token.family, token.account, token.begun, token.expires),
            )
            rows = connection.execute(
                "SELECT family FROM refresh_tokens WHERE account = ? GROUP BY family, begun ORDER BY begun DESC",
                (token.account,),
            ).fetchall()
            for (family,) in rows[MOST_FAMILIES:]:
                connection.execute("DELETE FROM refresh_tokens WHERE family = ?", (family,))

    def use(self, digest: str, now: float) -> RefreshToken | None:
        """Mark the token with the hash `digest` as used, and return it.

        Returns None if there is none, it has expired, or it was used before; the last ends its whole family.
        """
        with self._state.transaction(Area.ACCESS) as connection:
            query = "UPDATE refresh_tokens SET used = ? WHERE digest = ? AND used = 0 AND expires > ?"
            is_first = connection.execute(query, (now, digest, now)).rowcount == 1
            query = "SELECT digest, family, account, begun, expires, used FROM refresh_tokens WHERE digest = ?"
            row = connection.execute(query, (digest,)).fetchone()
            if is_first:
                return RefreshToken(*row[:5])
            if row is not None and row[5]:
                connection.execute("DELETE FROM refresh_tokens WHERE family = ?", (row[1],))
            return None

    def end_family(self, digest: str) -> None:
        """Delete all tokens of the family of the token with the hash `digest`; nothing if there is no such token."""
        with self._state.transaction(Area.ACCESS) as connection:
            row = connection.execute("SELECT family FROM refresh_tokens WHERE digest = ?", (digest,)).fetchone()
            if row is not None:
                connection.execute("DELETE FROM refresh_tokens WHERE family = ?", (row[0],))
