"""Accounts of a server on the network, put together: who may connect, and the endpoints for logins.

Needs the extra `accounts`; `explain_missing_extra` says so. Start at `build_access`.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from server.assembly.gates import open_state
from server.gate.recovery import recover_requests
from server.state import paths
from server.state.access.account_store import AccountStore
from server.state.access.attempt_store import AttemptStore
from server.state.access.key_store import KeyStore
from server.state.access.refresh_store import RefreshStore
from server.state.gate_records import GateRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.access.endpoints import Endpoints
    from server.access.identities import Directory
    from server.assembly.access.access_settings import AccessSettings

ISSUER = "starling"  # the `iss` of our own tokens


@dataclass(frozen=True, slots=True)
class Access:
    """The accounts of a server.

    Attributes:
        directory: finds the accounts of access tokens.
        endpoints: the HTTP endpoints for logins; None with an external issuer.
        workspaces: the folders in which accounts may open workspaces.
        recover: closes the open requests of servers that no longer run, of all accounts; blocking, raises StateError.
    """

    directory: Directory
    endpoints: Endpoints | None
    workspaces: tuple[Path, ...]
    recover: Callable[[], None]


def explain_missing_extra() -> str:
    """Return what to install for accounts, a sentence; "" if all of it is installed."""
    if all(importlib.util.find_spec(name) is not None for name in ("jwt", "cryptography", "argon2")):
        return ""
    return "Accounts need more packages: pip install 'starling-lsp[accounts]'"


def build_access(settings: AccessSettings) -> Access:
    """Return the accounts of a server, with the external issuer of `settings` if they name one.

    Opens the state database at the first use.
    """
    from server.access.external_issuer import ExternalIssuer  # noqa: PLC0415 (an extra, as are all of these)
    from server.access.identities import Directory  # noqa: PLC0415
    from server.access.keys import KeyRing  # noqa: PLC0415
    from server.access.tokens import AUDIENCE, TokenVerifier  # noqa: PLC0415

    state = open_state()
    accounts = AccountStore(state)
    workspaces = tuple(paths.expand_home(one) for one in settings.workspaces)
    records = GateRecords(state)

    def find_name(person: str) -> str:
        """Return the name of an account, its id if it does not exist (any more)."""
        found = accounts.get(person)
        return found.name if found is not None else person

    def recover() -> None:
        """Close the open requests of servers that no longer run."""
        recover_requests(records, find_name)

    if settings.issuer:
        external = ExternalIssuer(settings.issuer)
        verifier = TokenVerifier(settings.issuer, settings.audience, external.find_key, requires_start=False)
        return Access(Directory(accounts, verifier, by_subject=True), None, workspaces, recover)
    from server.access.attempts import LoginGuard  # noqa: PLC0415
    from server.access.endpoints import Endpoints  # noqa: PLC0415
    from server.access.grants import TokenEndpoint  # noqa: PLC0415
    from server.access.passwords import Passwords  # noqa: PLC0415
    from server.access.tokens import TokenIssuer  # noqa: PLC0415

    keys = KeyRing(KeyStore(state))
    verifier = TokenVerifier(ISSUER, AUDIENCE, keys.find_public_key, requires_start=True)
    guard = LoginGuard(AttemptStore(state))
    tokens = TokenEndpoint(accounts, RefreshStore(state), guard, Passwords(), TokenIssuer(ISSUER, keys))
    return Access(Directory(accounts, verifier, by_subject=False), Endpoints(tokens, keys), workspaces, recover)
