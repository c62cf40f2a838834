"""Whether a text still parses after a change, and the line where it no longer does. Start at `broken_line`."""

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


def broken_line(uri: str, path: Path | None, before: str, after: str) -> int | None:
    """The first line, from 1, that a change of `before` to `after` broke; None when it broke nothing.

    A text that did not parse before, or whose language has no grammar, cannot be broken: only more errors than before
    count.
    """
    language = languages.of_path(path or PurePath(uri))
    old = Syntax.of(Document(uri, path, language, before))
    new = Syntax.of(Document(uri, path, language, after))
    if not new.available or new.error_count() <= old.error_count() or _is_python(uri, path, language, after):
        return None
    starts = texts.line_starts(after)
    low, high = 0, len(starts) - 1
    while low < high:  # the first line up to whose end there is an error
        middle = (low + high) // 2
        if new.error_count(Span(0, starts[middle + 1])):
            high = middle
        else:
            low = middle + 1
    return low + 1


def _is_python(uri: str, path: Path | None, language: str, text: str) -> bool:
    """Return whether ruff's parser, which knows newer syntax than the grammar, reads `text`."""
    return language == "python" and Ruff().find_syntax_errors(Document(uri, path, language, text), PARSE_S) == ()
