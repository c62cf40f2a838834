"""The code that a request is about, found by the names and files in it, else by the index' search. Start at `locate`.

Looks at the form of words (`max_size`, `Cart.total`, `src/cart.py`), never at words of one language.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tasks.rewriting.definitions import list_definitions
from indexing.records import Query
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from pathlib import Path

    from agents.team.tool import Workbench
    from indexing.index import Index
    from indexing.records import Hit

MOST_PLACES = 3
MOST_HITS = 12
SEARCH_S = 5.0
MOST_FILES = 20_000
"""Files among which those that a request names are looked for."""

LONGEST = 4000
"""Characters of a request that are looked at."""

_NAME = re.compile(r"`?[^\W\d]\w*(?:(?:\.|::|#)[^\W\d]\w*)*(?:`|\(\))?")
_FILE = re.compile(r"[\w.\-/\\]*\w\.\w{1,10}\b")
_CODE = re.compile(r"[`_.:#(\d]|[^\W\d_][A-Z]")
"""Signs that a word is code: a quote, an underscore, a dot, a parenthesis, a digit, a capital letter inside."""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of the workspace's code.

    Attributes:
        path: absolute path.
        first_line: from 0.
        last_line: the line after the last.
        name: qualified name of its definition; "" for none.
        text: its lines.
    """

    path: Path
    first_line: int
    last_line: int
    name: str
    text: str


def locate(request: str, index: Index, bench: Workbench) -> tuple[Place, ...]:
    """Return at most `MOST_PLACES` places that `request` is about, the likeliest first; () for none. Blocking."""
    request = request[:LONGEST]
    files = _find_files(request, bench)
    names = _list_names(request)
    deadline = time.monotonic() + SEARCH_S
    nowhere = Document("starling:search", None, "text", "")
    defined = index.find_definitions(set(names), document=nowhere, limit=MOST_HITS, deadline=deadline)
    usable = [hit for hit in defined if not bench.explain_exclusion(hit.path)]
    rated = [(_rate(one, names, files), one) for one in _Definitions(names, bench).complete(usable)]
    if not any(rating > 1 for rating, _ in rated):
        found = index.search(Query(request), limit=MOST_HITS, deadline=deadline)
        rated += [
            (2.0 * (hit.path in files) + 1.0 / (2 + place), _make_place(hit))
            for place, hit in enumerate(found)
            if not bench.explain_exclusion(hit.path)
        ]
    rated.sort(key=lambda one: -one[0])
    return tuple(dict.fromkeys(place for _, place in rated))[:MOST_PLACES]


class _Definitions:
    """The definitions of some names in files that the index names; of a long one the index knows parts."""

    def __init__(self, names: Container[str], bench: Workbench) -> None:
        self._names = names
        self._read = bench.read
        self._files: dict[Path, list[Place]] = {}

    def complete(self, hits: Iterable[Hit]) -> Iterator[Place]:
        """Yield the definitions of the names on the lines of `hits`; the lines themselves where there are none."""
        for hit in hits:
            if hit.path not in self._files:
                self._files[hit.path] = list(self._list(hit.path))
            whole = [
                one
                for one in self._files[hit.path]
                if one.first_line < hit.last_line and hit.first_line < one.last_line
            ]
            yield from whole or [_make_place(hit)]

    def _list(self, path: Path) -> Iterator[Place]:
        """Yield the definitions of the names in a file."""
        text = self._read(path)
        if text is None:
            return
        syntax = Syntax.of(Document(path.as_uri(), path, languages.detect(path, text), text))
        for one in list_definitions(syntax):
            if one.name in self._names:
                first = text.count("\n", 0, one.span.start)
                lines = text[one.span.start : one.span.end]
                yield Place(path, first, first + lines.count("\n") + 1, ".".join(one.path), lines)


def _make_place(hit: Hit) -> Place:
    """Return the lines of a hit as a place."""
    return Place(hit.path, hit.first_line, hit.last_line, hit.name, hit.text)


def _list_names(request: str) -> dict[str, str]:
    """Return the last part of each name in `request`, with the word as it is written there."""
    words = [found.group() for found in _NAME.finditer(request)]
    return {re.split(r"\.|::|#", word.strip("`()"))[-1]: word for word in words}


def _find_files(request: str, bench: Workbench) -> frozenset[Path]:
    """Return the workspace's files that `request` names by their path, or the end of it."""
    named = [found.replace("\\", "/").lstrip("./") for found in _FILE.findall(request)]
    return frozenset(
        path
        for path in _take(bench)
        for end in named
        if path.name == end.rpartition("/")[2] and f"/{path.as_posix()}".endswith(f"/{end}")
    )


def _take(bench: Workbench) -> Iterator[Path]:
    """Yield the first `MOST_FILES` files of the workspace."""
    for count, path in enumerate(bench.list_files()):
        if count >= MOST_FILES:
            return
        yield path


def _rate(place: Place, names: dict[str, str], files: frozenset[Path]) -> float:
    """Return how likely the definition at `place` is meant.

    More than 1 if its name is written as code, or its file is named.
    """
    last = place.name.rpartition(".")[2]
    word = names.get(last, "")
    qualified = re.sub(r"::|#", ".", word.strip("`()"))
    exact = "." in qualified and place.name.endswith(qualified)
    return 1.0 + 2.0 * bool(_CODE.search(word)) + 2.0 * exact + 3.0 * (place.path in files)
