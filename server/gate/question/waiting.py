"""Waiting with a time limit and a cancellation that has to be polled. Start at `wait_unless_cancelled`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from server.gate.question.answer_clock import AnswerClock

if TYPE_CHECKING:
    from agents.ports.permissions import Cancelled

POLL_S = 0.1  # between two calls of a `Cancelled`, and two looks at a clock that is stopped


async def wait_unless_cancelled(
    work: asyncio.Future[Any], limit_s: float, cancelled: Cancelled | None, clock: AnswerClock | None = None
) -> bool:
    """Wait for `work` until `limit_s` seconds have passed or `cancelled` returns true; return whether `work` is done.

    Does not cancel `work`, which gets at least one turn of the event loop, however short the limit is. The seconds are
    those of `clock`, which may stop meanwhile; None for all seconds.
    """
    if clock is None:
        clock = AnswerClock()
        clock.start()
    while not work.done():
        if cancelled is not None and cancelled():
            return False
        rest = max(0.0, limit_s - clock.elapsed_s)
        polls = cancelled is not None or not clock.is_running
        await asyncio.wait((work,), timeout=min(rest, POLL_S) if polls else rest)
        if clock.is_running and clock.elapsed_s >= limit_s:
            return work.done()
    return True
