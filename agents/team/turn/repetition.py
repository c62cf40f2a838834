"""Detection of an agent that repeats itself: by calls *and* their results, in cycles of up to three steps.

A call that is repeated with another result (waiting for a process, reading a file that changes) is no repetition.
Start at `RepetitionDetector`.
"""

from __future__ import annotations

import hashlib
from collections import deque

LONGEST_PERIOD = 3
"""Steps of the longest cycle that is found."""

REPEATS = 3
"""Times that a cycle has to occur to count."""


class RepetitionDetector:
    """Remembers the last steps of an agent, as hashes of their calls and results."""

    def __init__(self) -> None:
        self._steps: deque[bytes] = deque(maxlen=LONGEST_PERIOD * REPEATS)

    def add(self, calls: str, results: str) -> bool:
        """Record one step; return whether the last steps are one cycle, repeated `REPEATS` times."""
        self._steps.append(hashlib.sha256(f"{calls}\0{results}".encode("utf-8", "surrogatepass")).digest())
        steps = list(self._steps)
        return any(_is_repeated(steps, period) for period in range(1, LONGEST_PERIOD + 1))

    def clear(self) -> None:
        """Forget all steps, after the agent was told that it repeats itself."""
        self._steps.clear()


def _is_repeated(steps: list[bytes], period: int) -> bool:
    """Return whether the last steps are a cycle of `period` steps, `REPEATS` times."""
    last = steps[-period * REPEATS :]
    return len(last) == period * REPEATS and all(last[at] == last[at % period] for at in range(len(last)))
