"""Suggestions made lately, for the person who types them: the rest is there at once, without model or index.

Keyed by document and by hashes of the text before and behind the place, so that neither documents nor versions mix.
Answers in microseconds and never waits, so it may be called on an event loop. Start at `SuggestionCache.find`.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
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
# So many characters before the cursor may be deleted again and the suggestion still stands.
BACKSPACES = 24
# Editors close brackets and quotes by themselves: so many characters behind the cursor may be new.
_AUTO_CLOSED = 3
_CLOSED_BY_EDITOR = CLOSERS | frozenset("\"'`>")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One suggestion at its place.

    Attributes:
        suggestion: as it was first made.
        base: offset from which the person's text is compared; before the cursor by what may be deleted again.
        text: what stood between `base` and the suggestion's start, then the suggestion.
        head: hash of all text before `base`.
        tail: hash of all text behind the cursor, and its length.
        replaced: how many characters of the tail the suggestion replaces.
        made: when, seconds of the monotonic clock.
    """

    suggestion: Suggestion
    base: int
    text: str
    head: int
    tail: tuple[int, int]
    replaced: int
    made: float


class SuggestionCache:
    """Bounded in documents, entries and time. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._documents: OrderedDict[str, deque[_Entry]] = OrderedDict()
        self._rejected: deque[tuple[str, int, str]] = deque(maxlen=REJECTED)

    def put(self, document: Document, offset: int, suggestion: Suggestion) -> None:
        """Keep `suggestion`, made for `offset` of `document`."""
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
            self._clock(),
        )
        with self._lock:
            entries = self._documents.setdefault(document.uri, deque(maxlen=ENTRIES_PER_DOCUMENT))
            self._documents.move_to_end(document.uri)
            entries.append(entry)
            while len(self._documents) > DOCUMENTS:
                self._documents.popitem(last=False)

    def find(self, document: Document, offset: int) -> Suggestion | None:
        """Return the rest of the newest suggestion whose beginning is before `offset`; None without one."""
        with self._lock:
            entries = tuple(self._documents.get(document.uri, ()))
        oldest = self._clock() - LIFETIME_S
        for entry in reversed(entries):
            if entry.made >= oldest and (rest := _rest(entry, document, offset)) is not None:
                return rest
        return None

    def reject(self, uri: str, suggestion: Suggestion) -> None:
        """Forget a suggestion, and remember that it was not wanted."""
        with self._lock:
            if (entries := self._documents.get(uri)) is not None:
                kept = [entry for entry in entries if entry.suggestion.id != suggestion.id]
                self._documents[uri] = deque(kept, maxlen=ENTRIES_PER_DOCUMENT)
            self._rejected.append((uri, suggestion.start, suggestion.text))

    def is_rejected(self, uri: str, start: int, text: str) -> bool:
        """Whether a person turned this text down at this place lately."""
        return (uri, start, text) in self._rejected

    def forget(self, uri: str) -> None:
        """Drop all that is kept of a document."""
        with self._lock:
            self._documents.pop(uri, None)

    def __len__(self) -> int:
        with self._lock:
            return sum(1 for _ in self._all())

    def _all(self) -> Iterator[_Entry]:
        for entries in self._documents.values():
            yield from entries


def _rest(entry: _Entry, document: Document, offset: int) -> Suggestion | None:
    """Return the part of `entry` that is still to be typed at `offset`; None if the document has other text."""
    text = document.text
    typed = offset - entry.base
    if not 0 <= typed < len(entry.text) or not text.startswith(entry.text[:typed], entry.base):
        return None
    added = len(text) - offset - entry.tail[1]
    rest = entry.text[typed:]
    if not rest.strip() or not 0 <= added <= _AUTO_CLOSED or not _contains(rest, text[offset : offset + added]):
        return None
    if hash(text[offset + added :]) != entry.tail[0] or hash(text[: entry.base]) != entry.head:
        return None
    end = offset + added + entry.replaced
    return replace(entry.suggestion, text=rest, start=offset, end=end, origin=Origin.REUSE)


def _contains(rest: str, added: str) -> bool:
    """Whether `rest` brings the closing marks that the editor has added, in their order."""
    at = 0
    for character in added:
        if character not in _CLOSED_BY_EDITOR:
            return False
        at = rest.find(character, at) + 1
        if not at:
            return False
    return True
