"""Measurements that the report needs of each file: findings, metrics, PEP 8 and layout. Start at `assess_files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer.ruff import style
from agents.reviewer.scanning import metrics
from agents.reviewer.scanning.scan import Scan
from agents.reviewer.scoring import FileReview
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.scanning.metrics import TextMetrics
    from indexing.syntax.documents import Document


def measure_code(document: Document, syntax: Syntax | None = None) -> TextMetrics | None:
    """Return the metrics of a text; None if it has no function and no class, or was not parsed."""
    scan = Scan.of(document, syntax or Syntax.of(document))
    return metrics.measure(scan) if scan is not None and scan.get_items("function") + scan.get_items("class") else None


def assess_files(
    reviewer: Reviewer, documents: Sequence[Document], *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[FileReview]:
    """Review saved files and yield each one's findings, metrics, PEP 8 violations and layout problems.

    The violations are None for a file that Ruff did not check. Ends early if `cancelled`.
    """
    python = [each for each in documents if each.entry.ruff and each.path is not None]
    pep8, problem = style.check_pep8_files(python, reviewer.ruff, reviewer.policy) if python else ({}, "")
    checked = {each.uri for each in python} if not problem else set()
    for document, findings in reviewer.review_files(documents, cancelled=cancelled):
        if cancelled():
            return
        violations = pep8.get(document.uri, ()) if document.uri in checked else None
        yield FileReview(document, findings, measure_code(document), violations, style.count_layout_problems(document))
