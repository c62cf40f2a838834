"""The column of a recalled line: as deep below the lines above the cursor as it was below the lines above it.

Tokens alone do not tell it: they say whether a line is deeper than the one above, not how many blocks it ends. Start at
`find_column`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from indexing.recall.candidates import Candidate
    from indexing.recall.pools import CursorText

_TOKENS_ABOVE = 256  # that are read above the recalled line
_REACH = 8_000  # characters above the cursor that are looked at
_TAB = 4


def find_column(cursor: CursorText, found: Candidate) -> int | None:
    """Return the column for the recalled line `found` at the cursor.

    None if the line is blank, or if no matched line above it is indented as much or less.
    """
    *above, line = _read_lines(found) or [""]
    depth = _measure_indent(line)
    if not line.strip():
        return None
    compared = sum(token <= tokens.SHALLOWER for token in found.before[: found.matched])
    here = [one for one in cursor.tail[-_REACH : len(cursor.tail) - len(cursor.line)].split("\n") if one.strip()]
    for back in range(1, min(compared, len(above), len(here)) + 1):
        outer = _measure_indent(above[-back])
        if outer <= depth:
            return _measure_indent(here[-back]) + depth - outer
    return None


def _read_lines(found: Candidate) -> list[str]:
    """Return the lines above the recalled line in its file, then the line itself, without blank lines.

    Reads `_TOKENS_ABOVE` tokens back; empty if they contain no line break.
    """
    first = max(0, found.position - _TOKENS_ABOVE)
    before = found.pool.read_ids(np.arange(first, found.position + 1))
    ends = (before == tokens.SEPARATOR).nonzero()[0]
    own = int(ends[-1]) + 1 if len(ends) else 0
    first += own
    breaks = (before[own:] <= tokens.SHALLOWER).nonzero()[0]
    if not len(breaks):
        return []
    begin = first if len(ends) else first + int(breaks[0])
    text = found.pool.read(np.array([begin]), np.array([found.end]))[0][0]
    return [one for one in text.split("\n") if one.strip()]


def _measure_indent(line: str) -> int:
    """Return the width of the indentation of `line` in columns, a tab as `_TAB`."""
    lead = line[: len(line) - len(line.lstrip(" \t"))]
    return sum(_TAB if one == "\t" else 1 for one in lead)
