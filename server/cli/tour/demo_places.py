"""The places that the tour completes: lines of real files, chosen by rules, the same ones every time.

A place is a line cut where a person may stop to think: after `return`, inside a call, at the first line of a body. The
rest of the line is kept for comparison. Reads only files that may be indexed; writes nothing. Start at `find_places`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from indexing.limits import IndexLimits
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.texts import decode
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.files import read_regular
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")

FILES = 12
LOOKED_AT = 20_000  # files; the rest of a huge workspace is not listed
MIN_BYTES, MAX_BYTES = 200, 60_000

IMPORT = "in an import"
# Each kind of place: the text up to the cursor (group 1) and the rest of the line, which the demonstration removes.
KINDS: dict[str, re.Pattern[str]] = {
    "after return": re.compile(r"(\s*return )(\S.{3,})"),
    "inside a call": re.compile(r"(\s*(?:[\w.]+ = |return |await )?[\w.]*\w\()([^\s()][^()]{2,}\)[;:]?)"),
    "after an equals sign": re.compile(r"(\s*(?:const |let |var |auto )?[\w.]+ (?::=|=) )(\S.{3,})"),
    "in a condition": re.compile(r"(\s*(?:el)?if \(?)(\S.{3,})"),
    "in a loop": re.compile(r"(\s*for \(?)(\w.{5,})"),
    "after a dot": re.compile(r"(\s*(?:self|this)\.)(\w.{3,})"),
    IMPORT: re.compile(r"(from \S+ import |import )(\w.{2,})"),
}
BODY = "first line of a body"
OPENS = re.compile(r"\s*(?:async )?def .*:|\s*(?:pub )?(?:func|fn|function)\b.*\{|.*\) \{")
NO_CODE = re.compile(r"""\s*(?:[\"'#*}\])]|//|/\*|--|$)""")


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """A place to complete.

    Attributes:
        path: absolute path of the file.
        relative: the path relative to the workspace.
        language: the language's name in `languages`.
        kind: the kind of place, for a person.
        text: the file's text without the rest of the cursor's line.
        line: the cursor's line, from 0.
        before: the line up to the cursor.
        truth: the rest of the line, as the file has it.
    """

    path: Path
    relative: str
    language: str
    kind: str
    text: str
    line: int
    before: str
    truth: str


def find_places(root: Path, *, limit: int = 60) -> tuple[DemoPlace, ...]:
    """Return up to `limit` places in files of `root`, alternating files and kinds; empty if there is no code."""
    places = [list(_find_in_file(path, relative, language)) for path, relative, language in _choose_files(root)]
    turns = itertools.zip_longest(*(_rotate(found, number) for number, found in enumerate(places)))
    return tuple(place for turn in turns for place in turn if place is not None)[:limit]


def _choose_files(root: Path) -> list[tuple[Path, str, str]]:
    """Return up to `FILES` files of medium size in the three most frequent languages: path, relative path, language."""
    limits = IndexLimits()
    by_language: dict[str, list[str]] = {}
    for found in itertools.islice(walk(Exclusion(root, limits), limits, WalkCounts()), LOOKED_AT):
        language = languages.detect(root / found.relative)
        if languages.get(language).kind is languages.Kind.CODE and MIN_BYTES <= found.size <= MAX_BYTES:
            by_language.setdefault(language, []).append(found.relative)
    ranked = sorted(by_language.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    shares = (FILES,) if len(ranked) == 1 else (FILES - 3, 2, 1)
    return [
        (root / relative, relative, language)
        for (language, names), share in zip(ranked, shares, strict=False)
        for relative in _pick_evenly(sorted(names), share)
    ]


def _find_in_file(path: Path, relative: str, language: str) -> Iterator[DemoPlace]:
    """Yield at most one place of each kind, near the middle of the file; none of a file that cannot be read."""
    try:
        text = decode(read_regular(path, MAX_BYTES)[0])
    except OSError:
        return
    lines = text.splitlines(keepends=True)
    found: dict[str, list[tuple[int, str, str]]] = {}
    for number, line in enumerate(lines):
        bare = line.rstrip()
        if NO_CODE.match(bare) or len(bare) > 160:
            continue
        if number and OPENS.fullmatch(lines[number - 1].rstrip()):
            indent = bare[: len(bare) - len(bare.lstrip())]
            found.setdefault(BODY, []).append((number, indent, bare[len(indent) :]))
        for kind, pattern in KINDS.items():
            if match := pattern.fullmatch(bare):
                found.setdefault(kind, []).append((number, match[1], match[2]))
    code = _Code(Document(path.as_uri(), path, language, text))
    for kind, matches in found.items():
        for number, before, truth in _order_from_middle(matches):
            start = sum(map(len, lines[:number]))
            if not code.is_code(start + len(before)):
                continue
            end = start + len(before) + len(truth)
            cut = text[: start + len(before)] + text[end:]
            yield DemoPlace(path, relative, language, kind, cut, number, before, truth)
            break


class _Code:
    """The syntax of a file, which tells code from comments and strings."""

    def __init__(self, document: Document) -> None:
        from indexing.syntax.syntax import Syntax  # noqa: PLC0415 (tree-sitter)

        self._syntax = Syntax.of(document)

    def is_code(self, offset: int) -> bool:
        """Return whether `offset` is in code, not in a comment or string."""
        return self._syntax.find_surroundings(offset).kind in {"code", "none"}


def _order_from_middle(items: Sequence[T]) -> list[T]:
    """Return four `items` from the middle on, then the four before them, the nearest first; fewer at the ends."""
    middle = len(items) // 2
    return [*items[middle : middle + 4], *items[:middle][::-1][:4]]


def _pick_evenly(items: Sequence[T], count: int) -> list[T]:
    """Return up to `count` of `items` at even distances."""
    if len(items) <= count:
        return list(items)
    return [items[(2 * number + 1) * len(items) // (2 * count)] for number in range(count)]


def _rotate(items: Sequence[T], by: int) -> list[T]:
    """Return `items` starting at index `by`, so that each file begins with another kind of place."""
    by = by % len(items) if items else 0
    return [*items[by:], *items[:by]]
