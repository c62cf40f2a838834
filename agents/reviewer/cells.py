"""What may be said of one cell of a notebook, whose names and imports are shared with the others.

A cell is reviewed as a text of its own; remarks that need the whole are dropped here. Start at `said_of_cell`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.records import Finding

# A name may be bound, used or imported in another cell, and a cell ends with the value it shows.
WHOLE = frozenset({"F401", "F403", "F405", "F811", "F821", "F822", "B018", "B015", "E402", "PLE0118", "INP001"})
BROKEN = frozenset({"invalid-syntax", "E999"})
_MAGIC = re.compile(r"^\s*(?:%|!|\?)|\?\s*$", re.MULTILINE)  # IPython's own lines, which are no Python


def said_of_cell(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """The findings of the cell `text` that hold whatever stands in the other cells."""
    dropped = WHOLE | BROKEN if _MAGIC.search(text) else WHOLE
    return tuple(finding for finding in findings if finding.code not in dropped)
