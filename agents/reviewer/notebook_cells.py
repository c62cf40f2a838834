"""A filter for findings in a notebook cell, which shares names and imports with the other cells.

A cell is reviewed as a separate text; findings that need the whole notebook are dropped here. Start at
`filter_cell_findings`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.findings import Finding

# A name may be bound, used or imported in another cell, and a cell's last expression is its output.
_NEED_WHOLE_NOTEBOOK = frozenset(
    {"F401", "F403", "F405", "F811", "F821", "F822", "F823", "B018", "B015", "E402", "PLE0118", "INP001"}
)
_MAY_BE_OUTPUT = frozenset({"idle-comparison", "RUF006"})
_SYNTAX_ERRORS = frozenset({"invalid-syntax", "E999"})
_TOP_LEVEL_AWAIT = frozenset({"PLE1142", "F704", "invalid-syntax"})  # IPython allows `await` at the top level of a cell
# IPython's magic commands, which are no Python.
_MAGIC = re.compile(r"^\s*(?:%|!|\?)|\?\s*$|^\s*[\w, ]+=\s*[%!]", re.MULTILINE)
# A cell magic that makes the cell another language.
_OTHER_LANGUAGE = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b|python3?\b)\w")


def filter_cell_findings(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """Return the findings of the cell `text` that hold whatever the other cells contain.

    Also drops findings about `await` at the top level, findings about unused values, which a notebook shows, syntax
    errors in a cell with magic commands, and all findings in a cell of another language.
    """
    if _OTHER_LANGUAGE.match(text):
        return ()
    dropped = _NEED_WHOLE_NOTEBOOK | _MAY_BE_OUTPUT | (_SYNTAX_ERRORS if _MAGIC.search(text) else frozenset())
    return tuple(finding for finding in findings if finding.code not in dropped and not _is_top_level_await(finding))


def _is_top_level_await(finding: Finding) -> bool:
    """Return whether `finding` is about `await` at the top level of the cell; `yield` there stays an error."""
    words = finding.message.lower()
    return finding.code in _TOP_LEVEL_AWAIT and ("await" in words or "async" in words)
