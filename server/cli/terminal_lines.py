"""The lines that a person enters at the terminal, for everything that asks there. Start at `Lines`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from dataclasses import dataclass, field
from typing import TextIO

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]


@dataclass
class Lines:
    """The lines that a person enters, read in a thread, so that the program can end while a question is open.

    A line entered before a question, or after its end, does not answer it.

    Attributes:
        source: the stream of answers.
        turn: held while a question is open, so that there is one at a time.
    """

    source: TextIO
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: asyncio.Future[str] | None = None
    _reading: bool = field(default=False)

    @property
    def has_person(self) -> bool:
        """Whether a person can be asked: both the answers and the questions are at a terminal."""
        return self.source.isatty() and sys.stderr.isatty()

    def discard(self) -> None:
        """Discard all input so far, so that it does not answer the next question."""
        self._waiting = None
        if termios is not None and self.source.isatty():
            termios.tcflush(self.source.fileno(), termios.TCIFLUSH)

    async def read_next(self) -> str:
        """Wait for the next line and return it with its line end; "" at the end of the input."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()

        def read_line() -> None:
            line = self.source.readline()
            with contextlib.suppress(RuntimeError):  # the event loop was closed meanwhile
                loop.call_soon_threadsafe(self._receive, line)

        if not self._reading:
            self._reading = True
            threading.Thread(target=read_line, name="terminal", daemon=True).start()
        line: str = await waiting
        return line

    def _receive(self, line: str) -> None:
        """Hand `line` to the question that waits for a line; drop it if none does."""
        self._reading = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(line)
