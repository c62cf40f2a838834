"""A clock that tests move."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

START = 1_800_000_000.0


@dataclass
class FastClock:
    """A clock that goes on only while somebody waits, at once; it sets `stop` when it has reached `end`.

    Attributes:
        time: seconds since the epoch.
        end: when to stop.
        meanwhile: what happens during each wait, None for nothing.
        steps: seconds by which the clock jumps at some of the waits, by their number.
    """

    time: float = START
    end: float = START + 24 * 3600
    meanwhile: Callable[[], Awaitable[object]] | None = None
    steps: dict[int, float] | None = None
    waits: int = 0

    def now(self) -> float:
        """Return the time."""
        return self.time

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Move the time on by `seconds`; set `stop` at the end."""
        await (self.meanwhile() if self.meanwhile is not None else asyncio.sleep(0))
        self.waits += 1
        self.time += seconds + (self.steps or {}).get(self.waits, 0.0)
        if self.time >= self.end:
            stop.set()
