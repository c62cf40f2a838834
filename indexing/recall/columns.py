"""In which column a recalled line begins: as deep among the lines above the cursor as it stood among its own.

A token says only whether a line is deeper than the one above, not how many blocks it ends. Start at `column_of`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexing.syntax import tokens

if TYPE_CHECKING:
    from indexing.recall.candidates import Candidate
    from indexing.recall.pools import Place

_LOOKED_AT = 256  # tokens above the line, in search of the line that it goes with
_REACH = 8_000  # characters above the cursor
_TAB = 4


def column_of(place: Place, found: Candidate) -> int | None:
    """Return the column for the line that continues `place`, None where what matched does not reach far enough."""
    *above, line = _lines(found) or [""]
    depth = _width(line)
    if not line.strip():
        return None
    compared = sum(token <= tokens.SHALLOWER for token in found.before[: found.matched])
    here = [one for one in place.tail[-_REACH : len(place.tail) - len(place.line)].split("\n") if one.strip()]
    for back in range(1, min(compared, len(above), len(here)) + 1):
        outer = _width(above[-back])
        if outer <= depth:
            return _width(here[-back]) + depth - outer
    return None


def _lines(found: Candidate) -> list[str]:
    """Return the lines up to the one that continues, as they stand where it was found; blank ones left out."""
    ids = found.pool.ids
    first = max(0, found.position - _LOOKED_AT)
    before = ids[first : found.position + 1]
    ends = (before == tokens.SEPARATOR).nonzero()[0]
    first += int(ends[-1]) + 1 if len(ends) else 0
    breaks = (ids[first : found.position + 1] <= tokens.SHALLOWER).nonzero()[0]
    if not len(breaks):
        return []
    begin = first if len(ends) else first + int(breaks[0])
    text = found.pool.read(np.array([begin]), np.array([found.end]))[0][0]
    return [one for one in text.split("\n") if one.strip()]


def _width(line: str) -> int:
    lead = line[: len(line) - len(line.lstrip(" \t"))]
    return sum(_TAB if one == "\t" else 1 for one in lead)
