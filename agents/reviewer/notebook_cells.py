"""What may be said of one cell of a notebook, whose names and imports are shared with the others.

A cell is reviewed as a text of its own; remarks that need the whole are dropped here. Start at `said_of_cell`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.findings import Finding

# A name may be bound, used or imported in another cell, and a cell ends with the value it shows.
WHOLE = frozenset({"F401", "F403", "F405", "F811", "F821", "F822", "F823", "B018", "B015", "E402", "PLE0118", "INP001"})
_SHOWN = frozenset({"idle-comparison", "RUF006"})
BROKEN = frozenset({"invalid-syntax", "E999"})
_WAITS = frozenset({"PLE1142", "F704", "invalid-syntax"})  # IPython awaits at the top of a cell
_MAGIC = re.compile(r"^\s*(?:%|!|\?)|\?\s*$|^\s*[\w, ]+=\s*[%!]", re.MULTILINE)  # IPython's own lines, no Python
_OTHER = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b|python3?\b)\w")  # the cell is of another language


def said_of_cell(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """Return the findings of the cell `text` that hold whatever stands in the other cells."""
    if _OTHER.match(text):
        return ()
    dropped = WHOLE | _SHOWN | (BROKEN if _MAGIC.search(text) else frozenset())
    return tuple(finding for finding in findings if finding.code not in dropped and not _awaits(finding))


def _awaits(finding: Finding) -> bool:
    """Return whether a finding is about waiting at the top of the cell; `yield` there is still none."""
    words = finding.message.lower()
    return finding.code in _WAITS and ("await" in words or "async" in words)
