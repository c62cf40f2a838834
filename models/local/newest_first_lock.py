"""A lock that goes to the newest waiting thread first, so that several threads can share a model.

A person who types waits for the newest request; most older requests have been cancelled by then. Knows nothing of
models. Start at `NewestFirstLock.take`.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Interval at which a waiting thread asks `is_cancelled`, in seconds: no event signals a cancellation.
POLL_S = 0.01


class NewestFirstLock:
    """A lock that goes to the thread that began to wait last. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[object] = []
        self._taken = False

    @property
    def waiting(self) -> int:
        """Number of waiting threads."""
        return len(self._waiting)

    @contextmanager
    def take(self, is_cancelled: Callable[[], bool]) -> Iterator[bool]:
        """Wait for the lock and yield True holding it; yield False without it once `is_cancelled` returns true."""
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
        """Wait for the lock; return whether it was acquired before `is_cancelled` returned true."""
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
