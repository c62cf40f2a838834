"""How a text is laid out: PEP 8 for Python, by ruff's pycodestyle and naming rules; for every language what none wants.

Independent of what a workspace selects for its own linter. Start at `pep8` and `layout_problems`.
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

LONGEST_LINE = 120  # characters; beyond it most screens and reviews wrap
_TRAILING = re.compile(r"(?<![ \t])[ \t]++(?=\r?\n|$)")  # from the begin of each run only: indentation is long
_MIXED = re.compile(r"^(?: +\t|\t+ {2,}\S)", re.MULTILINE)
_LONG = re.compile(rf"^[^\n]{{{LONGEST_LINE + 1},}}", re.MULTILINE)


def pep8(document: Document, ruff: Ruff, policy: ReviewPolicy) -> RuffFindings:
    """What PEP 8 says of one Python text; a problem in place of findings where ruff does not work."""
    return ruff.check(document, policy, ruff_settings.pep8(document.path))


def pep8_files(
    documents: Sequence[Document], ruff: Ruff, policy: ReviewPolicy
) -> tuple[dict[str, tuple[Finding, ...]], str]:
    """What PEP 8 says of Python files as they stand on disk: by URI, and a problem."""
    return ruff.check_files(documents, policy, ruff_settings.pep8)


def layout_problems(document: Document) -> int:
    """Lines with trailing spaces, mixed indentation or endings, or over 120 characters; and a missing last line end."""
    text = document.text
    count = len(_MIXED.findall(text)) + len(_LONG.findall(text))
    if Trait.TRAILING_SPACES not in document.entry.traits:
        count += len(_TRAILING.findall(text))
    endings = {"\r\n": text.count("\r\n")}
    endings["\n"] = text.count("\n") - endings["\r\n"]
    return count + min(endings.values()) + (bool(text) and not text.endswith(("\n", "\r")))
