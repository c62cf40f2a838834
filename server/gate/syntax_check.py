"""The syntax check of a changed text. Start at `find_broken_line`."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from agents.reviewer.ruff.ruff import Ruff
from indexing.syntax import languages, texts
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from pathlib import Path

PARSE_S = 5.0


def find_broken_line(uri: str, path: Path | None, before: str, after: str) -> int | None:
    """Return the number, from 1, of the first line of `after` with a syntax error.

    Returns None if `after` has no more errors than `before`, if ruff can parse it, or if Starling has no grammar of the
    language.
    """
    language = languages.detect(path or PurePath(uri))
    old = Syntax.of(Document(uri, path, language, before))
    new = Syntax.of(Document(uri, path, language, after))
    if not new.available or new.count_errors() <= old.count_errors() or _is_valid_python(uri, path, language, after):
        return None
    starts = texts.find_line_starts(after)
    low, high = 0, len(starts) - 1
    while low < high:  # bisect for the first line with an error before its end
        middle = (low + high) // 2
        if new.count_errors(Span(0, starts[middle + 1])):
            high = middle
        else:
            low = middle + 1
    return low + 1


def _is_valid_python(uri: str, path: Path | None, language: str, text: str) -> bool:
    """Return whether `text` is Python that ruff can parse: ruff knows newer syntax than the grammar does."""
    return (
        languages.get(language).ruff and Ruff().find_syntax_errors(Document(uri, path, language, text), PARSE_S) == ()
    )
