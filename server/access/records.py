"""The records of accounts, signing keys, refresh tokens and failed logins, and the ports that store them.

`server.state.access` implements the ports. All calls block; each is one transaction and raises
`agents.ports.failures.StateError` if the state cannot be read or written. Times are seconds since the epoch. Start at
`Account`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.access.roles import Role

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NAME_RULE = "up to 64 small letters, digits and . _ @ + -, and begins with a letter or digit"


class Kind(StrEnum):
    """The kind of an account: a person or a program logs in with it."""

    PERSON = "person"
    CLIENT = "client"  # a program, such as a job of CI, with the client credentials grant


class AccountExists(Exception):  # noqa: N818 (a fact, not a fault of the program)
    """There is an account with this name, or for this subject of the external issuer."""


class TokenRefused(Exception):  # noqa: N818 (not a fault of the program)
    """The access token is not accepted; the message says why, without repeating the token."""


class TokenUncheckedError(TokenRefused):
    """The access token cannot be checked at this time; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person or program that may connect.

    Attributes:
        id: unique and never used again; the subject of its access tokens.
        name: the login name, in the form of `NAME`.
        kind: a person or a program.
        role: what the account may do.
        disabled: whether it can neither log in nor stay connected.
        subject: the subject in the tokens of an external issuer, "" for none.
        proof: the argon2id hash of the password or secret, "" if the account has none.
        created: when the account was added.
    """

    id: str
    name: str
    kind: Kind
    role: Role
    disabled: bool
    subject: str
    proof: str
    created: float


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs access tokens.

    Attributes:
        id: the `kid` of its tokens.
        private_pem: the private key in PEM.
        created: when it was made.
        ended: when the next key took its place, 0 for the current key.
    """

    id: str
    private_pem: str
    created: float
    ended: float


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token, of which only the hash is stored.

    Attributes:
        digest: SHA-256 of the token, in hexadecimal digits.
        family: id of the login that all rotated tokens stem from.
        account: id of the account.
        begun: when the family began.
        expires: when the token expires.
    """

    digest: str
    family: str
    account: str
    begun: float
    expires: float


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failed logins that count for one name at one address.

    Attributes:
        pair: failures of this name at this address since the last success.
        last: when the last one was.
        succeeded: whether this name has logged in from this address before.
        name: failures of the name in the last `WINDOW_S`, at all addresses.
        address: failures at the address in the last `WINDOW_S`, with all names.
    """

    pair: int
    last: float
    succeeded: bool
    name: int
    address: int


WINDOW_S = 3600.0


class Accounts(Protocol):
    """The store of accounts."""

    def add(self, account: Account) -> None:
        """Store a new account. Raises `AccountExists`."""
        ...

    def find(self, name: str) -> Account | None:
        """Return the account with the login name `name`, None if there is none."""
        ...

    def get(self, identity: str) -> Account | None:
        """Return the account with the id `identity`, None if there is none."""
        ...

    def find_subject(self, subject: str) -> Account | None:
        """Return the account for a `subject` of the external issuer, None if there is none."""
        ...

    def list_all(self) -> tuple[Account, ...]:
        """Return all accounts, by name."""
        ...

    def change(
        self, name: str, *, role: Role | None = None, disabled: bool | None = None, proof: str | None = None
    ) -> bool:
        """Change what is given; return False if there is no such account.

        Deletes the account's refresh tokens if it is disabled or its proof changes.
        """
        ...


class SigningKeys(Protocol):
    """The store of signing keys."""

    def list_all(self) -> tuple[SigningKey, ...]:
        """Return all keys, the current one first."""
        ...

    def add(self, key: SigningKey, *, replaces: str, now: float) -> bool:
        """Store a new current key in place of the current key `replaces` ("" if there is none), which ends at `now`.

        Returns False, and stores nothing, if another key is the current one.
        """
        ...

    def remove_ended(self, before: float) -> None:
        """Delete the keys that ended before that time."""
        ...


class RefreshTokens(Protocol):
    """The store of refresh tokens."""

    def add(self, token: RefreshToken) -> None:
        """Store a token; delete expired ones, and the account's oldest beyond a bound."""
        ...

    def use(self, digest: str, now: float) -> RefreshToken | None:
        """Mark the token with the hash `digest` as used, and return it; None if it cannot be used.

        A token that was used before ends its whole family, because one of two users has stolen it.
        """
        ...

    def end_family(self, digest: str) -> None:
        """Delete all tokens of the family that the token with the hash `digest` belongs to."""
        ...


class LoginAttempts(Protocol):
    """The store of failed logins."""

    def reserve(self, name: str, address: str, now: float, judge: Callable[[Attempts], float]) -> float:
        """Count a failure in advance and return 0, if `judge` returns 0; else return its seconds and count nothing."""
        ...

    def confirm(self, name: str, address: str, now: float) -> None:
        """Record that a counted login succeeded: forget the failures of the name at the address."""
        ...
