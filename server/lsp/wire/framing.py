"""Frames of LSP's base protocol: a header with `Content-Length`, an empty line, and that many bytes.

Does no input or output. A header that LSP does not know ends the connection, so that a web page that posts to the port
is not taken for an editor. Start at `Frames.feed`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER_END = b"\r\n\r\n"
CONTENT_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,12})[ \t]*", re.IGNORECASE)
CONTENT_TYPE = re.compile(rb"content-type:[^\r\n]*", re.IGNORECASE)
MAX_HEADER_BYTES = 4096
MAX_BODY_BYTES = 1 << 27  # holds a text of 50 MB as JSON, in which some characters take six bytes
MOST_SKIPPED_BYTES = 1 << 30  # no editor sends a longer message: the stream must be broken


class FramingError(Exception):
    """The bytes are not frames of the base protocol; the connection has to end."""


class Frames:
    """Cuts a byte stream into message bodies.

    Attributes:
        max_body_bytes: longest body in bytes; a longer one is skipped as it comes and never held in memory.
        oversized: called with the length of a body that is skipped.
    """

    def __init__(self, oversized: Callable[[int], None], max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.max_body_bytes = max_body_bytes
        self.oversized = oversized
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that is being received
        self._skipped = 0  # bytes to come of a body that is too long

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes of the stream, and yield the message bodies that are complete.

        A body longer than `max_body_bytes` is reported to `oversized` and skipped.

        Raises:
            FramingError: the bytes are not frames of the base protocol.
        """
        self._buffer += data
        while self._skip() and (self._length is not None or self._take_header()):
            if self._skipped:
                continue
            length = self._length or 0
            if len(self._buffer) < length:
                return
            body = bytes(memoryview(self._buffer)[:length])
            del self._buffer[:length]
            self._length = None
            yield body

    def _skip(self) -> bool:
        """Drop the received bytes of a body that is too long; return False if more bytes of it are still to come."""
        received = min(self._skipped, len(self._buffer))
        del self._buffer[:received]
        self._skipped -= received
        return not self._skipped

    def _take_header(self) -> bool:
        """Take one header from the buffer; return False if it is not complete yet. Raises FramingError.

        If the body is too long, report that to `oversized` and begin to skip it.
        """
        end = self._buffer.find(HEADER_END, 0, MAX_HEADER_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEADER_BYTES:
                raise FramingError(f"no end of a header within {MAX_HEADER_BYTES} bytes")
            return False
        length = None
        for line in bytes(self._buffer[:end]).split(b"\r\n"):
            if match := CONTENT_LENGTH.fullmatch(line):
                length = int(match[1])
            elif not CONTENT_TYPE.fullmatch(line):
                raise FramingError(f"unknown header {line[:80]!r}")
        if length is None or length > MOST_SKIPPED_BYTES:
            raise FramingError(f"a body of {length} bytes" if length else "a header without Content-Length")
        del self._buffer[: end + len(HEADER_END)]
        if length > self.max_body_bytes:
            self._skipped = length
            self.oversized(length)
        else:
            self._length = length
        return True
