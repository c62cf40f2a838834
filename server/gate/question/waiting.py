"""Waiting for a person: until the answer, the time limit, or the moment when nobody wants it. Start at `waited`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.ports.permissions import Cancelled

LOOK_S = 0.1  # how often that is asked


async def waited(work: asyncio.Future[Any], limit_s: float, cancelled: Cancelled | None) -> bool:
    """Wait for `work`; return whether it ended within the limit and while somebody wanted it. Does not stop it.

    However short the limit, `work` has begun: a question was put before it is taken down.
    """
    end = time.monotonic() + limit_s
    while not work.done():
        if cancelled is not None and cancelled():
            return False
        rest = max(0.0, end - time.monotonic())
        await asyncio.wait((work,), timeout=rest if cancelled is None else min(rest, LOOK_S))
        if time.monotonic() >= end:
            return work.done()
    return True
