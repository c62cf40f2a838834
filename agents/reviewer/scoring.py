"""The score of reviewed files, from 0 to 100 in six parts, each with its computation, and recommendations.

Computes from findings, metrics, layout and coverage, and reads no file. A part that was not measured does not count in
the score and says so. Start at `build_report`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from agents.findings import Finding
    from agents.reviewer.scanning.metrics import FunctionMetrics, TextMetrics
    from indexing.syntax.documents import Document

WEIGHTS = {"findings": 30, "complexity": 20, "tests": 20, "documentation": 10, "pep8": 10, "style": 10}
FINDING_WEIGHTS = {Severity.ERROR: 10.0, Severity.WARNING: 4.0, Severity.INFORMATION: 1.0, Severity.HINT: 0.25}
SIMPLE, HOPELESS = 10, 50  # cognitive complexity up to which a function counts 100, and from which it counts 0
_MOST_RECOMMENDATIONS = 8
_COVERED_WELL = 80.0
_DOCUMENTED_WELL = 80.0


@dataclass(frozen=True, slots=True)
class FileReview:
    """One reviewed file with its measurements.

    Attributes:
        document: the file.
        findings: findings of the review.
        metrics: None if it has no function and no class, or was not parsed.
        pep8: violations of PEP 8; None if it is no Python or was not checked.
        layout: number of layout problems (`style.count_layout_problems`).
    """

    document: Document
    findings: tuple[Finding, ...]
    metrics: TextMetrics | None
    pep8: tuple[Finding, ...] | None
    layout: int

    @property
    def lines(self) -> int:
        """Number of lines of code; of all lines if there are no metrics."""
        return self.metrics.code_lines if self.metrics is not None else self.document.text.count("\n") + 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the score.

    Attributes:
        name: as in `WEIGHTS`.
        score: 0 to 100; None if it could not be measured.
        weight: share of the whole score in percent, if all parts have a score.
        how: sentences on how the score was computed, or why there is none.
    """

    name: str
    score: float | None
    weight: int
    how: str


@dataclass(frozen=True, slots=True)
class Report:
    """Score, figures and recommendations for some files.

    Attributes:
        score: 0 to 100, the weighted mean of the parts that have a score; None if there are no lines of code.
        parts: in the order of `WEIGHTS`.
        lines: number of lines of code.
        files: number of files.
        functions: all functions with the URI of their file, most complex first.
        counts: number of findings by severity.
        recommendations: up to 8 sentences on what to do next, most useful first.
    """

    score: float | None
    parts: tuple[Part, ...]
    lines: int
    files: int
    functions: tuple[tuple[str, FunctionMetrics], ...]
    counts: dict[Severity, int]
    recommendations: tuple[str, ...]


def build_report(
    reviewed: Sequence[FileReview], *, covered: float | None = None, uncovered: Sequence[str] = ()
) -> Report:
    """Return the report on some reviewed files.

    Args:
        reviewed: the files.
        covered: percentage of lines that tests run, 0 to 100; None if unknown.
        uncovered: names of the files with the most lines that tests do not run, for the recommendations.
    """
    lines = sum(each.lines for each in reviewed)
    functions = sorted(
        ((each.document.uri, function) for each in reviewed if each.metrics for function in each.metrics.functions),
        key=lambda pair: (-pair[1].cognitive, -pair[1].cyclomatic, pair[0], pair[1].first_line),
    )
    counts = dict.fromkeys(Severity, 0)
    for finding in _walk_findings(reviewed):
        counts[finding.severity] += 1
    measured = [function for _, function in functions]
    parts = (
        _score_findings(counts, lines),
        _score_complexity(measured),
        _score_tests(covered),
        _score_documentation(reviewed),
        _score_pep8(reviewed),
        _score_style(reviewed),
    )
    scored = [(part.score, part.weight) for part in parts if part.score is not None]
    whole = sum(score * weight for score, weight in scored) / sum(weight for _, weight in scored) if scored else None
    return Report(
        score=round(whole, 1) if whole is not None and lines else None,
        parts=parts,
        lines=lines,
        files=len(reviewed),
        functions=tuple(functions),
        counts=counts,
        recommendations=tuple(_recommend(reviewed, parts, functions, uncovered))[:_MOST_RECOMMENDATIONS],
    )


def _score_findings(counts: dict[Severity, int], lines: int) -> Part:
    """Return the part for findings: 100 minus 2 for each weighted finding per 1,000 lines; no score without code."""
    weighted = sum(FINDING_WEIGHTS[severity] * count for severity, count in counts.items())
    per_thousand = 1000 * weighted / max(lines, 1)
    counted = ", ".join(f"{counts[severity]} {severity.value}" for severity in Severity)
    return _make_part(
        "findings",
        100 - 2 * per_thousand if lines else None,
        f"{counted}; weighted 10, 4, 1 and 0.25, they amount to {per_thousand:.1f} per 1,000 lines of code, each of "
        "which costs 2 points.",
    )


def _score_complexity(functions: Sequence[FunctionMetrics]) -> Part:
    """Return the part for complexity: the mean over functions, weighted by their lines; no score without functions."""
    if not functions:
        return _make_part("complexity", None, "There is no function whose complexity could be measured.")
    total = sum(max(function.lines, 1) for function in functions)
    good = sum(max(function.lines, 1) * _rate_complexity(function.cognitive) for function in functions)
    over = sum(function.cognitive > SIMPLE for function in functions)
    return _make_part(
        "complexity",
        100 * good / total,
        f"{over} of {len(functions)} functions have a cognitive complexity over {SIMPLE}. A function scores 100 up to "
        f"{SIMPLE} and 0 from {HOPELESS} on; the mean is weighted by lines.",
    )


def _rate_complexity(cognitive: int) -> float:
    """Return 1 for a cognitive complexity up to `SIMPLE`, 0 from `HOPELESS` on, and a value between them otherwise."""
    return min(1.0, max(0.0, (HOPELESS - cognitive) / (HOPELESS - SIMPLE)))


def _score_tests(covered: float | None) -> Part:
    """Return the part for tests: the percentage of lines that tests run; no score for None."""
    if covered is None:
        return _make_part("tests", None, "There is no coverage data. Run the tests with a coverage tool.")
    return _make_part("tests", covered, f"Tests run {covered:.1f} % of the lines; this percentage is the score.")


def _score_documentation(reviewed: Sequence[FileReview]) -> Part:
    """Return the part for documentation: the percentage of public functions and classes that are documented.

    It has no score if there is nothing to document.
    """
    measured = [each.metrics for each in reviewed if each.metrics is not None]
    documentable = sum(metrics.documentable for metrics in measured)
    documented = sum(metrics.documented for metrics in measured)
    if not documentable:
        return _make_part("documentation", None, "There is no public function or class to document.")
    return _make_part(
        "documentation",
        100 * documented / documentable,
        f"{documented} of {documentable} public functions and classes are documented; this percentage is the score.",
    )


def _score_pep8(reviewed: Sequence[FileReview]) -> Part:
    """Return the part for PEP 8: 100 minus 10 for each violation per 100 lines of Python; no score if unchecked."""
    checked = [each for each in reviewed if each.pep8 is not None]
    lines = sum(each.lines for each in checked)
    if not lines:
        return _make_part("pep8", None, "PEP 8 was not checked: there is no Python code, or ruff does not run.")
    count = sum(len(each.pep8 or ()) for each in checked)
    per_hundred = 100 * count / lines
    return _make_part(
        "pep8",
        100 - 10 * per_hundred,
        f"{count} violations are {per_hundred:.1f} per 100 lines of Python, each of which costs 10 points.",
    )


def _score_style(reviewed: Sequence[FileReview]) -> Part:
    """Return the part for layout: 100 minus 10 for each layout problem per 100 lines; no score without code."""
    lines = sum(each.lines for each in reviewed)
    if not lines:
        return _make_part("style", None, "There is no code.")
    count = sum(each.layout for each in reviewed)
    per_hundred = 100 * count / lines
    return _make_part(
        "style",
        100 - 10 * per_hundred,
        f"{count} lines have trailing spaces, mixed indentation or line endings, or more than 120 characters: "
        f"{per_hundred:.1f} per 100, each of which costs 10 points.",
    )


def _make_part(name: str, score: float | None, how: str) -> Part:
    """Return a part with its score bounded to 0 to 100 and its weight from `WEIGHTS`; `how` explains the score."""
    return Part(name, None if score is None else round(min(100.0, max(0.0, score)), 1), WEIGHTS[name], how)


def _walk_findings(reviewed: Iterable[FileReview]) -> Iterable[Finding]:
    """Return an iterator over the findings of all files."""
    return (finding for each in reviewed for finding in each.findings)


def shorten_uri(uri: str, others: Collection[str]) -> str:
    """Return the file name of `uri`, with as many folders before it as distinguish it from `others`."""
    parts = uri.split("/")
    for count in range(1, len(parts)):
        tail = "/".join(parts[-count:])
        if not any(other != uri and other.endswith(f"/{tail}") for other in others):
            return tail
    return uri


def _recommend(
    reviewed: Sequence[FileReview],
    parts: Sequence[Part],
    functions: Sequence[tuple[str, FunctionMetrics]],
    uncovered: Sequence[str],
) -> Iterable[str]:
    """Yield sentences that recommend what to do next, most useful first."""
    scores = {part.name: part.score for part in parts}
    errors = [finding for finding in _walk_findings(reviewed) if finding.severity is Severity.ERROR]
    if errors:
        codes = sorted({finding.code for finding in errors})
        yield f"Fix the {len(errors)} error{'s' * (len(errors) > 1)} first ({', '.join(codes[:5])})."
    safe = sum(finding.fix is not None and finding.fix.safe for finding in _walk_findings(reviewed))
    if safe:
        yield f"Apply the {safe} safe fix{'es' * (safe > 1)}, which cannot change what the program does."
    everywhere = {each.document.uri for each in reviewed}
    for uri, function in functions[:3]:
        if function.cognitive > SIMPLE * 2:
            yield (
                f"Simplify `{function.name or 'the function'}` ({shorten_uri(uri, everywhere)}, line "
                f"{function.first_line + 1}): its cognitive complexity is {function.cognitive}."
            )
    tests = scores["tests"]
    if tests is None:
        yield "Run the tests with a coverage tool, so that the report includes their coverage."
    elif tests < _COVERED_WELL:
        where = f", first {', '.join(uncovered[:3])}" if uncovered else ""
        yield f"Write tests for the {100 - tests:.0f} % of the lines that no test runs{where}."
    documentation = scores["documentation"]
    if documentation is not None and documentation < _DOCUMENTED_WELL:
        yield "Document the public functions and classes that have no documentation."
    pep8 = scores["pep8"]
    if pep8 is not None and pep8 < _DOCUMENTED_WELL:
        yield "Run a formatter, which fixes most violations of PEP 8."
