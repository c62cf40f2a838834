"""Bounds for the work of all sessions of this process together: turns in the background, and slots for searches.

So a key is answered soon however many sessions there are: more threads at a time would only take Python's global lock
from the event loop, which reads the keys. Start at `Turns.take` and `take_slot`.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLL_S = 0.2
_slots = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
_slot_ahead = threading.BoundedSemaphore(1)


@contextmanager
def take_slot(deadline: float | None, *, ahead: bool = False) -> Iterator[bool]:
    """Wait for one of as many slots as there are cores, two at least; it is held in the block.

    Yields False, without a slot, if none is free by `deadline`, a moment of `time.monotonic` (None: no limit). Work
    that reads `ahead` for later keys has one slot of its own, so that no key waits for it.
    """
    slots = _slot_ahead if ahead else _slots
    has_slot = slots.acquire(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
    try:
        yield has_slot
    finally:
        if has_slot:
            slots.release()


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
