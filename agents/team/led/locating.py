"""The code that a request is about, found by the names and files in it, else by search. Start at `locate`.

Looks at the form of words (`max_size`, `Cart.total`, `src/cart.py`), never at words of one language. Where no name is
written as code, the index' search and a search for lines that hold the request's words are combined.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.tasks.rewriting.definitions import list_definitions
from agents.team.led.line_search import CODE, find_lines
from indexing.records import Query
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from agents.team.led.line_search import FoundLine
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

LONGEST_PLACE = 80
"""Lines of a definition that a found line stands for; of a longer one, the lines around it do."""

BY_WORD = 0.4
"""Rating of a function or type whose name is an ordinary word of the request; the best search result has 0.5."""

BY_PATH = 0.2
"""Rating of a place whose folder or file has a word of the request as its name."""

AROUND = 15
"""Lines before and after a found line that is in no short definition."""

_NAME = re.compile(r"`?[^\W\d]\w*(?:(?:\.|::|#)[^\W\d]\w*)*(?:`|\(\))?")
_FILE = re.compile(r"(?<![\w.\-/\\])[\w.\-/\\]*\w\.\w{1,10}\b")  # linear: tried once a word
_ADDRESS = re.compile(r"\w{2,20}://\S+")
_QUOTED = re.compile(r"[`.:#(]")
"""Signs around and between names that are written as code: a quote, a dot, a parenthesis."""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of the workspace's code.

    Attributes:
        path: absolute path.
        first_line: from 0.
        last_line: the line after the last.
        name: qualified name of its definition; "" for none.
        text: its lines.
        sort: "function", "type" or "value"; "" where that is not known.
        is_named: whether the request names this definition as code.
    """

    path: Path
    first_line: int
    last_line: int
    name: str
    text: str
    sort: str = ""
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """The code that a request is about.

    Attributes:
        places: at most `MOST_PLACES`, the likeliest first; () for none.
        lines: lines that hold words of the request, the likeliest first.
    """

    places: tuple[Place, ...] = ()
    lines: tuple[FoundLine, ...] = ()


def locate(request: str, index: Index, bench: Workbench) -> Located:
    """Return the code that `request` is most likely about, by its names, its files and search. Blocking."""
    request = request[:LONGEST]
    files = find_files(request, bench)
    names = list_names(request)
    deadline = time.monotonic() + SEARCH_S
    finder = DefinitionFinder(index, bench)
    rated = [
        (_rate(one, names, files), replace(one, is_named=_is_named(one, names))) for one in finder.find(names, deadline)
    ]
    found = [hit for hit in index.search(Query(request), limit=MOST_HITS, deadline=deadline) if finder.may_show(hit)]
    lines = find_lines(request, _order_files(files, found, bench), bench.read, deadline)
    if not any(rating > 1 for rating, _ in rated):
        rated += _combine(found, lines, files, names, finder)
    rated.sort(key=lambda one: -one[0])
    return Located(tuple(dict.fromkeys(place for _, place in rated))[:MOST_PLACES], lines)


def _combine(
    found: Iterable[Hit],
    lines: Iterable[FoundLine],
    files: Collection[Path],
    words: Collection[str],
    finder: DefinitionFinder,
) -> list[tuple[float, Place]]:
    """Return the places of the index' search and of the found lines, each with its rating; higher is likelier.

    The rating is higher for a place that both have, for one in `files`, and for one in a file or below a folder whose
    name is one of `words`.
    """
    ratings: dict[Place, float] = {}
    searched = [make_place(hit) for hit in found]

    def rate_file(path: Path) -> float:
        """Return what the file of a place adds to its rating."""
        return 2.0 * (path in files) + BY_PATH * any(part in words for part in (path.stem, *path.parts[-4:-1]))

    for at, place in enumerate(searched):
        ratings[place] = ratings.get(place, 0.0) + 1.0 / (2 + at) + rate_file(place.path)
    seen: set[Place] = set()
    for at, line in enumerate(lines):
        place = next((one for one in searched if _holds(one, line)), None) or finder.find_around(line)
        if place in seen:
            continue
        seen.add(place)
        ratings.setdefault(place, rate_file(place.path))
        ratings[place] += 1.0 / (2 + at)
    return [(rating, place) for place, rating in ratings.items()]


def _holds(place: Place, line: FoundLine) -> bool:
    """Return whether `line` is in `place`."""
    return place.path == line.path and place.first_line <= line.number < place.last_line


def _order_files(files: Iterable[Path], found: Iterable[Hit], bench: Workbench) -> tuple[Path, ...]:
    """Return the files to search for lines: those that the request names, those of `found`, then all others."""
    return tuple(dict.fromkeys((*files, *(hit.path for hit in found), *_list_first_files(bench))))


class DefinitionFinder:
    """Finds whole definitions by name, also those of which the index has only parts."""

    def __init__(self, index: Index, bench: Workbench) -> None:
        self._index = index
        self._bench = bench
        self._files: dict[Path, tuple[Place, ...]] = {}

    def may_show(self, hit: Hit) -> bool:
        """Return whether the file of `hit` may be read."""
        return not self._bench.explain_exclusion(hit.path)

    def find(self, names: Collection[str], deadline: float) -> Iterator[Place]:
        """Yield the definitions of `names`, whole, as their files have them now; a definition may come twice.

        For a definition that its file no longer has, yields the lines in the index. Skips files that may not be read.
        """
        nowhere = Document("starling:search", None, "text", "")
        for hit in self._index.find_definitions(set(names), document=nowhere, limit=MOST_HITS, deadline=deadline):
            if not self.may_show(hit):
                continue
            whole = [
                one
                for one in self.list_in(hit.path)
                if one.name.rpartition(".")[2] in names
                and one.first_line < hit.last_line
                and hit.first_line < one.last_line
            ]
            yield from whole or [make_place(hit)]

    def find_around(self, line: FoundLine) -> Place:
        """Return the innermost short definition that holds `line`, else the lines around it."""
        around = [
            one
            for one in self.list_in(line.path)
            if _holds(one, line) and one.last_line - one.first_line <= LONGEST_PLACE
        ]
        if around:
            return max(around, key=lambda one: one.first_line)
        lines = (self._bench.read(line.path) or "").splitlines()
        first, last = max(0, line.number - AROUND), min(len(lines), line.number + AROUND + 1)
        return Place(line.path, first, last, "", "\n".join(lines[first:last]))

    def list_in(self, path: Path) -> tuple[Place, ...]:
        """Return all definitions in a file, in order; () if it may not be read. Reads each file only once."""
        if path not in self._files:
            self._files[path] = tuple(list_places(path, self._bench.read(path)))
        return self._files[path]


def list_places(path: Path, text: str | None) -> Iterator[Place]:
    """Yield the definitions in `text`, the text of the file `path`; nothing if it is None."""
    if text is None:
        return
    syntax = Syntax.of(Document(path.as_uri(), path, languages.detect(path, text), text))
    for one in list_definitions(syntax):
        first = text.count("\n", 0, one.span.start)
        lines = text[one.span.start : one.span.end]
        yield Place(path, first, first + lines.count("\n") + 1, ".".join(one.path), lines, one.sort)


def make_place(hit: Hit) -> Place:
    """Return the lines of a hit as a place."""
    return Place(hit.path, hit.first_line, hit.last_line, hit.name, hit.text)


def list_names(request: str) -> dict[str, tuple[str, ...]]:
    """Return the words of `request`, grouped by their last part: `Cart.total()` and `total` under `total`."""
    found: dict[str, tuple[str, ...]] = {}
    for match in _NAME.finditer(request):
        word = match.group()
        last = re.split(r"\.|::|#", word.strip("`()"))[-1]
        found[last] = (*found.get(last, ()), word)
    return found


def find_files(request: str, bench: Workbench) -> frozenset[Path]:
    """Return the files that `request` names by their path or its end, among the first `MOST_FILES` of the workspace."""
    named = list_file_names(request)
    return frozenset(
        path
        for path in _list_first_files(bench)
        for end in named
        if path.name == end.rpartition("/")[2] and f"/{path.as_posix()}".endswith(f"/{end}")
    )


def list_file_names(request: str) -> tuple[str, ...]:
    """Return the words of `request` that look like a file's path, with forward slashes; skips web addresses."""
    words = _FILE.findall(_ADDRESS.sub(" ", request))
    return tuple(word.replace("\\", "/").removeprefix("./").lstrip("/") for word in words)


def _list_first_files(bench: Workbench) -> Iterator[Path]:
    """Yield the first `MOST_FILES` files of the workspace."""
    for count, path in enumerate(bench.list_files()):
        if count >= MOST_FILES:
            return
        yield path


def _rate(place: Place, names: Mapping[str, Iterable[str]], files: Collection[Path]) -> float:
    """Return a rating of how likely the request means the definition at `place`; higher is likelier.

    More than 1 if its name is written as code, or its file is named.
    """
    words = names.get(place.name.rpartition(".")[2], ())
    exact = any(_is_qualified(word, place.name) for word in words)
    plain = BY_WORD if place.sort != "value" else 0.0
    return plain + 2.0 * _is_named(place, names) + 2.0 * exact + 3.0 * (place.path in files)


def _is_named(place: Place, names: Mapping[str, Iterable[str]]) -> bool:
    """Return whether the request writes the name of the definition at `place` as code; `names` has its words."""
    return any(map(is_code, names.get(place.name.rpartition(".")[2], ())))


def is_code(word: str) -> bool:
    """Return whether a word of a request is written as a name of code."""
    return _QUOTED.search(word) is not None or CODE.search(word) is not None


def _is_qualified(word: str, name: str) -> bool:
    """Return whether `word` has more than one part and names the definition `name`."""
    qualified = re.sub(r"::|#", ".", word.strip("`()"))
    return "." in qualified and name.endswith(qualified)
