"""How long a request waits before the model is started, learnt from how fast requests come.

Nobody waits as long as the server keeps up. When a request overtakes an unanswered one, typing is faster than the
model, and starting it for each key would only burn the processor: then a request waits for about one and a half
usual gaps between keys, and whoever is overtaken meanwhile never reaches the model. A request that a run under way
may still answer need not wait, for it starts no other, unless keys come faster than anybody reads. Start at
`Pace.delay_s`.
"""

from __future__ import annotations

WEIGHT = 0.3  # of the newest gap in the moving average: three or four keys until a new speed is learnt
GAPS = 1.5  # a pause of that many usual gaps is taken for a stop
LEAST_S = 0.02
MOST_S = 0.15  # beyond that a wait is felt more than a wasted run of the model
BURST_S = 0.06  # faster than a person types: a key held down, a macro
PAUSE_S = 1.0  # a longer gap is a pause for thought and says nothing about the speed of typing


class Pace:
    """The moving average of gaps between requests; times are `time.monotonic()` seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap_s = 0.1

    def delay_s(self, now: float, *, overtook: bool, expected: bool = False) -> float:
        """How long the request that comes now should wait.

        Args:
            now: when it came.
            overtook: whether it took the place of an unanswered one.
            expected: whether a run under way may still answer it.
        """
        if self._last is not None and (gap := now - self._last) < PAUSE_S:
            self._gap_s += WEIGHT * (gap - self._gap_s)
        self._last = now
        if not overtook or (expected and self._gap_s > BURST_S):
            return 0.0
        return min(max(GAPS * self._gap_s, LEAST_S), MOST_S)
