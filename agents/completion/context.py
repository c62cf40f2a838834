"""Code of other files for the prompt: definitions of used names, similar code, and recently edited places.

Stops at a deadline with the snippets found by then. Never takes code from an excluded file or from right around the
cursor. Snippets of the last prompt keep their order, so that a model's prefix cache is hit.
Start at `ContextGatherer`.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from indexing.records import Query
from indexing.syntax import languages
from indexing.syntax.documents import Span
from models.completion import Snippet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.completion_policy import CompletionPolicy
    from agents.completion.cursor import Cursor
    from indexing.index import Index
    from indexing.records import Hit
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_NEAR_LINES = 12  # lines before the cursor whose names are looked up
_QUERY_LINES = 3  # three query lines beat ten in published comparisons of retrieval for completion
_NAMES = 24
_RECENT_PLACES = 8
_RECENT_LINES = 10
_SNIPPET_LINES = 60
_NEAR_CHARACTERS = 2_000  # of the cursor's file around the cursor, which are in the prompt anyway
_REMEMBERED = 16
_STEADY_LINES = 24  # a large model, which reads slowly, keeps its snippets while the cursor moves by at most this
_SHARE_OF_DEFINITIONS = 0.5
_HEAD_CHARACTERS = 8_000  # at the top of a file, where imports are searched for
_IMPORT_CHARACTERS = 1_200  # the most characters of imports in a prompt, a tenth of a usual prompt
_IMPORT = re.compile(
    r"^(?:from\s+\S+\s+import\s+(?:\([^)]*\)|.*)|import\s(?:[^\n{]*\{[^}]*\}.*|\([^)]*\)|.*)"
    r"|use\s.*;|using\s.*;|#\s*include\b.*)",
    re.MULTILINE,
)
# Similar code is not searched for with less time than this left.
_LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class _RecentPlace:
    """A recently edited place: the lines around the cursor of a completion request, and the number of its line."""

    document: Document
    first_line: int
    text: str

    @property
    def uri(self) -> str:
        """URI of the place's document."""
        return self.document.uri


class ContextGatherer:
    """Gathers snippets for one generator; caches the last snippets of each document. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._recent: deque[_RecentPlace] = deque(maxlen=_RECENT_PLACES)
        self._last: OrderedDict[str, tuple[tuple[int, str], tuple[Snippet, ...]]] = OrderedDict()  # by URI

    def gather(
        self, cursor: Cursor, syntax: Syntax | None, index: Index, policy: CompletionPolicy, *, large_ms: float = 0.0
    ) -> tuple[Snippet, ...]:
        """Return snippets for a prompt at `cursor`; the last snippets again while the cursor stays in its line.

        Definitions and similar code come first, in the order of the last prompt, then recently edited places. A large
        model also gets the imports of the cursor's file, unless they are near the cursor.

        Args:
            cursor: the cursor to complete at.
            syntax: the document's syntax tree, None without one.
            index: the index to search.
            policy: limits of time and number.
            large_ms: milliseconds left of a large model's time; 0 for a small model. For a large model the search takes
                longer, and its snippets are used again while the cursor stays within `_STEADY_LINES` lines, because the
                model has to read everything after a changed snippet again.
        """
        document = cursor.document
        key = (cursor.prefix.count("\n"), cursor.previous_line)
        with self._lock:
            last = self._last.get(document.uri)
        near = last is not None and bool(large_ms and last[1]) and abs(last[0][0] - key[0]) <= _STEADY_LINES
        if last is not None and (last[0] == key or near) and (last[1] or not large_ms):
            return last[1]
        deadline = time.monotonic() + max(policy.context_ms, policy.context_share * large_ms) / 1000
        hits = _find_hits(cursor, syntax, index, limit=policy.snippets, deadline=deadline)
        used = min(policy.library_definitions, policy.snippets // 2)
        if used > 0:
            libraries = index.find_used_library_definitions(document, cursor.offset, limit=used, deadline=deadline)
            hits = [*hits[: policy.snippets - len(libraries)], *libraries]
        stable = [Snippet(hit.relative, hit.text) for hit in _filter_hits(hits, cursor)][: policy.snippets]
        if large_ms and (own := _extract_imports(cursor)) is not None:
            stable = [own, *stable][: policy.snippets]
        if last is not None:
            stable = _keep_order(stable, last[1])
        snippets = (*stable, *self._list_recent_places(cursor, stable, index))[: policy.snippets]
        with self._lock:
            self._last[document.uri] = (key, snippets)
            self._last.move_to_end(document.uri)
            while len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return snippets

    def remember_place(self, cursor: Cursor) -> None:
        """Record the lines around `cursor` as a recently edited place; replaces older ones nearby in the document."""
        above = cursor.prefix.rsplit("\n", _RECENT_LINES)[-_RECENT_LINES:]
        below = cursor.suffix.split("\n", _RECENT_LINES)[:_RECENT_LINES]
        text = "\n".join([*above[:-1], above[-1] + below[0], *below[1:]])
        document = cursor.document
        place = _RecentPlace(document, cursor.prefix.count("\n"), text)
        with self._lock:
            kept = [
                other
                for other in self._recent
                if other.uri != place.uri or abs(other.first_line - place.first_line) > _RECENT_LINES
            ]
            self._recent = deque([*kept, place], maxlen=_RECENT_PLACES)

    def forget(self, uri: str) -> None:
        """Drop the cached snippets and the recently edited places of the document `uri`."""
        with self._lock:
            self._last.pop(uri, None)
            self._recent = deque((place for place in self._recent if place.uri != uri), maxlen=_RECENT_PLACES)

    def _list_recent_places(self, cursor: Cursor, known: Sequence[Snippet], index: Index) -> list[Snippet]:
        """Return up to two recently edited places of other documents, newest first.

        Leaves out blank places, those whose text is in a snippet of `known` or contains one, and places in documents
        that no model may see.
        """
        with self._lock:
            places = [place for place in reversed(self._recent) if place.uri != cursor.document.uri]
        texts = [snippet.text for snippet in known]
        snippets = []
        for place in places:
            if not place.text.strip() or any(place.text in text or text in place.text for text in texts):
                continue
            if index.is_shared(place.document):
                path = place.document.path
                snippets.append(Snippet(path.name if path is not None else "", place.text, stable=False))
        return snippets[:2]


def _find_hits(cursor: Cursor, syntax: Syntax | None, index: Index, *, limit: int, deadline: float) -> list[Hit]:
    """Return definitions for the code near the cursor, at most half of `limit`, then up to `limit` similar pieces.

    Definitions are what the names there mean and what may be used next; where resolution finds too few, or does not
    know the language, definitions of the same names. Searches until `deadline`, and only in the document's language and
    related ones.
    """
    document = cursor.document
    names = list_names(cursor)
    wanted = max(1, round(limit * _SHARE_OF_DEFINITIONS))
    definitions = list(index.find_related_definitions(document, cursor.offset, limit=wanted, deadline=deadline))
    if names and len(definitions) < wanted:
        found = index.find_definitions(names, document=document, limit=2 * wanted, deadline=deadline)
        definitions += [hit for hit in found if _is_in_related_language(hit, document) and hit not in definitions]
        definitions = definitions[:wanted]
    if time.monotonic() + _LEAST_S > deadline:
        return definitions
    lines = [line for line in cursor.prefix.split("\n") if line.strip()][-_QUERY_LINES:]
    if not lines:
        return definitions
    imports = syntax.imports if syntax is not None else ()
    imported = tuple(name for item in imports for name in item.names)
    modules = tuple(item.module for item in imports)
    near = Span(max(0, cursor.offset - _NEAR_CHARACTERS), cursor.offset + _NEAR_CHARACTERS)
    query = Query("\n".join(lines), path=document.path, imported=imported, modules=modules, near=near)
    found = index.search(query, limit=limit, deadline=deadline)
    return [*definitions, *(hit for hit in found if _is_in_related_language(hit, document))]


def _extract_imports(cursor: Cursor) -> Snippet | None:
    """Return the first imports of the cursor's file as one snippet of at most `_IMPORT_CHARACTERS`.

    None if there are no imports at the top of the file, or only near the cursor.
    """
    document = cursor.document
    above = document.text[: max(0, min(cursor.offset - _NEAR_CHARACTERS, _HEAD_CHARACTERS))]
    lines, length = [], 0
    for found in _IMPORT.finditer(above):
        length += len(found[0]) + 1
        if length > _IMPORT_CHARACTERS:
            break
        lines.append(found[0].rstrip())
    if not lines:
        return None
    return Snippet(document.path.name if document.path is not None else "", "\n".join(lines))


def _is_in_related_language(hit: Hit, document: Document) -> bool:
    """Return whether `hit` is in the language of `document` or a related one."""
    return languages.get(languages.detect(hit.path)).is_like(document.entry)


def list_names(cursor: Cursor) -> tuple[str, ...]:
    """Return up to `_NAMES` different identifiers of three or more characters before the cursor, the nearest first.

    Searches the cursor's line and the lines right above it.
    """
    lines = cursor.prefix.rsplit("\n", _NEAR_LINES)[-_NEAR_LINES:]
    found = _IDENTIFIER.findall("\n".join(lines))
    return tuple(dict.fromkeys(reversed(found)))[:_NAMES]


def _filter_hits(hits: Sequence[Hit], cursor: Cursor) -> list[Hit]:
    """Return the hits without blank, very long and overlapping ones and without the code around the cursor."""
    around = cursor.prefix[-_NEAR_CHARACTERS:] + cursor.suffix[:_NEAR_CHARACTERS]
    kept: list[Hit] = []
    for hit in hits:
        if not hit.text.strip() or hit.last_line - hit.first_line > 4 * _SNIPPET_LINES:
            continue
        if hit.path == cursor.document.path and hit.text.strip()[:200] in around:
            continue
        if not any(_overlaps(hit, other) for other in kept):
            kept.append(hit)
    return kept


def _overlaps(hit: Hit, other: Hit) -> bool:
    """Return whether two hits have the same text, or lines of the same file in common."""
    if hit.text == other.text:
        return True
    return hit.path == other.path and hit.first_line < other.last_line and other.first_line < hit.last_line


def _keep_order(snippets: list[Snippet], before: Sequence[Snippet]) -> list[Snippet]:
    """Return `snippets` with those that are also in `before` first, in the order of `before`."""
    return [*(old for old in before if old in snippets), *(new for new in snippets if new not in before)]
