"""Everything the report needs of files, gathered: findings, metrics, PEP 8 and layout. Start at `assess`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer.ruff import style
from agents.reviewer.scanning import metrics
from agents.reviewer.scanning.scan import Scan
from agents.reviewer.scoring import Reviewed
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.scanning.metrics import TextMetrics
    from indexing.syntax.documents import Document


def code_metrics(document: Document, syntax: Syntax | None = None) -> TextMetrics | None:
    """The metrics of a text for its report; None where it holds no function and no class, or has no grammar here."""
    scan = Scan.of(document, syntax or Syntax.of(document))
    return metrics.measure(scan) if scan is not None and scan.of_role("function") + scan.of_role("class") else None


def assess(
    reviewer: Reviewer, documents: Sequence[Document], *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Reviewed]:
    """The files as they stand on disk, with all that the report asks about them; ends early when `cancelled`."""
    python = [each for each in documents if each.entry.ruff and each.path is not None]
    pep8, problem = style.pep8_files(python, reviewer.ruff, reviewer.policy) if python else ({}, "")
    checked = {each.uri for each in python} if not problem else set()
    for document, findings in reviewer.review_files(documents, cancelled=cancelled):
        if cancelled():
            return
        violations = pep8.get(document.uri, ()) if document.uri in checked else None
        yield Reviewed(document, findings, code_metrics(document), violations, style.layout_problems(document))
