"""Turns for work in the background, which the indexes of all sessions of this process take one after the other.

So the open documents of many sessions together take a small share of the time, however many there are. Start at
`Turns.take`.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_S = 0.2


class Turns:
    """Turns with a rest after each, `rest` times as long as the turn was. Thread-safe."""

    def __init__(self, rest: float) -> None:
        """Store how long to rest. The first turn is free."""
        self._rest = rest
        self._lock = threading.Lock()
        self._free_at = 0.0  # in monotonic seconds; infinite during a turn

    @contextmanager
    def take(self, ended: threading.Event) -> Iterator[bool]:
        """Wait for a turn, which lasts for the block; yields False, without a turn, once `ended` is set."""
        while not self._begin():
            if ended.wait(min(_POLL_S, max(0.001, self._free_at - time.monotonic()))):
                yield False
                return
        began = time.monotonic()
        try:
            yield True
        finally:
            now = time.monotonic()
            with self._lock:
                self._free_at = now + self._rest * (now - began)

    def _begin(self) -> bool:
        """Return whether a turn is free, and take it."""
        with self._lock:
            if time.monotonic() < self._free_at:
                return False
            self._free_at = float("inf")
            return True
