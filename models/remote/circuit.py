"""Sparing an endpoint: a circuit breaker that leaves a failing one alone for a while, and a limit of requests an hour.

Knows nothing of HTTP; time comes from a clock that is handed in. Start at `Circuit` and `HourlyLimit`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES = 3  # in a row before it is left alone
REST_S = 15.0  # the first rest; each further one takes twice as long
LONGEST_REST_S = 300.0
HOUR_S = 3600.0


class Circuit:
    """Open after some failures in a row; after a rest one call is let through, and its result decides. Thread-safe."""

    def __init__(
        self, *, failures: int = FAILURES, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._first_rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._rest_s = rest_s
        self._closed_at = 0.0  # when it may be tried again, while open
        self._trying = False

    def admit(self) -> float:
        """Seconds until a call is let through; 0 lets this one through, and `succeeded` or `failed` has to follow."""
        with self._lock:
            if self._failures < self._most:
                return 0.0
            left = self._closed_at - self._clock()
            if left > 0:
                return left
            if self._trying:  # one is out already
                return self._rest_s
            self._trying = True
            return 0.0

    def succeeded(self) -> None:
        """The endpoint answered, if only to refuse."""
        with self._lock:
            self._failures, self._rest_s, self._trying = 0, self._first_rest_s, False

    def failed(self) -> None:
        """The endpoint did not answer, or with an error of its own."""
        with self._lock:
            self._failures += 1
            if self._trying:
                self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s)
            self._trying = False
            if self._failures >= self._most:
                self._closed_at = self._clock() + self._rest_s

    def dropped(self) -> None:
        """The caller gave up: nothing was learnt."""
        with self._lock:
            self._trying = False


class HourlyLimit:
    """At most so many requests in any hour; 0 for no limit. Thread-safe."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()

    def take(self) -> float:
        """Count one request; returns 0, or, when it is one too many, the seconds until there is room."""
        if not self.most:
            return 0.0
        with self._lock:
            now = self._clock()
            while self._taken and self._taken[0] <= now - HOUR_S:
                self._taken.popleft()
            if len(self._taken) >= self.most:
                return self._taken[0] + HOUR_S - now
            self._taken.append(now)
            return 0.0
