"""Protection against guessed passwords: a name at an address waits longer after each failure.

A pair of name and address has `FREE` failures, then waits seconds that double up to an hour. Beyond bounds of failures
in an hour of a name at all addresses, or of an address with all names, only pairs that have logged in before may try:
so nobody can lock the rightful person out of a place where they work. Unknown names are treated the same way, and names
are stored as hashes, because people type passwords in their place. Start at `LoginGuard`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.access.records import Attempts, LoginAttempts

FREE = 5  # failures without a wait
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 3600.0
MOST_OF_NAME = 100  # failures of one name in an hour, at all addresses
MOST_OF_ADDRESS = 50  # failures at one address in an hour, with all names
CLOSED_WAIT_S = 900.0  # that a client is told to wait beyond these bounds


class LoginGuard:
    """Decides whether a login may be tried; for any thread. Blocking."""

    def __init__(self, store: LoginAttempts, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def reserve(self, name: str, address: str) -> float:
        """Return 0 if a password of `name` may be tried at `address`, which counts as failed until `confirm`.

        Otherwise return the seconds to wait; then the password must not be looked at.

        Raises:
            StateError: the failures cannot be read or written.
        """
        now = self._clock()
        return self._store.reserve(_hash(name), group_address(address), now, lambda found: compute_wait_s(found, now))

    def confirm(self, name: str, address: str) -> None:
        """Record that the reserved login succeeded. Raises StateError."""
        self._store.confirm(_hash(name), group_address(address), self._clock())


def compute_wait_s(found: Attempts, now: float) -> float:
    """Return the seconds until the next try after the failures `found`, 0 if it may be now."""
    if found.pair >= FREE:
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(found.pair - FREE, 30))
        if (left := found.last + wait_s - now) > 0:
            return left
    if not found.succeeded and (found.name >= MOST_OF_NAME or found.address >= MOST_OF_ADDRESS):
        return CLOSED_WAIT_S
    return 0.0


def group_address(address: str) -> str:
    """Return the address that failures count for: an IPv4 address, or the /64 network of an IPv6 address.

    Text that is no address is returned unchanged, cut to 64 characters.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _hash(name: str) -> str:
    """Return the hash under which failures of the login name `name` are stored."""
    return hashlib.sha256(name.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
