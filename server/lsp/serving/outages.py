"""The time that a bridge is without a connection: when a person is told, and when requests are given up.

Start at `Outage.begin`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SILENT_S = 3.0  # before the person is told
PATIENCE_S = 20.0  # before requests get an error at once


class Outage:
    """The time without a connection.

    Attributes:
        reason: why there is none, as a clause.
        is_long: whether it lasts for `PATIENCE_S` already.
    """

    def __init__(self, tell: Callable[[], None], give_up: Callable[[], None]) -> None:
        """Have `tell` called after `SILENT_S`, and `give_up` after `PATIENCE_S`."""
        self.reason = ""
        self.is_long = False
        self._tell, self._give_up = tell, give_up
        self._told = False
        self._timers: list[asyncio.TimerHandle] = []

    def begin(self, reason: str) -> None:
        """Note that there is no connection, or still none."""
        self.reason = reason
        if not self._timers:
            loop = asyncio.get_running_loop()
            self._timers = [loop.call_later(SILENT_S, self._mark_told), loop.call_later(PATIENCE_S, self._mark_long)]

    def end(self) -> bool:
        """Note that there is a connection; return whether the person was told that there was none."""
        told, self._told, self.is_long = self._told, False, False
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        return told

    def _mark_told(self) -> None:
        """Tell the person."""
        self._told = True
        self._tell()

    def _mark_long(self) -> None:
        """Give up what waits."""
        self.is_long = True
        self._give_up()
