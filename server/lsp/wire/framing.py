"""The frames of the base protocol: a header with `Content-Length`, an empty line, and that many bytes.

Pure: bytes in, bodies out. Strict where leniency would be dangerous: a header that LSP does not know ends the
connection, so that a web page that posts to our port is not taken for an editor. Start at `Frames.feed`.
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
MAX_BODY_BYTES = 1 << 27  # a text of 50 MB as JSON, which writes characters as up to six bytes, but seldom many
MOST_SKIPPED_BYTES = 1 << 30  # no message of an editor, so the connection makes no sense


class FramingError(Exception):
    """What came is no frame of the base protocol; the connection cannot go on."""


class Frames:
    """Cuts a byte stream into message bodies.

    Attributes:
        most: bytes that a body may have; a longer one is never held, but skipped as it comes.
        oversized: called with the length of a body that is skipped.
    """

    def __init__(self, oversized: Callable[[int], None], most: int = MAX_BODY_BYTES) -> None:
        self.most = most
        self.oversized = oversized
        self._buffer = bytearray()
        self._length: int | None = None  # of the body that is being received
        self._skipped = 0  # bytes to come of a body that is too long

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that `data` completes.

        Raises:
            FramingError: the stream is not one of frames.
        """
        self._buffer += data
        while self._skip() and (self._length is not None or self._header()):
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
        """Drop what has come of a body that is too long; whether none of it is to come any more."""
        come = min(self._skipped, len(self._buffer))
        del self._buffer[:come]
        self._skipped -= come
        return not self._skipped

    def _header(self) -> bool:
        """Take one header from the buffer; false while it is not complete."""
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
        if length > self.most:
            self._skipped = length
            self.oversized(length)
        else:
            self._length = length
        return True
