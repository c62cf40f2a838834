"""Checks of layout: PEP 8 for Python, by ruff; for every language trailing spaces, mixed indentation and long lines.

Of the workspace's linter configuration only line length and Python version count. Start at `check_pep8` and
`count_layout_problems`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.reviewer.ruff import ruff_settings
from indexing.syntax.languages import Trait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.findings import Finding
    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.ruff.ruff import Ruff, RuffFindings
    from indexing.syntax.documents import Document

LONGEST_LINE = 120  # characters; longer lines wrap on most screens
# Matches only from the beginning of each run of spaces, so that it takes linear time.
_TRAILING = re.compile(r"(?<![ \t])[ \t]++(?=\r?\n|$)")
_MIXED = re.compile(r"^(?: +\t|\t+ {2,}\S)", re.MULTILINE)
_LONG = re.compile(rf"^[^\n]{{{LONGEST_LINE + 1},}}", re.MULTILINE)


def check_pep8(document: Document, ruff: Ruff, policy: ReviewPolicy) -> RuffFindings:
    """Run ruff on one Python text; return its violations of PEP 8, or a problem if ruff is missing or fails."""
    return ruff.check(document, policy, ruff_settings.make_pep8_settings(document.path))


def check_pep8_files(
    documents: Sequence[Document], ruff: Ruff, policy: ReviewPolicy
) -> tuple[dict[str, tuple[Finding, ...]], str]:
    """Run ruff on saved Python files; return their violations of PEP 8 by URI, and a problem ("" for none)."""
    return ruff.check_files(documents, policy, ruff_settings.make_pep8_settings)


def count_layout_problems(document: Document) -> int:
    """Return the number of layout problems in a text.

    Counts lines that have trailing spaces, mixed indentation, the rarer line ending or over 120 characters, and a
    missing line end at the end of the text. Trailing spaces do not count in languages that give them a meaning.
    """
    text = document.text
    count = len(_MIXED.findall(text)) + len(_LONG.findall(text))
    if Trait.TRAILING_SPACES not in document.entry.traits:
        count += len(_TRAILING.findall(text))
    endings = {"\r\n": text.count("\r\n")}
    endings["\n"] = text.count("\n") - endings["\r\n"]
    return count + min(endings.values()) + (bool(text) and not text.endswith(("\n", "\r")))
