"""The output of a command while it runs: its start and its end are kept, however much it writes."""

from __future__ import annotations


class BoundedOutput:
    """The first and the last bytes of an output. One thread adds, and others may read.

    Attributes:
        left_out: number of bytes between the two that were dropped.
    """

    def __init__(self, first: int, last: int) -> None:
        """Keep the `first` bytes from the start and the `last` bytes from the end of the output."""
        self._first = first
        self._last = last
        self._head = bytearray()
        self._tail = bytearray()
        self.left_out = 0

    def add(self, piece: bytes) -> None:
        """Append `piece`; beyond the bounds, drop the oldest bytes after the first ones, and count them."""
        room = self._first - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        excess = len(self._tail) - self._last
        if excess > 0:
            del self._tail[:excess]
            self.left_out += excess

    def format(self) -> str:
        """Return the output as text; after the first bytes, if any are kept, a line says how many were dropped."""
        if not self.left_out:
            return (self._head + self._tail).decode(errors="replace")
        gap = f"\n[... {self.left_out:,} bytes left out ...]\n" if self._first else ""
        return f"{self._head.decode(errors='replace')}{gap}{self._tail.decode(errors='replace')}"
