"""Lines of the workspace that hold words of a request: the more words, and the rarer they are, the better.

A word is compared by its beginning and without regard to case, so that `raises` finds `raise`; a name that is written
as code is compared exactly. Knows no words of any language. Start at `find_lines`.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MOST_LINES = 12
MOST_WORDS = 40
MOST_MATCHES = 200_000
"""Lines with any of the words, beyond which no further file is read."""

LONGEST_LINE = 300
LONG_LINE = 200
"""Characters of a line that halve its score: long lines hold many words by chance."""

PROSE_WEIGHT = 0.4
SHORT = 3
"""Characters of a word that counts only where it stands alone."""

ENDING = 2
"""Characters at the end of a longer word that do not count."""

LEAST_SHARE = 0.6
"""Share of the best line's score that another line needs."""

CODE = re.compile(r"[_\d]|[^\W\d_][A-Z]")
"""Signs inside of a word that make it a name of code."""

_PROSE = re.compile(r"(?:[^\W\d_]+,? ){4}|^(?:#|//|--|\*|/\*|;)")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that holds words of a request.

    Attributes:
        path: absolute path.
        number: from 0.
        text: without white space around it, at most `LONGEST_LINE` characters.
        score: sum of the rarity of its words, less for a long line and for prose; higher is better.
    """

    path: Path
    number: int
    text: str
    score: float


def find_lines(
    request: str, paths: Iterable[Path], read: Callable[[Path], str | None], deadline: float
) -> tuple[FoundLine, ...]:
    """Return at most `MOST_LINES` lines that hold the most and the rarest words of `request`, the best first.

    Leaves out a line with one word only, unless that is a name of code, and lines with less than `LEAST_SHARE` of the
    best score. Blocking, until `deadline` (`time.monotonic`) at most.

    Args:
        request: words.
        paths: the files to search.
        read: returns the text of a file, None for one that is not searched.
        deadline: time after which no further file is read.
    """
    patterns = _make_patterns(request)
    if not patterns:
        return ()
    anything = re.compile("|".join(f"(?:{one.pattern})" for one in patterns.values()), re.IGNORECASE)
    matches: list[tuple[Path, int, str, frozenset[str]]] = []
    total = 1
    for path in paths:
        if time.monotonic() > deadline or len(matches) > MOST_MATCHES:
            break
        lines = (read(path) or "").splitlines()
        total += len(lines)
        for number, line in enumerate(lines):
            shown = line[:LONGEST_LINE]
            if anything.search(shown) and (held := _find_words(shown, patterns)):
                matches.append((path, number, shown.strip(), held))
    counts = Counter(word for *_, held in matches for word in held)
    rarity = {word: math.log(1 + total / count) ** 2 for word, count in counts.items()}
    scored = [
        FoundLine(path, number, text, sum(rarity[word] for word in held) * _weigh(text))
        for path, number, text, held in matches
        if len(held) > 1 or any(CODE.search(word) for word in held)
    ]
    scored.sort(key=lambda one: -one.score)
    least = scored[0].score * LEAST_SHARE if scored else 0.0
    return tuple(one for one in scored[:MOST_LINES] if one.score >= least)


def _weigh(text: str) -> float:
    """Return the weight of a line with `text`: less for prose and long lines, which hold words by chance."""
    return (PROSE_WEIGHT if _PROSE.search(text) else 1.0) / (1 + len(text) / LONG_LINE)


def _make_patterns(request: str) -> dict[str, re.Pattern[str]]:
    """Return the regular expressions of the first `MOST_WORDS` words of `request` with `SHORT` or more characters."""
    words = dict.fromkeys(word for word in _WORD.findall(request) if len(word) >= SHORT)
    return {word: _make_pattern(word) for word in list(words)[:MOST_WORDS]}


def _make_pattern(word: str) -> re.Pattern[str]:
    """Return the regular expression that finds `word`: a name of code exactly, any other by its beginning.

    Case makes a difference only for a name of code. Any other word with at most `SHORT` characters is found only where
    no letters are around it.
    """
    if CODE.search(word) and ("_" in word or not word.isupper()):  # QEMU may be an abbreviation
        return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    if len(word) <= SHORT:
        return re.compile(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", re.IGNORECASE)
    return re.compile(re.escape(word[: max(SHORT + 1, len(word) - ENDING)]), re.IGNORECASE)


def _find_words(line: str, patterns: dict[str, re.Pattern[str]]) -> frozenset[str]:
    """Return the words of `patterns` whose regular expressions match in `line`."""
    return frozenset(word for word, pattern in patterns.items() if pattern.search(line))
