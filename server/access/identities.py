"""The account at the other end of a connection, found by an access token, with its role of this moment.

A role and a disabled account are read from the state, never from the token. Needs the extra `accounts`. Start at
`Directory.identify`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from server.access.records import TokenRefused

if TYPE_CHECKING:
    from server.access.records import Accounts
    from server.access.roles import Role
    from server.access.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class Identity:
    """The account behind a connection.

    Attributes:
        account: id of the account.
        name: its login name.
        role: its role.
        address: the address of the machine that connected.
    """

    account: str
    name: str
    role: Role
    address: str


class Directory:
    """Finds the accounts of access tokens; for any thread. Blocking.

    Args:
        accounts: the accounts.
        verifier: verifies the tokens of the one issuer that is accepted.
        by_subject: whether the issuer is an external one, whose subjects are stored with the accounts.
    """

    def __init__(self, accounts: Accounts, verifier: TokenVerifier, *, by_subject: bool) -> None:
        self._accounts = accounts
        self._verifier = verifier
        self._by_subject = by_subject

    def identify(self, token: str, address: str) -> Identity:
        """Return the identity of the sender of `token` at `address`.

        Raises:
            TokenRefused: the token is not valid, or its account does not exist or is disabled.
            StateError: the state cannot be read.
        """
        subject = self._verifier.verify(token).subject
        found = self._accounts.find_subject(subject) if self._by_subject else self._accounts.get(subject)
        if found is None or found.disabled:
            raise TokenRefused("the account of the access token does not exist here, or is disabled")
        return Identity(found.id, found.name, found.role, address)

    def renew(self, identity: Identity) -> Identity | None:
        """Return `identity` with the account's present role; None if the account is disabled or does not exist.

        Raises:
            StateError: the state cannot be read.
        """
        found = self._accounts.get(identity.account)
        return None if found is None or found.disabled else replace(identity, role=found.role)
