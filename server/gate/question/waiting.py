"""Waiting with a time limit and a cancellation that has to be polled. Start at `wait_unless_cancelled`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.ports.permissions import Cancelled

POLL_S = 0.1  # between two calls of a `Cancelled`


async def wait_unless_cancelled(work: asyncio.Future[Any], limit_s: float, cancelled: Cancelled | None) -> bool:
    """Wait for `work` until `limit_s` seconds have passed or `cancelled` returns true; return whether `work` is done.

    Does not cancel `work`, which gets at least one turn of the event loop, however short the limit is.
    """
    end = time.monotonic() + limit_s
    while not work.done():
        if cancelled is not None and cancelled():
            return False
        rest = max(0.0, end - time.monotonic())
        await asyncio.wait((work,), timeout=rest if cancelled is None else min(rest, POLL_S))
        if time.monotonic() >= end:
            return work.done()
    return True
