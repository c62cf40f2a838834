"""Detection of a host that hangs: if an answer is overdue, the host gets a health check.

A model may take minutes to load or to read; the host's event loop answers `/health` meanwhile. A stopped process still
accepts connections, since the system does that, but answers nothing. Cancelled requests count too: while a person
types, each request is cancelled after a moment. Start at `HangDetector`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from models.errors import SilentHostError

if TYPE_CHECKING:
    from collections.abc import Callable

SILENT_S = 1.0  # time without an answer, after which the host gets a health check
# Message about a host that hangs.
SILENT = (
    "The model host does not answer. If its process was stopped, let it go on (kill -CONT), else end it; the next "
    "request starts another."
)


def start_thread(work: Callable[[], None]) -> None:
    """Run `work` on a thread that does not keep the process alive."""
    threading.Thread(target=work, daemon=True).start()


class HangDetector:
    """Detects whether one host hangs. Thread-safe."""

    def __init__(
        self,
        is_alive: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        run_in_background: Callable[[Callable[[], None]], object] = start_thread,
    ) -> None:
        """Prepare to watch a host.

        Args:
            is_alive: checks the host's health and returns whether the host answered; may take a few seconds.
            clock: returns the time in seconds.
            run_in_background: starts a function and returns at once.
        """
        self._is_alive = is_alive
        self._clock = clock
        self._run_in_background = run_in_background
        self._lock = threading.Lock()
        self._silent_since: float | None = None
        self._probing = False
        self._hangs = False

    def note_request(self) -> None:
        """Record that a request is being sent: the host counts as silent from the first unanswered request on.

        A hang that was found more than `SILENT_S` ago is forgotten, so that the host is asked once more.
        """
        with self._lock:
            now = self._clock()
            if self._silent_since is None:
                self._silent_since = now
            elif self._hangs and now - self._silent_since > SILENT_S:
                self._hangs = False  # the last check was a while ago: this request waits for another

    def note_answer(self) -> None:
        """Record that the host answered: it is not silent and does not hang."""
        with self._lock:
            self._silent_since, self._hangs = None, False

    def check(self) -> None:
        """Start a health check of the host in the background, if it has been silent for `SILENT_S`.

        Called many times a second while an answer is due.

        Raises:
            SilentHostError: the host did not answer the last health check.
        """
        with self._lock:
            since, due = self._silent_since, False
            if since is not None and not self._probing and self._clock() - since > SILENT_S:
                self._probing = due = True
            hangs = self._hangs
        if due:
            self._run_in_background(self._probe)
        if hangs:
            raise SilentHostError(SILENT)

    def _probe(self) -> None:
        """Check the host's health and record whether the host hangs."""
        is_alive = False
        try:
            is_alive = self._is_alive()
        finally:
            with self._lock:
                self._probing = False
                if self._silent_since is not None:  # else it has answered meanwhile
                    self._silent_since, self._hangs = self._clock(), not is_alive
