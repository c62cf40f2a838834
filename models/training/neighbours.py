"""Passages of a package's other files that may help at a cursor, so that the model learns to use them.

A fast substitute for the product's index, for millions of samples. Passages are ranked by the rare names that they
share with the lines before the cursor. Never reads text after the cursor. Start at
`Neighbourhood.find`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from models.training.duplicates import extract_identifiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from models.training.sources import SourceFile

_NEAR_LINES = 12  # lines before the cursor whose names are looked up, as in the product
_PASSAGE_LINES = 24
_MOST_PLACES = 40  # passages of a package; a name that occurs in more is not rare
_BEGINS = re.compile(r"^[^\W\d]\w* ?.*[:{(]$|^(?:async def|def|class|export|function|func|fn|pub|impl|type)\b")


@dataclass(frozen=True, slots=True)
class Passage:
    """Up to 24 lines of a file, with its path."""

    path: str
    text: str


class Neighbourhood:
    """The passages of `files`, by package and identifier."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._passages: list[Passage] = []
        self._by_name: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for file in files:
            for text in split_passages(file.text):
                for name in extract_identifiers(text):
                    self._by_name[file.package, name].append(len(self._passages))
                self._passages.append(Passage(file.path, text))

    def find(self, package: str, path: str, prefix: str, *, most: int) -> list[Passage]:
        """Return up to `most` passages of other files of `package`, best first.

        Passages are ranked by the rare identifiers that they share with the last lines of `prefix`, the text before the
        cursor in the file `path`.
        """
        lines = prefix[-2000:].split("\n")[-_NEAR_LINES:]
        scores: defaultdict[int, float] = defaultdict(float)
        for name in sorted(extract_identifiers("\n".join(lines))):
            places = self._by_name.get((package, name), ())
            if len(places) <= _MOST_PLACES:
                for number in places:
                    scores[number] += 1 / (1 + len(places))
        best = (self._passages[number] for number in sorted(scores, key=lambda number: (-scores[number], number)))
        return list(islice((passage for passage in best if passage.path != path), most))


def split_passages(text: str) -> Iterator[str]:
    """Yield `text` in passages of at most 24 lines; a definition without indentation begins a new passage."""
    piece: list[str] = []
    for line in text.split("\n"):
        if piece and (len(piece) >= _PASSAGE_LINES or _BEGINS.match(line)):
            yield "\n".join(piece).strip("\n")
            piece = []
        piece.append(line)
    if piece:
        yield "\n".join(piece).strip("\n")
