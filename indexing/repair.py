"""The decision when a deleted or damaged index is rebuilt, and a report of that. Start at `Repair.choose_job`."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_REPAIR_AGAIN_S = 10.0  # between two repairs; doubled each time that a repair fails
_REPAIR_LATEST_S = 600.0


class Repair:
    """The repairs of one index.

    Attributes:
        pause_s: seconds between the next repair and the one after.
        notify: is called with a sentence for a person when the index has to be rebuilt.
    """

    def __init__(self) -> None:
        self.pause_s = _REPAIR_AGAIN_S
        self.notify: Callable[[str], None] = lambda _: None
        self._next_at = 0.0
        self._is_reported = False
        self._finished_passes = 0

    def choose_job(self, find_damage: Callable[[], str], is_idle: Callable[[], bool]) -> str:
        """Return the indexing job that repairs the damage found: "check", "pass", or "" for no repair now.

        Reports that a missing index is rebuilt. The pauses between repairs grow as long as damage is found.

        Args:
            find_damage: returns "missing", "damaged" or "".
            is_idle: returns whether indexing has started and has nothing to do.
        """
        now, passes = time.monotonic(), self._finished_passes
        damage = find_damage()
        if not damage:
            self._next_at, self.pause_s = 0.0, _REPAIR_AGAIN_S
        elif passes != self._finished_passes:
            pass  # a pass has ended since and may have repaired it
        elif is_idle() and now >= self._next_at:
            self._next_at = now + self.pause_s
            self.pause_s = min(2 * self.pause_s, _REPAIR_LATEST_S)
            if damage == "missing":
                self.report_rebuild("was deleted")
            return "check" if damage == "damaged" else "pass"
        return ""

    def report_rebuild(self, why: str) -> None:
        """Log and report that the index is being rebuilt, once until a pass succeeds.

        `why` completes "The index of this workspace ...", such as "was deleted".
        """
        if self._is_reported:
            return
        self._is_reported = True
        sentence = f"The index of this workspace {why}; it is being rebuilt."
        logger.warning("%s", sentence)
        self.notify(sentence)

    def note_finished_pass(self, *, has_failed: bool) -> None:
        """Record that an indexing pass has ended; the next rebuild is reported again unless the pass has failed."""
        self._is_reported = self._is_reported and has_failed
        self._finished_passes += 1
