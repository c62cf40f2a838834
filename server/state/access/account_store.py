"""The table of accounts. Blocking; writes to the state database only. Start at `AccountStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from server.access.records import Account, AccountExists, Kind
from server.access.roles import Role
from server.state.database import Area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.database import State

_SELECT = "SELECT id, name, kind, role, disabled, subject, proof, created FROM accounts"


class AccountStore:
    """The table of accounts; implements `server.access.records.Accounts`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, account: Account) -> None:
        """Insert a new account.

        Raises:
            AccountExists: there is one with this name, or for this subject.
        """
        with self._state.transaction(Area.ACCESS) as connection:
            query = "SELECT name FROM accounts WHERE name = ? OR (subject <> '' AND subject = ?)"
            if connection.execute(query, (account.name, account.subject)).fetchone() is not None:
                raise AccountExists
            connection.execute(
                "INSERT INTO accounts (id, name, kind, role, disabled, subject, proof, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account.id, account.name, account.kind, account.role, int(account.disabled), account.subject,
                    account.proof, account.created,
                ),
            )  # fmt: skip

    def find(self, name: str) -> Account | None:
        """Return the account with the login name `name`, None if there is none."""
        return self._find("name", name)

    def get(self, identity: str) -> Account | None:
        """Return the account with the id `identity`, None if there is none."""
        return self._find("id", identity)

    def find_subject(self, subject: str) -> Account | None:
        """Return the account for a `subject` of the external issuer, None if there is none or `subject` is ""."""
        return self._find("subject", subject) if subject else None

    def list_all(self) -> tuple[Account, ...]:
        """Return all accounts, by name."""
        with self._state.use_connection() as connection:
            return tuple(map(_unpack, connection.execute(f"{_SELECT} ORDER BY name")))

    def change(
        self, name: str, *, role: Role | None = None, disabled: bool | None = None, proof: str | None = None
    ) -> bool:
        """Change what is given; return False if there is no such account.

        Deletes the account's refresh tokens if it is disabled or its proof changes.
        """
        with self._state.transaction(Area.ACCESS) as connection:
            row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            found = _unpack(row)
            connection.execute(
                "UPDATE accounts SET role = ?, disabled = ?, proof = ? WHERE id = ?",
                (
                    found.role if role is None else role,
                    int(found.disabled if disabled is None else disabled),
                    found.proof if proof is None else proof,
                    found.id,
                ),
            )
            if disabled or proof is not None:
                connection.execute("DELETE FROM refresh_tokens WHERE account = ?", (found.id,))
            return True

    def _find(self, column: str, value: str) -> Account | None:
        """Return the account whose `column` has `value`, None if there is none."""
        with self._state.use_connection() as connection:
            row = connection.execute(f"{_SELECT} WHERE {column} = ?", (value,)).fetchone()
        return _unpack(row) if row is not None else None


def _unpack(row: Sequence[Any]) -> Account:
    """Return the account from a row of `_SELECT`."""
    identity, name, kind, role, disabled, subject, proof, created = row
    return Account(identity, name, Kind(kind), Role(role), bool(disabled), subject, proof, created)
