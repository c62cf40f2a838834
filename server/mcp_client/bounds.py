"""Bounds of what one server may send, and why it was given up, a clause for messages. Start at `ReceiveLimits`."""

from __future__ import annotations

MESSAGE_BYTES = 8_000_000
"""Most bytes of one message."""

MOST_BYTES = 64_000_000
"""Most bytes between two requests of ours, and with the answer to one."""

MOST_MESSAGES = 20_000
MOST_INVALID_LINES = 100
"""Lines that are no message, before the server is given up: some print a greeting."""


class ReceiveLimits:
    """Counts what a server sends after each request, and stores why it was given up.

    Attributes:
        failure: why the server cannot be used any more, a clause; "" if it can.
        status: HTTP status of the last request that the server refused; 0 for none.
    """

    def __init__(self) -> None:
        self.failure = ""
        self.status = 0
        self._bytes = 0
        self._messages = 0
        self._invalid_lines = 0

    def begin_request(self) -> None:
        """Reset the counts of bytes and messages, and the status, before a request; keep the count of invalid lines."""
        self._bytes = self._messages = self.status = 0

    def add(self, size: int) -> bool:
        """Count a message of `size` bytes; return False if a bound is exceeded or the server was given up."""
        self._bytes += size
        self._messages += 1
        if self._bytes > MOST_BYTES or self._messages > MOST_MESSAGES:
            self.record_failure("it sends without end")
        return not self.failure

    def add_invalid_line(self) -> bool:
        """Count a line that is not a message; return False if there were too many or the server was given up."""
        self._invalid_lines += 1
        if self._invalid_lines > MOST_INVALID_LINES:
            self.record_failure("it prints text that is no message of the protocol")
        return not self.failure

    def record_failure(self, failure: str) -> None:
        """Store the clause `failure`, which says why the server cannot be used; keep an earlier reason."""
        self.failure = self.failure or failure
