"""The time in which a person can answer a question. Start at `AnswerClock`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class AnswerClock:
    """Seconds in which a question could be answered: none pass while it waits behind another one. Starts stopped.

    Args:
        now: returns a time in seconds that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counted = 0.0
        self._since: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether the clock runs."""
        return self._since is not None

    @property
    def elapsed_s(self) -> float:
        """The seconds for which the clock has run."""
        return self._counted + (self._now() - self._since if self._since is not None else 0.0)

    def start(self) -> None:
        """Start the clock, unless it runs."""
        if self._since is None:
            self._since = self._now()

    def stop(self) -> None:
        """Stop the clock until `start`."""
        self._counted, self._since = self.elapsed_s, None
