"""A cache of recent suggestions: while a person types one, its rest is found at once, without model or index.

Keyed by document and by hashes of the text before and after the cursor, so that an entry for another version of the
text is not found. A suggestion that a person keeps typing instead of accepting it counts as declined and is no longer
found. Answers in microseconds, so it may be used on an event loop. Start at `SuggestionCache.find`.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import CLOSERS
from agents.suggestions import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.suggestions import Suggestion
    from indexing.syntax.documents import Document

ENTRIES_PER_DOCUMENT = 16
DOCUMENTS = 32
REJECTED = 64
LIFETIME_S = 300.0
# The suggestion stays valid while a person deletes up to this many characters before it.
BACKSPACES = 24
# A suggestion is declined once a person has had this time to read it and has typed so many of its characters in one
# line, key by key. Of the wrong suggestions on the screen in replayed typing, six of seven were such ones.
DECLINED_AFTER = 4
DECLINED_AFTER_S = 0.7
_LONGEST_KEY = 3  # characters that one key adds, with the brackets that an editor closes; more are a part accepted
LEAST_REST = 3  # characters; a shorter rest is quicker to type than to accept
# Editors close brackets and quotes by themselves: up to this many characters after the cursor may be new.
_AUTO_CLOSED = 3
_CLOSED_BY_EDITOR = CLOSERS | frozenset("\"'`>")


@dataclass(slots=True)
class _Reading:
    """State of a suggestion that a person types while it is on the screen.

    Attributes:
        begin: offset from which on the person has typed it key by key.
        since: time at which the person was there, in seconds of the monotonic clock.
        last: offset at which its rest was found last.
    """

    begin: int
    since: float
    last: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A suggestion with its place in the document.

    Attributes:
        suggestion: the suggestion as it was first made.
        base: offset from which the document is compared with `text`, up to `BACKSPACES` before the suggestion's start.
        text: the document's text between `base` and the suggestion's start, then the suggestion's text.
        head: hash of all text before `base`.
        tail: hash and length of all text after the cursor.
        replaced: how many characters after the cursor the suggestion replaces.
        made: when the suggestion was cached, in seconds of the monotonic clock.
        readings: how it has been typed since it was first shown; empty before.
    """

    suggestion: Suggestion
    base: int
    text: str
    head: int
    tail: tuple[int, int]
    replaced: int
    made: float
    readings: list[_Reading] = field(default_factory=list)


class SuggestionCache:
    """A cache of suggestions, bounded in documents, in entries for each, and in time. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._documents: OrderedDict[str, deque[_Entry]] = OrderedDict()
        self._rejected: deque[tuple[str, int, str]] = deque(maxlen=REJECTED)

    def put(self, document: Document, offset: int, suggestion: Suggestion, *, shown: bool = False) -> None:
        """Cache `suggestion`, which was made for the cursor at `offset` of `document`; evicts the oldest if full.

        `shown` is whether it is also the answer to the request for that cursor.
        """
        text = document.text
        line_start = max(text.rfind("\n", 0, suggestion.start), text.rfind("\r", 0, suggestion.start)) + 1
        base = max(line_start, suggestion.start - BACKSPACES)
        entry = _Entry(
            suggestion,
            base,
            text[base : suggestion.start] + suggestion.text,
            hash(text[:base]),
            (hash(text[offset:]), len(text) - offset),
            suggestion.end - offset,
            now := self._clock(),
            [_Reading(offset, now, offset)] if shown else [],
        )
        with self._lock:
            entries = self._documents.setdefault(document.uri, deque(maxlen=ENTRIES_PER_DOCUMENT))
            self._documents.move_to_end(document.uri)
            entries.append(entry)
            while len(self._documents) > DOCUMENTS:
                self._documents.popitem(last=False)

    def find(self, document: Document, offset: int) -> Suggestion | None:
        """Return the part after `offset` of the newest cached suggestion that the text before `offset` agrees with.

        None if none fits or all are older than `LIFETIME_S`, declined or shorter than `LEAST_REST`.
        """
        now = self._clock()
        for entry, rest in self._list_rests(document, offset, now):
            self._follow(entry, offset, now)
            if not _is_declined(entry, document, offset, now) and len(rest.text.strip()) >= LEAST_REST:
                return rest
        return None

    def is_declined(self, document: Document, offset: int) -> bool:
        """Return whether the text before `offset` agrees with a suggestion that was declined in this line.

        That is a suggestion of which the person has typed `DECLINED_AFTER` characters in the line, key by key, for
        `DECLINED_AFTER_S` or longer, since it was first shown.
        """
        now = self._clock()
        return any(_is_declined(entry, document, offset, now) for entry, _ in self._list_rests(document, offset, now))

    def _list_rests(self, document: Document, offset: int, now: float) -> Iterator[tuple[_Entry, Suggestion]]:
        """Yield the entries that the text before `offset` agrees with, newest first, each with the rest to be typed."""
        with self._lock:
            entries = tuple(self._documents.get(document.uri, ()))
        for entry in reversed(entries):
            if entry.made >= now - LIFETIME_S and (rest := _find_rest(entry, document, offset)) is not None:
                yield entry, rest

    def _follow(self, entry: _Entry, offset: int, now: float) -> None:
        """Record that the rest of `entry` was found at `offset`; begins anew if a part of it was accepted."""
        with self._lock:
            reading = entry.readings[0] if entry.readings else None
            if reading is None or offset - reading.last > _LONGEST_KEY:
                entry.readings[:] = [_Reading(offset, now, offset)]
            else:
                reading.last = offset

    def reject(self, uri: str, suggestion: Suggestion) -> None:
        """Drop a suggestion from the cache and record its place and text as rejected."""
        with self._lock:
            if (entries := self._documents.get(uri)) is not None:
                kept = [entry for entry in entries if entry.suggestion.id != suggestion.id]
                self._documents[uri] = deque(kept, maxlen=ENTRIES_PER_DOCUMENT)
            self._rejected.append((uri, suggestion.start, suggestion.text))

    def is_rejected(self, uri: str, start: int, text: str) -> bool:
        """Return whether `text` at the offset `start` is among the last `REJECTED` rejected suggestions."""
        with self._lock:
            return (uri, start, text) in self._rejected

    def forget(self, uri: str) -> None:
        """Drop all cached suggestions of the document `uri`; rejected ones stay recorded."""
        with self._lock:
            self._documents.pop(uri, None)

    def __len__(self) -> int:
        with self._lock:
            return sum(len(entries) for entries in self._documents.values())


def _find_rest(entry: _Entry, document: Document, offset: int) -> Suggestion | None:
    """Return the part of `entry` that is still to be typed at `offset`; None if the document's text does not fit."""
    text = document.text
    typed = offset - entry.base
    if not 0 <= typed < len(entry.text) or not text.startswith(entry.text[:typed], entry.base):
        return None
    added = len(text) - offset - entry.tail[1]
    rest = entry.text[typed:]
    if not rest.strip() or not 0 <= added <= _AUTO_CLOSED or not _contains_closers(rest, text[offset : offset + added]):
        return None
    if hash(text[offset + added :]) != entry.tail[0] or hash(text[: entry.base]) != entry.head:
        return None
    end = offset + added + entry.replaced
    return replace(entry.suggestion, text=rest, start=offset, end=end, origin=Origin.REUSE)


def _is_declined(entry: _Entry, document: Document, offset: int, now: float) -> bool:
    """Return whether a person has typed enough of `entry` in the line of `offset`, and had the time to read it."""
    if not entry.readings:
        return False
    reading = entry.readings[0]
    begin = max(reading.begin, document.text.rfind("\n", 0, offset) + 1)
    typed = document.text[begin:offset].lstrip()  # an editor indents the next line
    return len(typed) >= DECLINED_AFTER and now - reading.since >= DECLINED_AFTER_S


def _contains_closers(rest: str, added: str) -> bool:
    """Return whether `added` consists of closing brackets and quotes that `rest` contains in this order."""
    at = 0
    for character in added:
        if character not in _CLOSED_BY_EDITOR:
            return False
        at = rest.find(character, at) + 1
        if not at:
            return False
    return True
