"""Parser of the JSON objects in the body of an answer: server-sent events, JSON lines, or one object.

Knows no dialect and no network. Input that is not JSON becomes `Junk`, and parsing continues after it. Start at
`EventParser`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST_LINE = 1 << 20  # bytes of one event
LONGEST_ANSWER = 16 << 20  # bytes of a body
MOST_PARTS = 1000  # lines of one event
DONE: dict[str, Any] = {}  # the event for an end mark; empty objects in the body are dropped
END_MARK = b"[DONE]"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FIELDS = (b":", b"event:", b"id:", b"retry:", b"data")
# A carriage return at the end of the input may be the first half of a line break.
LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True, slots=True)
class Junk:
    """A piece of input that is not an event.

    Attributes:
        what: description of the input, as the end of "sent ...".
        lossy: whether the input may have contained a part of the answer.
    """

    what: str
    lossy: bool = True


class OversizedError(Exception):
    """The body is larger than an answer can be."""


Event = dict[str, Any] | Junk


class EventParser:
    """A parser of one body, fed with its bytes as they arrive.

    Args:
        whole: whether the content type announces a single object.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._size = 0
        self._rest = bytearray()
        self._begun = False  # whether an event has been found
        self._parts: list[bytes] = []  # data lines of one event
        self._is_error = False  # whether the current event is named "error"

    def take(self, piece: bytes) -> list[Event]:
        """Add `piece`, the next bytes of the body, and return the events that it completes.

        Raises:
            OversizedError: a line or the body is larger than an answer can be.
        """
        self._size += len(piece)
        self._rest += piece  # in place: a body may arrive byte by byte
        found: list[Event] = []
        if not self._whole and (b"\n" in piece or b"\r" in self._rest[-len(piece) - 1 : -1]):
            *lines, self._rest = map(bytearray, LINE_END.split(bytes(self._rest)))
            for place, line in enumerate(lines):
                if self._begins_object(bytes(line)):
                    self._whole = True  # the whole body is one object that spans lines
                    self._rest = bytearray(b"\n".join([*map(bytes, lines[place:]), bytes(self._rest)]))
                    break
                found += self._parse_line(bytes(line))
        if self._size > LONGEST_ANSWER or (len(self._rest) > LONGEST_LINE and not self._whole):
            raise OversizedError
        return found

    def finish(self) -> list[Event]:
        """Return the events in the rest of the body, once it has ended."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._whole:
            event = _parse(rest.removeprefix(BYTE_ORDER_MARK).strip() or b"null")
            if event is not None:
                return _list_events(event)
            self._whole, self._begun = False, True  # not one object as announced, but lines
        found = [event for line in LINE_END.split(rest) for event in self._parse_line(line)]
        return found + self._parse_parts()

    def _parse_line(self, line: bytes) -> list[Event]:
        """Return the events that one line of the body completes."""
        line = line.strip().removeprefix(BYTE_ORDER_MARK)
        if not line:
            found, self._is_error = self._parse_parts(), False
            return found
        if line.startswith((b"data:", b"error:")):  # old versions of llama.cpp write "error:"
            self._begun = True
            self._is_error = self._is_error or line.startswith(b"error:")
            return self._take_data(line.partition(b":")[2].strip())
        if line.startswith(b"event:"):
            self._is_error = line[6:].strip() == b"error"
            return []
        if line == END_MARK:
            return [*self._parse_parts(), DONE]
        if line[:1] in {b"{", b"["}:
            event = _parse(line)
            self._begun = True
            return [Junk("text that is not JSON")] if event is None else _list_events(event)
        return [] if line.startswith(FIELDS) else [Junk("text that is not JSON")]

    def _begins_object(self, line: bytes) -> bool:
        """Return whether `line` begins an object that spans several lines; only possible before the first event."""
        line = line.strip().removeprefix(BYTE_ORDER_MARK)
        return not self._begun and line.startswith(b"{") and _parse(line) is None

    def _take_data(self, data: bytes) -> list[Event]:
        """Return the events that the data of a `data:` line completes; one event may have several such lines."""
        if not data:
            return []
        if data == END_MARK:
            return [*self._parse_parts(), DONE]
        event = _parse(data)
        if event is not None and (not self._parts or isinstance(event, dict)):
            return [*self._parse_parts(), *self._mark_error(event)]
        if len(self._parts) >= MOST_PARTS:
            return self._parse_parts()
        self._parts.append(data)
        return []

    def _parse_parts(self) -> list[Event]:
        """Return the event in the collected data lines, as a list, and clear them; [] if there are none."""
        if not self._parts:
            return []
        data = b"\n".join(self._parts)
        self._parts = []
        event = _parse(data)
        if event is None and self._is_error:
            return [{"error": data.decode("utf-8", "replace")}]
        return [Junk("text that is not JSON")] if event is None else self._mark_error(event)

    def _mark_error(self, event: object) -> list[Event]:
        """Return `event` as a list; put into an "error" field if the event is named an error but its data has none."""
        if self._is_error and isinstance(event, str | dict) and not (isinstance(event, dict) and event.get("error")):
            return [{"error": event}]
        return _list_events(event)


def _parse(text: bytes) -> object:
    """Return the JSON value in `text`; None if it is not JSON, `...` for null."""
    try:
        event = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return ... if event is None else event


def _list_events(event: object) -> list[Event]:
    """Return the events of a parsed JSON value: the object; none for null and {}; `Junk` for all other values."""
    if isinstance(event, dict):
        return [event] if event else []
    return [] if event is ... else [Junk("JSON other than an object", lossy=False)]
