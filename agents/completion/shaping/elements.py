"""The elements of the innermost bracket around a cursor: arguments, parameters, entries, separated by commas.

Found without a grammar, so that half-typed code does not matter. Start at `Elements.around`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from agents.completion.shaping.brackets import CLOSER_OF, CLOSERS, compile_strings
from agents.completion.shaping.closing import cut_to_definition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.completion.cursor import Cursor

_BEFORE, _AFTER = 3_000, 1_500  # characters before and after the cursor that are searched
_PARAMETERS = re.compile(r"\b(?:def|function|func|fn|fun)\s+[\w.]*\s*\Z|\blambda\s*\Z")


@dataclass(frozen=True, slots=True)
class Elements:
    """The bracket around a cursor, as it is without the cursor's own element.

    Attributes:
        opener: the opening bracket.
        declares: whether the bracket holds the parameters of a definition.
        current: the code of the cursor's element that is before the cursor.
        others: the other elements, without white space around them.
        language: the document's language.
    """

    opener: str
    declares: bool
    current: str
    others: tuple[str, ...]
    language: str

    @classmethod
    def around(cls, cursor: Cursor) -> Elements | None:
        """Return the elements of the innermost open bracket at `cursor`; None outside of brackets."""
        language = cursor.document.language
        text = cut_to_definition(cursor.prefix[-_BEFORE:])
        opened: list[list[int]] = []  # for each open bracket its offset, then those of its commas
        for found in _compile_marks(language).finditer(text):
            mark = found.group()
            if mark in CLOSER_OF:
                opened.append([found.start()])
            elif mark == ",":
                if opened:
                    opened[-1].append(found.start())
            elif mark in CLOSERS and opened:
                opened.pop()
        if not opened:
            return None
        marks = [*opened[-1], len(text)]
        *above, current = (text[begin + 1 : end] for begin, end in pairwise(marks))
        below = _split(cursor.suffix[:_AFTER], language)[1:]
        others = tuple(one for raw in (*above, *below) if (one := _strip(raw, language)))
        opener = text[marks[0]]
        declares = opener == "(" and _PARAMETERS.search(text[: marks[0]]) is not None
        return cls(opener, declares, current, others, language)

    def split_new(self, text: str) -> Sequence[str]:
        """Return the elements that `text`, inserted at the cursor, completes or adds, without white space around."""
        return [one for raw in _split(self.current + text, self.language) if (one := _strip(raw, self.language))]


def _split(text: str, language: str) -> list[str]:
    """Return the parts of `text` between commas, up to the first closing bracket that `text` does not open."""
    parts: list[str] = []
    begin = depth = 0
    for found in _compile_marks(language).finditer(text):
        mark = found.group()
        if mark in CLOSER_OF:
            depth += 1
        elif mark in CLOSERS:
            depth -= 1
            if depth < 0:
                return [*parts, text[begin : found.start()]]
        elif mark == "," and not depth:
            parts.append(text[begin : found.start()])
            begin = found.end()
    return [*parts, text[begin:]]


def _strip(element: str, language: str) -> str:
    """Return `element` without comments at its beginning and white space around it."""
    element = element.strip()
    while (found := _compile_marks(language).match(element)) is not None and found.group()[0] not in "([{\"'`":
        if found.end() == 0:
            break
        element = element[found.end() :].strip()
    return element


@cache
def _compile_marks(language: str) -> re.Pattern[str]:
    """Compile the pattern of strings, comments, brackets and commas."""
    return re.compile(rf"{compile_strings(language).pattern}|[()\[\]{{}},]")
