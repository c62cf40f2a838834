"""An issuer of tokens with a state in memory, a clock that tests move, and a hash function that takes no time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from server.access.attempts import LoginGuard
from server.access.grants import GrantAnswer, TokenEndpoint
from server.access.keys import KeyRing
from server.access.passwords import Passwords
from server.access.records import Account, Kind
from server.access.roles import Role
from server.access.tokens import AUDIENCE, TokenIssuer, TokenVerifier
from server.state.access.account_store import AccountStore
from server.state.access.attempt_store import AttemptStore
from server.state.access.key_store import KeyStore
from server.state.access.refresh_store import RefreshStore
from tests.states import make_state

if TYPE_CHECKING:
    from server.state.database import State

ISSUER = "https://starling.test:8443"
PASSWORD = "a garden of nine hedgehogs"


class Clock:
    """A clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


def make_account(name: str, role: Role = Role.DEVELOPER, *, kind: Kind = Kind.PERSON, proof: str = "") -> Account:
    """Return a new account."""
    return Account(uuid.uuid4().hex, name, kind, role, disabled=False, subject="", proof=proof, created=0.0)


@dataclass
class Issuing:
    """All parts of a token endpoint, on one state."""

    clock: Clock = field(default_factory=Clock)
    state: State = field(default_factory=lambda: make_state(None))

    def __post_init__(self) -> None:
        self.accounts = AccountStore(self.state)
        self.keys = KeyRing(KeyStore(self.state), self.clock)
        self.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.guard = LoginGuard(AttemptStore(self.state), self.clock)
        self.refresh_tokens = RefreshStore(self.state)
        self.issuer = TokenIssuer(ISSUER, self.keys, self.clock)
        self.verifier = TokenVerifier(ISSUER, AUDIENCE, self.keys.find_public_key, requires_start=True)
        self.endpoint = self.make_endpoint()

    def make_endpoint(self) -> TokenEndpoint:
        """Return another endpoint on the same state, as another server has it."""
        return TokenEndpoint(self.accounts, self.refresh_tokens, self.guard, self.passwords, self.issuer, self.clock)

    def add(self, name: str, role: Role = Role.DEVELOPER, kind: Kind = Kind.PERSON) -> Account:
        """Add and return an account with the password `PASSWORD`."""
        account = make_account(name, role, kind=kind, proof=self.passwords.hash(PASSWORD))
        self.accounts.add(account)
        return account

    async def log_in(self, name: str, password: str = PASSWORD, address: str = "192.0.2.1") -> GrantAnswer:
        """Return the answer to the password grant."""
        form = {"grant_type": "password", "username": name, "password": password}
        return await self.endpoint.answer(form, address)

    async def refresh(self, token: str, address: str = "192.0.2.1") -> GrantAnswer:
        """Return the answer to the refresh grant."""
        return await self.endpoint.answer({"grant_type": "refresh_token", "refresh_token": token}, address)


@pytest.fixture
def issuing() -> Issuing:
    """Return a token endpoint without accounts."""
    return Issuing()
