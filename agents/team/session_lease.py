"""The lease of a session, held while a client drives it. Start at `hold_session`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from agents.ports.sessions import LEASE_S, SessionUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agents.ports.sessions import Session, Sessions


@contextlib.asynccontextmanager
async def hold_session(sessions: Sessions, session: str, owner: str) -> AsyncIterator[Session]:
    """Take the lease of a session for `owner`, renew it during the block, and release it at the end; yield the session.

    Raises:
        SessionUnavailable: the session does not exist, or another client drives it.
        StateError: the session cannot be read or written.
    """
    held = await asyncio.to_thread(sessions.acquire, session, owner)
    renewing = asyncio.create_task(_renew_lease(sessions, session, owner))
    try:
        yield held
    finally:
        renewing.cancel()
        with contextlib.suppress(StateError):
            await asyncio.shield(asyncio.to_thread(sessions.release, session, owner))


async def _renew_lease(sessions: Sessions, session: str, owner: str) -> None:
    """Renew the lease until cancelled; ignores failures, because a lost lease shows at the next record."""
    while True:
        await asyncio.sleep(LEASE_S / 3)
        with contextlib.suppress(StateError, SessionUnavailable):
            await asyncio.to_thread(sessions.acquire, session, owner)
