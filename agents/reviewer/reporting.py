"""Reports on a text or on files: reviews them, reads the workspace's coverage data, and has them scored.

Blocking; for a worker thread or the command line. `agents.reviewer.scoring` computes the score. Start at
`report_on_files` and `report_on_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.findings import QUICK
from agents.reviewer import assessment, scoring
from agents.reviewer.coverage import coverage
from agents.reviewer.ruff import style
from agents.reviewer.scoring import FileReview

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from agents.findings import Layer
    from agents.reviewer.reviewer import Reviewer
    from agents.reviewer.scoring import Report
    from indexing.syntax.documents import Document


@dataclass(frozen=True, slots=True)
class FullReport:
    """A report with the files that it is about.

    Attributes:
        report: score, figures and recommendations.
        reviewed: the reviewed files, in no particular order.
        source: file that the coverage was read from; None if there is none, or it covers none of the reviewed files.
        problem: one sentence why the report is incomplete, "" if it is complete.
    """

    report: Report
    reviewed: tuple[FileReview, ...]
    source: Path | None = None
    problem: str = ""


def report_on_files(
    reviewer: Reviewer,
    documents: Sequence[Document],
    folder: Path | None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> FullReport:
    """Review saved files and return the report on them; `folder` is searched for coverage data.

    If `cancelled`, the report is on the files that were reviewed until then.
    """
    reviewed = tuple(assessment.assess_files(reviewer, documents, cancelled=cancelled))
    return report_on_reviews(reviewer, reviewed, folder)


def report_on_text(
    reviewer: Reviewer,
    document: Document,
    folder: Path | None,
    *,
    layers: Collection[Layer] = QUICK,
    cancelled: Callable[[], bool] = lambda: False,
) -> FullReport:
    """Review one text in its current state and return the report on it; `folder` is searched for coverage data."""
    findings = reviewer.review(document, layers=layers, cancelled=cancelled)
    pep8 = style.check_pep8(document, reviewer.ruff, reviewer.policy) if document.entry.ruff else None
    violations = pep8.findings if pep8 is not None and not pep8.problem else None
    metrics = assessment.measure_code(document)
    reviewed = FileReview(document, findings, metrics, violations, style.count_layout_problems(document))
    return report_on_reviews(reviewer, (reviewed,), folder)


def report_on_reviews(reviewer: Reviewer, reviewed: tuple[FileReview, ...], folder: Path | None) -> FullReport:
    """Return the report on files that were reviewed already; `folder` is searched for coverage data.

    If the coverage data cannot be read, the report has no score for tests, but a problem.
    """
    source = coverage.find(folder) if folder is not None else None
    if source is None or folder is None:
        return FullReport(scoring.build_report(reviewed), reviewed, problem=reviewer.problem)
    try:
        found = coverage.read(source, folder)
    except coverage.CoverageError as error:
        return FullReport(scoring.build_report(reviewed), reviewed, problem=str(error))
    paths = {each.document.path for each in reviewed}
    files = [file for file in found.files if file.path in paths and file.lines]
    lines, missed = sum(file.lines for file in files), sum(len(file.missed) for file in files)
    least = sorted((file for file in files if file.missed), key=lambda file: -len(file.missed))
    covered = 100 * (lines - missed) / lines if lines else None
    report = scoring.build_report(reviewed, covered=covered, uncovered=[file.path.name for file in least])
    return FullReport(report, reviewed, source if files else None, reviewer.problem)
