"""Adaptive debounce: the delay before a request starts the model, from the average gap between requests.

There is no delay as long as the model keeps up with typing. A request that supersedes an unanswered one shows that it
does not, and starting the model for each key would waste processor time: such a request waits for about one and a half
usual gaps between keys, so that one that is superseded meanwhile never starts the model. A request that a running
computation may still answer does not wait, unless keys come faster than a person types. Start at
`Pace.compute_delay_s`.
"""

from __future__ import annotations

WEIGHT = 0.3  # of the newest gap in the moving average, which follows a new speed within three or four keys
GAPS = 1.5  # typing has paused after so many usual gaps
LEAST_S = 0.02
MOST_S = 0.15  # a longer delay costs more than a wasted run of the model
BURST_S = 0.06  # faster than a person types: a key held down, a macro
PAUSE_S = 1.0  # longer gaps are pauses for thought and do not count for the speed of typing


class Pace:
    """A moving average of the gaps between requests; times are `time.monotonic()` seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap_s = 0.1

    def compute_delay_s(self, now: float, *, superseded: bool, expected: bool = False) -> float:
        """Return the seconds that a new request should wait, and add its arrival to the moving average.

        0 unless the request `superseded` another, and also if it is `expected` and the person types at a usual speed.

        Args:
            now: when the request came.
            superseded: whether the request superseded an unanswered one.
            expected: whether a running computation may still answer the request.
        """
        if self._last is not None and (gap := now - self._last) < PAUSE_S:
            self._gap_s += WEIGHT * (gap - self._gap_s)
        self._last = now
        if not superseded or (expected and self._gap_s > BURST_S):
            return 0.0
        return min(max(GAPS * self._gap_s, LEAST_S), MOST_S)
