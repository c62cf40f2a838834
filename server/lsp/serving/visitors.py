"""Connections of accounts: their access tokens are verified, and connections end when an account is disabled.

Start at `Visitors.identify` and `Visitors.watch`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.access.attempts import group_address
from server.access.rate_limits import RateLimit
from server.access.records import TokenUncheckedError
from server.lsp.session.visits import Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.access.identities import Identity
    from server.assembly.access.accounts import Access

logger = logging.getLogger(__name__)

CHECK_S = 5.0  # between two looks at the accounts of all connections
PER_MINUTE = 600  # connections of one address
MOST_OF_ACCOUNT = 32  # sessions of one account
DISABLED = "your account on this server was disabled"


class Visitors:
    """The accounts that are connected to one server; used on its event loop."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._limit = RateLimit(PER_MINUTE, PER_MINUTE)
        self._connected: dict[Visit, Callable[[str], None]] = {}

    async def identify(self, token: str, address: str) -> Identity:
        """Return the identity of the sender of an access token at `address`.

        Raises:
            TokenRefused: the token is not accepted.
            TokenUncheckedError: there are too many connections, or the state cannot be read.
        """
        if self._limit.take(group_address(address)):
            raise TokenUncheckedError("there are too many connections from this address; wait a minute")
        try:
            return await asyncio.to_thread(self.access.directory.identify, token, address)
        except StateError as error:
            logger.warning("an access token could not be verified: %s", error)
            raise TokenUncheckedError("the server cannot read its accounts now; try again later") from error

    def is_full(self, identity: Identity) -> bool:
        """Return whether the account has as many sessions as it may have."""
        return sum(one.identity.account == identity.account for one in self._connected) >= MOST_OF_ACCOUNT

    def add(self, identity: Identity, disconnect: Callable[[str], None]) -> Visit:
        """Return a new visit of an account; `disconnect` ends its connection, given the reason."""
        visit = Visit(identity, self.access.workspaces)
        self._connected[visit] = disconnect
        logger.info("an account is connected", extra={"person": identity.name, "address": identity.address})
        return visit

    def remove(self, visit: Visit) -> None:
        """Forget a visit that has ended. Idempotent."""
        self._connected.pop(visit, None)

    async def watch(self) -> None:
        """Look at accounts and at servers that have ended every `CHECK_S`, until this is cancelled.

        Updates the roles of connected accounts, ends the connections of disabled ones, and closes the open requests of
        servers that no longer run.
        """
        while True:
            await asyncio.sleep(CHECK_S)
            await self.check_accounts()
            try:
                await asyncio.to_thread(self.access.recover)
            except StateError as error:
                logger.warning("requests of servers that have ended cannot be closed: %s", error)

    async def check_accounts(self) -> None:
        """Update the roles of connected accounts, and end the connections of disabled ones.

        Accounts that cannot be read stay connected until the next time.
        """
        for visit, disconnect in tuple(self._connected.items()):
            try:
                renewed = await asyncio.to_thread(self.access.directory.renew, visit.identity)
            except StateError as error:
                logger.warning("accounts cannot be checked: %s", error)
                return
            if renewed is not None:
                visit.identity = renewed
            elif visit in self._connected:
                self.remove(visit)
                disconnect(DISABLED)


def read_token(body: bytes) -> str | None:
    """Return the token in the `initializationOptions` of the message `body`, None if it has none. Raises nothing."""
    found: object
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for name in ("params", "initializationOptions", "starling", "token"):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found if isinstance(found, str) else None
