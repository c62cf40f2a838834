"""The syntax check of a changed text. Start at `find_broken_line`."""

from __future__ import annotations

import difflib
import itertools
from pathlib import PurePath
from typing import TYPE_CHECKING

from agents.reviewer.ruff.ruff import Ruff
from indexing.syntax import languages, texts
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PARSE_S = 5.0
MOST_ALIGNED = 4000
"""Lines between the first and the last change that are aligned; of more, all count as changed."""


def find_broken_line(uri: str, path: Path | None, before: str, after: str) -> int | None:
    """Return the number, from 1, of the line of `after` with the first syntax error that `before` does not have.

    Of an error that spans several lines, or that the parser notices in the line after its cause, names the first
    changed line.

    Returns None if `after` has no more errors than `before`, if ruff can parse it, or if Starling has no grammar of the
    language.
    """
    language = languages.detect(path or PurePath(uri))
    old = Syntax.of(Document(uri, path, language, before))
    new = Syntax.of(Document(uri, path, language, after))
    if not new.available or new.count_errors() <= old.count_errors() or _is_valid_python(uri, path, language, after):
        return None
    lines = _split(after)
    kept = _align_lines(_split(before), lines)
    old_starts, starts = texts.find_line_starts(before), texts.find_line_starts(after)
    known = {texts.find_line(old_starts, one.start) for one in old.find_errors()}
    places = [(texts.find_line(starts, one.start), texts.find_line(starts, one.end)) for one in new.find_errors()]
    fresh = [place for place in places if kept.get(place[0]) not in known] or places
    return min(_find_cause(first, last, kept, lines) for first, last in fresh) + 1


def _find_cause(first: int, last: int, kept: Mapping[int, int], lines: Sequence[str]) -> int:
    """Return the line, from 0, that an error in the lines `first` to `last` is about; `kept` has unchanged lines.

    That is the first changed line of these, or the changed line before them, or else `first`.
    """
    if (changed := next((line for line in range(first, last + 1) if line not in kept), None)) is not None:
        return changed
    above = first - 1
    while above > 0 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and above not in kept else first


def _split(text: str) -> list[str]:
    """Return the lines of `text` as LSP counts these, without their ends."""
    starts = texts.find_line_starts(text)
    return [text[start:end].rstrip("\r\n") for start, end in itertools.pairwise([*starts, len(text)])]


def _align_lines(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Return the lines of `new` that are unchanged, from 0, with their numbers in `old`."""
    least = min(len(old), len(new))
    head = next((at for at in range(least) if old[at] != new[at]), least)
    tail = next((at for at in range(least - head) if old[-1 - at] != new[-1 - at]), least - head)
    kept = {at: at for at in range(head)} | {len(new) - 1 - at: len(old) - 1 - at for at in range(tail)}
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(old_middle), len(new_middle)) <= MOST_ALIGNED:
        for start, new_start, size in difflib.SequenceMatcher(None, old_middle, new_middle).get_matching_blocks():
            kept |= {head + new_start + at: head + start + at for at in range(size)}
    return kept


def _is_valid_python(uri: str, path: Path | None, language: str, text: str) -> bool:
    """Return whether `text` is Python that ruff can parse: ruff knows newer syntax than the grammar does."""
    return (
        languages.get(language).ruff and Ruff().find_syntax_errors(Document(uri, path, language, text), PARSE_S) == ()
    )
