"""One at a time, the newest waiting one first: how several threads share a model.

A person who typed on is waiting for the newest request; the older ones have mostly been given up by then. Knows
nothing of models. Start at `NewestFirstLock.take`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How soon a waiting thread notices that it was given up: `is_cancelled` is a function, nothing wakes us for it.
POLL_S = 0.01


class NewestFirstLock:
    """A lock that the newest waiter gets. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[object] = []
        self._taken = False

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._waiting)

    @contextmanager
    def take(self, is_cancelled: Callable[[], bool]) -> Iterator[bool]:
        """Wait for the turn; gives False, without a turn, as soon as `is_cancelled` answers true."""
        if not self._wait(is_cancelled):
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def _wait(self, is_cancelled: Callable[[], bool]) -> bool:
        me = object()
        with self._changed:
            self._waiting.append(me)
        try:
            while not is_cancelled():
                with self._changed:
                    if not self._taken and self._waiting[-1] is me:
                        self._taken = True
                        return True
                    self._changed.wait(POLL_S)
            return False
        finally:
            with self._changed:
                self._waiting.remove(me)
                self._changed.notify_all()
