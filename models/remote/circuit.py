"""Protection of an endpoint: a circuit breaker, and a limit of requests an hour.

The breaker rejects calls for a while after several failures in a row. Knows nothing of HTTP; takes the time from the
clock it is given. Start at `Circuit` and `HourlyLimit`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FAILURES = 3  # failures in a row that open the breaker
REST_S = 15.0  # first rest; doubled each time the call after a rest fails
LONGEST_REST_S = 300.0
HOUR_S = 3600.0


class Circuit:
    """A circuit breaker. Thread-safe.

    It opens after several failures in a row and then rejects calls. After a rest it admits one call, whose result
    closes the breaker or begins a longer rest.
    """

    def __init__(
        self, *, failures: int = FAILURES, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._first_rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._rest_s = rest_s
        self._retry_at = 0.0  # end of the rest, by the clock
        self._trying = False

    def admit(self) -> float:
        """Return 0 if a call may be made now; else the seconds until one may.

        After 0 the caller has to report the result: `record_success`, `record_failure` or `record_abandonment`.
        """
        with self._lock:
            if self._failures < self._most:
                return 0.0
            left = self._retry_at - self._clock()
            if left > 0:
                return left
            if self._trying:  # another call is already the trial
                return self._rest_s
            self._trying = True
            return 0.0

    @property
    def rest_s(self) -> float:
        """Seconds until a call may be made, 0 if one may be made now; asking does not count as a call."""
        with self._lock:
            if self._failures < self._most:
                return 0.0
            left = self._retry_at - self._clock()
            return left if left > 0 else self._rest_s if self._trying else 0.0

    def record_success(self) -> None:
        """Close the breaker: the endpoint answered, or refused the request."""
        with self._lock:
            self._failures, self._rest_s, self._trying = 0, self._first_rest_s, False

    def record_failure(self) -> None:
        """Count a call without an answer, or with a server error; open the breaker after several in a row."""
        with self._lock:
            self._failures += 1
            if self._trying:
                self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s)
            self._trying = False
            if self._failures >= self._most:
                self._retry_at = self._clock() + self._rest_s

    def record_abandonment(self) -> None:
        """End a call that says nothing about the endpoint, as when its caller gave up; the breaker stays as it is."""
        with self._lock:
            self._trying = False


class HourlyLimit:
    """A limit of requests in any 3,600 seconds; 0 for no limit. Thread-safe."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()

    def take(self) -> float:
        """Count one request and return 0; at the limit, count nothing and return the seconds until there is room."""
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
