"""The table of signing keys. Blocking; writes to the state database only. Start at `KeyStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.access.records import SigningKey
from server.state.database import Area

if TYPE_CHECKING:
    from server.state.database import State


class KeyStore:
    """The table of signing keys; implements `server.access.records.SigningKeys`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list_all(self) -> tuple[SigningKey, ...]:
        """Return all keys, the current one first."""
        query = "SELECT id, private_pem, created, ended FROM signing_keys ORDER BY ended = 0 DESC, created DESC"
        with self._state.use_connection() as connection:
            return tuple(SigningKey(*row) for row in connection.execute(query))

    def add(self, key: SigningKey, *, replaces: str, now: float) -> bool:
        """Insert a new current key in place of the current key `replaces` ("" if there is none), which ends at `now`.

        Returns False, and inserts nothing, if another key is the current one.
        """
        with self._state.transaction(Area.ACCESS) as connection:
            row = connection.execute("SELECT id FROM signing_keys WHERE ended = 0").fetchone()
            if (row[0] if row is not None else "") != replaces:
                return False
            connection.execute("UPDATE signing_keys SET ended = ? WHERE id = ?", (now, replaces))
            connection.execute(
                "INSERT INTO signing_keys (id, private_pem, created, ended) VALUES (?, ?, ?, ?)",
                (key.id, key.private_pem, key.created, key.ended),
            )
            return True

    def remove_ended(self, before: float) -> None:
        """Delete the keys that ended before that time."""
        with self._state.transaction(Area.ACCESS) as connection:
            connection.execute("DELETE FROM signing_keys WHERE ended <> 0 AND ended < ?", (before,))
