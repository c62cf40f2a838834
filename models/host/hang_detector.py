"""Detection of a host that hangs: if an answer is overdue, the host is asked for a sign of life.

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

SILENT_S = 1.0  # without an answer, until the host is asked for a sign of life
SILENT = (
    "The model host does not answer. If its process was stopped, let it go on (kill -CONT), else end it; the next "
    "request starts another."
)


class HangDetector:
    """Detects whether one host hangs. Thread-safe."""

    def __init__(
        self,
        lives: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        begin: Callable[[Callable[[], None]], object] = lambda work: threading.Thread(target=work, daemon=True).start(),
    ) -> None:
        """Watch a host.

        Args:
            lives: asks the host for a sign of life; may take a few seconds.
            clock: returns seconds.
            begin: runs a function in the background.
        """
        self._lives = lives
        self._clock = clock
        self._begin = begin
        self._lock = threading.Lock()
        self._silent_since: float | None = None
        self._looking = False
        self._hangs = False

    def note_request(self) -> None:
        """Note that a request is sent."""
        with self._lock:
            now = self._clock()
            if self._silent_since is None:
                self._silent_since = now
            elif self._hangs and now - self._silent_since > SILENT_S:
                self._hangs = False  # that was a while ago: this request waits for another check

    def note_answer(self) -> None:
        """Note a sign of life."""
        with self._lock:
            self._silent_since, self._hangs = None, False

    def check(self) -> None:
        """Ask the host for a sign of life, in the background, if it has been silent for `SILENT_S`.

        Called many times a second while an answer is due.

        Raises:
            SilentHostError: the host hangs.
        """
        with self._lock:
            since, due = self._silent_since, False
            if since is not None and not self._looking and self._clock() - since > SILENT_S:
                self._looking = due = True
            hangs = self._hangs
        if due:
            self._begin(self._look)
        if hangs:
            raise SilentHostError(SILENT)

    def _look(self) -> None:
        """Ask for a sign of life and note the result."""
        lives = False
        try:
            lives = self._lives()
        finally:
            with self._lock:
                self._looking = False
                if self._silent_since is not None:  # else it has answered meanwhile
                    self._silent_since, self._hangs = self._clock(), not lives
