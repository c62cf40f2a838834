"""The JSON objects in the body of an answer: server-sent events, lines of JSON, or one object over all.

Knows no dialect and no network. What is no JSON comes out as `Junk`, and what follows it all the same. Start at
`EventParser`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LONGEST_LINE = 1 << 20  # bytes of one event
LONGEST_ANSWER = 16 << 20  # bytes of all
MOST_PARTS = 1000  # lines of one event
DONE: dict[str, Any] = {}  # the end mark; an empty object that an endpoint sends says nothing and comes out as nothing
END_MARK = b"[DONE]"
MARK_OF_ORDER = b"\xef\xbb\xbf"
FIELDS = (b":", b"event:", b"id:", b"retry:", b"data")
# A return at the very end may be half of a line's end.
LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True, slots=True)
class Junk:
    """What is no event.

    Attributes:
        what: what came instead, as the end of "sent ...".
        lossy: whether something of the answer may have been in it.
    """

    what: str
    lossy: bool = True


class OversizedError(Exception):
    """More came than an answer can be."""


Event = dict[str, Any] | Junk


class EventParser:
    """Takes the bytes of one body as they come.

    Args:
        whole: whether the endpoint says that one object is all.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._size = 0
        self._rest = bytearray()
        self._begun = False  # a line was understood
        self._parts: list[bytes] = []  # of an event in several lines
        self._is_error = False  # the event says in its name that it is an error

    def take(self, piece: bytes) -> list[Event]:
        """Return the events that are complete now.

        Raises:
            OversizedError: that is more than an answer can be.
        """
        self._size += len(piece)
        self._rest += piece  # in place, for it may come byte by byte
        found: list[Event] = []
        if not self._whole and (b"\n" in piece or b"\r" in self._rest[-len(piece) - 1 : -1]):
            *lines, self._rest = map(bytearray, LINE_END.split(bytes(self._rest)))
            for place, line in enumerate(lines):
                if self._begins_object(bytes(line)):
                    self._whole = True  # over several lines: all that comes is one
                    self._rest = bytearray(b"\n".join([*map(bytes, lines[place:]), bytes(self._rest)]))
                    break
                found += self._read(bytes(line))
        if self._size > LONGEST_ANSWER or (len(self._rest) > LONGEST_LINE and not self._whole):
            raise OversizedError
        return found

    def finish(self) -> list[Event]:
        """Return what is left: the body is over."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._whole:
            event = _parsed(rest.removeprefix(MARK_OF_ORDER).strip() or b"null")
            if event is not None:
                return _useful(event)
            self._whole, self._begun = False, True  # said to be one object, and is lines all the same
        found = [event for line in LINE_END.split(rest) for event in self._read(line)]
        return found + self._dispatch()

    def _read(self, line: bytes) -> list[Event]:
        """The events that a line completes."""
        line = line.strip().removeprefix(MARK_OF_ORDER)
        if not line:
            found, self._is_error = self._dispatch(), False
            return found
        if line.startswith((b"data:", b"error:")):  # the latter by old versions of llama.cpp
            self._begun = True
            self._is_error = self._is_error or line.startswith(b"error:")
            return self._data(line.partition(b":")[2].strip())
        if line.startswith(b"event:"):
            self._is_error = line[6:].strip() == b"error"
            return []
        if line == END_MARK:
            return [*self._dispatch(), DONE]
        if line[:1] in {b"{", b"["}:
            event = _parsed(line)
            self._begun = True
            return [Junk("what is no JSON")] if event is None else _useful(event)
        return [] if line.startswith(FIELDS) else [Junk("what is no JSON")]

    def _begins_object(self, line: bytes) -> bool:
        """Whether nothing was understood yet, and a line is the first of an object over several."""
        line = line.strip().removeprefix(MARK_OF_ORDER)
        return not self._begun and line.startswith(b"{") and _parsed(line) is None

    def _data(self, said: bytes) -> list[Event]:
        """The events that a line of data completes; one event may have several lines."""
        if not said:
            return []
        if said == END_MARK:
            return [*self._dispatch(), DONE]
        event = _parsed(said)
        if event is not None and (not self._parts or isinstance(event, dict)):
            return [*self._dispatch(), *self._mark_error(event)]
        if len(self._parts) >= MOST_PARTS:
            return self._dispatch()
        self._parts.append(said)
        return []

    def _dispatch(self) -> list[Event]:
        """The event whose lines have all come."""
        if not self._parts:
            return []
        said = b"\n".join(self._parts)
        self._parts = []
        event = _parsed(said)
        if event is None and self._is_error:
            return [{"error": said.decode("utf-8", "replace")}]
        return [Junk("what is no JSON")] if event is None else self._mark_error(event)

    def _mark_error(self, event: object) -> list[Event]:
        """Return the event, as an error where its name says so and its data do not."""
        if self._is_error and isinstance(event, str | dict) and not (isinstance(event, dict) and event.get("error")):
            return [{"error": event}]
        return _useful(event)


def _parsed(text: bytes) -> object:
    """The JSON in a text, None where there is none; `...` for a null."""
    try:
        event = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return ... if event is None else event


def _useful(event: object) -> list[Event]:
    """An object; nothing for one that says nothing."""
    if isinstance(event, dict):
        return [event] if event else []
    return [] if event is ... else [Junk("JSON of another kind than was asked for", lossy=False)]
