"""Rate limits in memory: so many requests a minute for each key, such as an address or an account.

Bounded: beyond `MOST_KEYS` the key that was used least recently is forgotten. Used on one thread. Start at
`RateLimit.take`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEYS = 10_000


class RateLimit:
    """A limit of requests for each key: `burst` at once, and `per_minute` in the long run."""

    def __init__(self, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # requests left and the time of that, least recent first

    def take(self, key: str) -> float:
        """Count a request of `key` and return 0; if there are too many, return the seconds to wait instead."""
        now = self._clock()
        left, at = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > MOST_KEYS:
            del self._left[next(iter(self._left))]
        return 0.0 if allowed else (1 - left) / self._per_s
