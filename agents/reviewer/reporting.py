"""The report on a text, or on files: what the reviewer's parts found, with what the workspace's tests cover of it.

Blocking; for a worker thread or the command line. Scores nothing itself (`agents.reviewer.scoring` does). Start at
`on_files` and `on_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.reviewer import assessment, scoring
from agents.reviewer.coverage import coverage
from agents.reviewer.layers import QUICK
from agents.reviewer.ruff import style
from agents.reviewer.scoring import Reviewed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from agents.findings import Layer
    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.scoring import Report
    from indexing.syntax.documents import Document


@dataclass(frozen=True, slots=True)
class Whole:
    """A report with what it is about.

    Attributes:
        report: scores, figures and recommendations.
        reviewed: its files, in no particular order.
        source: where the coverage was read from, None where there is none.
        problem: why it says less than it should, a sentence; "" for nothing.
    """

    report: Report
    reviewed: tuple[Reviewed, ...]
    source: Path | None = None
    problem: str = ""


def on_files(
    reviewer: Reviewer,
    documents: Sequence[Document],
    folder: Path | None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Whole:
    """Files as they stand on disk; `folder` is where their coverage data are looked for."""
    reviewed = tuple(assessment.assess(reviewer, documents, cancelled=cancelled))
    return on_reviewed(reviewer, reviewed, folder)


def on_text(
    reviewer: Reviewer,
    document: Document,
    folder: Path | None,
    *,
    layers: Collection[Layer] = QUICK,
    cancelled: Callable[[], bool] = lambda: False,
) -> Whole:
    """One text as it stands in the editor."""
    findings = reviewer.review(document, layers=layers, cancelled=cancelled)
    pep8 = style.pep8(document, reviewer.ruff, reviewer.policy) if document.entry.ruff else None
    violations = pep8.findings if pep8 is not None and not pep8.problem else None
    metrics = assessment.code_metrics(document)
    reviewed = Reviewed(document, findings, metrics, violations, style.layout_problems(document))
    return on_reviewed(reviewer, (reviewed,), folder)


def on_reviewed(reviewer: Reviewer, reviewed: tuple[Reviewed, ...], folder: Path | None) -> Whole:
    """Files that were looked at, with what tests cover of them."""
    source = coverage.find(folder) if folder is not None else None
    if source is None or folder is None:
        return Whole(scoring.report(reviewed), reviewed, problem=reviewer.problem)
    try:
        found = coverage.read(source, folder)
    except coverage.CoverageError as error:
        return Whole(scoring.report(reviewed), reviewed, problem=str(error))
    meant = {each.document.path for each in reviewed}
    files = [file for file in found.files if file.path in meant and file.lines]
    lines, missed = sum(file.lines for file in files), sum(len(file.missed) for file in files)
    least = sorted((file for file in files if file.missed), key=lambda file: -len(file.missed))
    covered = 100 * (lines - missed) / lines if lines else None
    whole = scoring.report(reviewed, covered=covered, uncovered=[file.path.name for file in least])
    return Whole(whole, reviewed, source if files else None, reviewer.problem)
