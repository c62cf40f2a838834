"""The report on files: a score from 0 to 100 with its parts, each with how it was computed, and what to do next.

Computes from what others found: findings, metrics, layout, coverage; looks at no file itself. A part that was not
measured is left out of the score and says so. Start at `report`.
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
SIMPLE, HOPELESS = 10, 50  # cognitive complexity that counts 100, and that counts 0
_MOST_RECOMMENDATIONS = 8
_COVERED_WELL = 80.0
_DOCUMENTED_WELL = 80.0


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One file with all that is known of it.

    Attributes:
        document: the text.
        findings: of the review.
        metrics: None where its language has no grammar here.
        pep8: violations of PEP 8, None where it is no Python or was not looked at.
        layout: number of layout problems (`style.layout_problems`).
    """

    document: Document
    findings: tuple[Finding, ...]
    metrics: TextMetrics | None
    pep8: tuple[Finding, ...] | None
    layout: int

    @property
    def lines(self) -> int:
        """Lines of code; all lines where they were not told apart."""
        return self.metrics.code_lines if self.metrics is not None else self.document.text.count("\n") + 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the score.

    Attributes:
        name: as in `WEIGHTS`.
        score: 0 to 100; None where it could not be measured.
        weight: its share of the whole, before parts without a score are left out.
        how: what was counted and how the score follows, in one sentence; or why there is none.
    """

    name: str
    score: float | None
    weight: int
    how: str


@dataclass(frozen=True, slots=True)
class Report:
    """The report.

    Attributes:
        score: 0 to 100, the weighted mean of the parts that have a score; None where there is nothing to judge.
        parts: in the order of their weight.
        lines: lines of code.
        files: number of files.
        functions: all functions with the URI of their file, the most complex first.
        counts: number of findings by severity.
        recommendations: what to do next, the most useful first.
    """

    score: float | None
    parts: tuple[Part, ...]
    lines: int
    files: int
    functions: tuple[tuple[str, FunctionMetrics], ...]
    counts: dict[Severity, int]
    recommendations: tuple[str, ...]


def report(reviewed: Sequence[Reviewed], *, covered: float | None = None, uncovered: Sequence[str] = ()) -> Report:
    """The report on some files.

    Args:
        reviewed: the files.
        covered: share of lines that tests run, 0 to 100; None when it is not known.
        uncovered: names of the files that tests run least, for the recommendations.
    """
    lines = sum(each.lines for each in reviewed)
    functions = sorted(
        ((each.document.uri, function) for each in reviewed if each.metrics for function in each.metrics.functions),
        key=lambda pair: (-pair[1].cognitive, -pair[1].cyclomatic, pair[0], pair[1].first_line),
    )
    counts = dict.fromkeys(Severity, 0)
    for finding in _all_findings(reviewed):
        counts[finding.severity] += 1
    measured = [function for _, function in functions]
    parts = (
        _findings(counts, lines),
        _complexity(measured),
        _tests(covered),
        _documentation(reviewed),
        _pep8(reviewed),
        _style(reviewed),
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
        recommendations=tuple(_recommendations(reviewed, parts, functions, uncovered))[:_MOST_RECOMMENDATIONS],
    )


def _findings(counts: dict[Severity, int], lines: int) -> Part:
    weighted = sum(FINDING_WEIGHTS[severity] * count for severity, count in counts.items())
    per_thousand = 1000 * weighted / max(lines, 1)
    said = ", ".join(f"{counts[severity]} {severity.value}" for severity in Severity)
    return _part(
        "findings",
        100 - 2 * per_thousand if lines else None,
        f"{said}; weighted 10, 4, 1 and 0.25 that is {per_thousand:.1f} per 1,000 lines of code, each of which costs "
        "2 points.",
    )


def _complexity(functions: Sequence[FunctionMetrics]) -> Part:
    if not functions:
        return _part("complexity", None, "There are no functions whose complexity could be measured.")
    total = sum(max(function.lines, 1) for function in functions)
    good = sum(max(function.lines, 1) * _ease(function.cognitive) for function in functions)
    over = sum(function.cognitive > SIMPLE for function in functions)
    return _part(
        "complexity",
        100 * good / total,
        f"{over} of {len(functions)} functions have a cognitive complexity over {SIMPLE}; a function counts 100 up to "
        f"{SIMPLE} and 0 from {HOPELESS} on, weighted by its lines.",
    )


def _ease(cognitive: int) -> float:
    return min(1.0, max(0.0, (HOPELESS - cognitive) / (HOPELESS - SIMPLE)))


def _tests(covered: float | None) -> Part:
    if covered is None:
        return _part("tests", None, "There is no coverage data; run the tests under a coverage tool to have some.")
    return _part("tests", covered, f"Tests run {covered:.1f} % of the lines, and that is the score.")


def _documentation(reviewed: Sequence[Reviewed]) -> Part:
    measured = [each.metrics for each in reviewed if each.metrics is not None]
    documentable = sum(metrics.documentable for metrics in measured)
    documented = sum(metrics.documented for metrics in measured)
    if not documentable:
        return _part("documentation", None, "There is no public function or class that needs documentation.")
    return _part(
        "documentation",
        100 * documented / documentable,
        f"{documented} of {documentable} public functions and classes say what they are for: that share is the score.",
    )


def _pep8(reviewed: Sequence[Reviewed]) -> Part:
    checked = [each for each in reviewed if each.pep8 is not None]
    lines = sum(each.lines for each in checked)
    if not lines:
        return _part("pep8", None, "PEP 8 was not checked: there is no Python here, or ruff does not work.")
    count = sum(len(each.pep8 or ()) for each in checked)
    per_hundred = 100 * count / lines
    return _part(
        "pep8",
        100 - 10 * per_hundred,
        f"{count} violations are {per_hundred:.1f} per 100 lines of Python, and each of these costs 10 points.",
    )


def _style(reviewed: Sequence[Reviewed]) -> Part:
    lines = sum(each.lines for each in reviewed)
    if not lines:
        return _part("style", None, "There is no code.")
    count = sum(each.layout for each in reviewed)
    per_hundred = 100 * count / lines
    return _part(
        "style",
        100 - 10 * per_hundred,
        f"{count} lines have trailing spaces, mixed indentation or line endings, or more than 120 characters: "
        f"{per_hundred:.1f} per 100, and each of these costs 10 points.",
    )


def _part(name: str, score: float | None, how: str) -> Part:
    return Part(name, None if score is None else round(min(100.0, max(0.0, score)), 1), WEIGHTS[name], how)


def _all_findings(reviewed: Iterable[Reviewed]) -> Iterable[Finding]:
    return (finding for each in reviewed for finding in each.findings)


def uri_tail(uri: str, others: Collection[str]) -> str:
    """The file's name, with as many folders before it as tell it from the `others`."""
    parts = uri.split("/")
    for count in range(1, len(parts)):
        tail = "/".join(parts[-count:])
        if not any(other != uri and other.endswith(f"/{tail}") for other in others):
            return tail
    return uri


def _recommendations(
    reviewed: Sequence[Reviewed],
    parts: Sequence[Part],
    functions: Sequence[tuple[str, FunctionMetrics]],
    uncovered: Sequence[str],
) -> Iterable[str]:
    scores = {part.name: part.score for part in parts}
    errors = [finding for finding in _all_findings(reviewed) if finding.severity is Severity.ERROR]
    if errors:
        codes = sorted({finding.code for finding in errors})
        yield f"Mend the {len(errors)} error{'s' * (len(errors) > 1)} first ({', '.join(codes[:5])})."
    safe = sum(finding.fix is not None and finding.fix.safe for finding in _all_findings(reviewed))
    if safe:
        yield f"Apply the {safe} safe fix{'es' * (safe > 1)}: they cannot change what the program does."
    everywhere = {each.document.uri for each in reviewed}
    for uri, function in functions[:3]:
        if function.cognitive > SIMPLE * 2:
            yield (
                f"Take `{function.name or 'the function'}` apart ({uri_tail(uri, everywhere)}, line "
                f"{function.first_line + 1}): its cognitive complexity is {function.cognitive}."
            )
    tests = scores["tests"]
    if tests is None:
        yield "Run the tests under a coverage tool, so that the report can say what they cover."
    elif tests < _COVERED_WELL:
        where = f", first {', '.join(uncovered[:3])}" if uncovered else ""
        yield f"Test what no test runs: {100 - tests:.0f} % of the lines{where}."
    documentation = scores["documentation"]
    if documentation is not None and documentation < _DOCUMENTED_WELL:
        yield "Say of the public functions and classes that have no documentation what they are for."
    pep8 = scores["pep8"]
    if pep8 is not None and pep8 < _DOCUMENTED_WELL:
        yield "Let a formatter mend the layout: most violations of PEP 8 go away by themselves."
