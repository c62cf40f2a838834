"""Conversion between bytes and text: decoding, line starts, byte offsets and code-point offsets.

Never fails: bytes that are not UTF-8 become U+FFFD or are read as Latin-1, as editors do. Start at `decode`.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BREAK = re.compile(r"\r\n|\n|\r")
_OPENING, _CLOSING = b"([{", b")]}"
_NO_BRACKETS = bytes(set(range(256)) - set(_OPENING + _CLOSING))
_DEEP = 2000  # nested brackets; the time of a query grows with the square of the depth, 5 s at 40,000
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_REPLACED_AT_MOST = 0.01  # share of undecodable places up to which a text counts as damaged UTF-8, not as Latin-1


def decode(data: bytes) -> str:
    """Return the text of a file with the content `data`, without its byte order mark.

    UTF-16 is recognised by its mark; everything else is UTF-8, or Latin-1 if more than 1 % of it, and more than one
    place, is no valid UTF-8.
    """
    if encoding := _UTF16.get(data[:2]):
        return data[2:].decode(encoding, "replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        damaged = text.count("\ufffd") <= max(1, len(text) * _REPLACED_AT_MOST)
        return text if damaged else data.decode("latin-1")


def encode(text: str) -> bytes:
    """Encode `text` as UTF-8 for the parser; a lone surrogate becomes one `?`, so that code points still correspond."""
    return text.encode(errors="replace")


def is_too_nested(data: bytes) -> bool:
    """Return whether brackets are nested so deep, over 2,000, that a query of the tree of `data` would take seconds."""
    if sum(data.count(bracket) for bracket in _OPENING) <= _DEEP:
        return False
    brackets = data.translate(None, _NO_BRACKETS)
    return max(accumulate(1 if bracket in _OPENING else -1 for bracket in brackets)) > _DEEP


def find_line_starts(text: str) -> list[int]:
    """Return the code-point offsets at which lines start; as in LSP, a line ends with LF, CRLF or a lone CR."""
    if "\r" in text:
        return [0, *(match.end() for match in _BREAK.finditer(text))]
    lengths = [len(line) + 1 for line in text.split("\n")]
    lengths.pop()
    return [0, *accumulate(lengths)]


def find_line(starts: list[int], offset: int) -> int:
    """Return the number of the line, from 0, that contains the code point at `offset`."""
    return bisect_right(starts, offset) - 1


def map_to_code_points(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Return the code-point offset of each byte offset into the UTF-8 text `data`, in one pass over `data`."""
    result: dict[int, int] = {}
    before = points = 0
    for offset in sorted(set(offsets)):
        points += len(data[before:offset].decode(errors="replace"))
        result[offset] = points
        before = offset
    return result


class ByteLines:
    """The starts of a text's lines, in bytes and code points, for converting single offsets.

    Costs nothing for plain ASCII, where both are the same.
    """

    def __init__(self, text: str, data: bytes) -> None:
        self._data = data
        self._same = len(text) == len(data)
        self._points: list[int] = [] if self._same else find_line_starts(text)
        self._bytes: list[int] = [] if self._same else _find_byte_line_starts(data)

    def to_byte(self, offset: int, text: str) -> int:
        """Return the byte offset of a code-point offset into `text`."""
        if self._same:
            return offset
        line = find_line(self._points, offset)
        return self._bytes[line] + len(encode(text[self._points[line] : offset]))

    def to_code_point(self, offset: int) -> int:
        """Return the code-point offset of a byte offset."""
        if self._same:
            return offset
        line = find_line(self._bytes, offset)
        return self._points[line] + len(self._data[self._bytes[line] : offset].decode(errors="replace"))


def _find_byte_line_starts(data: bytes) -> list[int]:
    """Return the byte offsets at which lines start."""
    if b"\r" in data:
        return [0, *(match.end() for match in re.finditer(rb"\r\n|\n|\r", data))]
    lengths = [len(line) + 1 for line in data.split(b"\n")]
    lengths.pop()
    return [0, *accumulate(lengths)]
