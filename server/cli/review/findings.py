"""The output of `starling review`: text, JSON, GitHub's annotations, and SARIF with `review.sarif`.

Lines and columns count from 1; a column is a number of characters. Start at `LocatedFinding` and `FORMATS`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.findings import Severity
from agents.reviewer.explanations import find_explanation_url, format_source
from indexing.syntax import texts
from server.cli import terminal
from server.cli.review import sarif
from server.cli.review.sarif import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.findings import Finding
    from agents.reviewer.scoring import Report

MOST_FUNCTIONS = 50  # listed in a report, the most complex ones first
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFORMATION: "cyan", Severity.HINT: "dim"}
GITHUB = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "notice",
    Severity.HINT: "notice",
}


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding with its file, lines and columns."""

    finding: Finding
    place: Place

    @classmethod
    def of(cls, finding: Finding, file: str, starts: list[int]) -> LocatedFinding:
        """Return `finding` with its place in `file`, whose lines begin at the offsets `starts`."""
        first, last = (texts.find_line(starts, at) for at in (finding.span.start, finding.span.end))
        return cls(
            finding,
            Place(
                file=file,
                line=first + 1,
                column=finding.span.start - starts[first] + 1,
                end_line=last + 1,
                end_column=finding.span.end - starts[last] + 1,
            ),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a review.

    Attributes:
        found: the findings, ordered by file and place.
        files: number of files reviewed.
        skipped: number of files and folders left out, by reason.
        problem: why findings may be missing, "" for no reason.
        report: scores and recommendations, None if not asked for.
        left_out: for each named file that was left out a sentence with the reason and how to include it.
    """

    found: Sequence[LocatedFinding]
    files: int
    skipped: dict[str, int]
    problem: str = ""
    report: Report | None = None
    left_out: Sequence[str] = ()


def write_text(outcome: Outcome) -> None:
    """Write a line for each finding, then the report if there is one, to stdout; write the counts to stderr."""
    from rich.text import Text  # noqa: PLC0415 (60 ms, which the other formats save)

    console = terminal.get_stdout()
    for one in outcome.found:
        finding, place = one.finding, one.place
        file = place.file.replace("\n", "\\n")  # so that no file name looks like several lines of output
        line = Text(terminal.escape(f"{file}:{place.line}:{place.column}: "))
        line.append(finding.severity.value, style=STYLES[finding.severity])
        line.append(terminal.escape(f" {finding.code}: {finding.message}"))
        console.print(line, soft_wrap=True)
    if outcome.report is not None:
        console.print(Text(terminal.escape("\n".join(_format_report(outcome.report)))), soft_wrap=True)
    fixable = sum(one.finding.fix is not None and one.finding.fix.safe for one in outcome.found)
    hint = f"; {fixable} can be fixed with --fix" if fixable else ""
    found = terminal.format_count(len(outcome.found), "finding")
    terminal.note(f"{found} in {terminal.format_count(outcome.files, 'file')}{hint}.")


def write_json(outcome: Outcome) -> None:
    """Write `outcome` as one JSON object to stdout."""
    terminal.emit(
        {
            "files": outcome.files,
            "skipped": outcome.skipped,
            "problem": outcome.problem,
            "left_out": list(outcome.left_out),
            "findings": [describe_finding(one) for one in outcome.found],
            **({"report": _describe_report(outcome.report)} if outcome.report is not None else {}),
        }
    )


def _format_report(report: Report) -> Iterator[str]:
    """Yield the lines of the report as text, after an empty line."""
    yield ""
    size = f"{report.lines:,} lines of code, {terminal.format_count(report.files, 'file')}"
    yield f"Quality: {_format_score(report.score)} of 100 ({size})"
    for part in report.parts:
        yield f"  {part.name:14}{_format_score(part.score):>6}  {part.how}"
    if report.recommendations:
        yield "Next:"
        yield from (f"  {number}. {each}" for number, each in enumerate(report.recommendations, 1))


def _format_score(score: float | None) -> str:
    """Return `score` with one decimal place, "-" for None."""
    return "-" if score is None else f"{score:.1f}"


def _describe_report(report: Report) -> dict[str, Any]:
    """Return the report as JSON, with the first `MOST_FUNCTIONS` functions."""
    parts = [{"name": p.name, "score": p.score, "weight": p.weight, "how": p.how} for p in report.parts]
    functions = [
        {"uri": uri, "name": f.name, "line": f.first_line + 1, "cyclomatic": f.cyclomatic, "cognitive": f.cognitive}
        for uri, f in report.functions[:MOST_FUNCTIONS]
    ]
    return {
        "score": report.score,
        "parts": parts,
        "lines": report.lines,
        "functions": functions,
        "recommendations": list(report.recommendations),
    }


def describe_finding(one: LocatedFinding) -> dict[str, Any]:
    """Return a finding and its place as JSON."""
    finding, place = one.finding, one.place
    fix = finding.fix
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "source": format_source(finding),
        "layer": finding.layer.value,
        "confidence": round(finding.confidence, 3),
        "explanation": find_explanation_url(finding),
        "fix": None if fix is None else {"title": fix.title, "safe": fix.safe},
    }


def write_github(outcome: Outcome) -> None:
    """Write each finding to stdout as a workflow command, which GitHub shows beside its line."""
    for one in outcome.found:
        finding, place = one.finding, one.place
        fields = {
            "file": place.file,
            "line": place.line,
            "endLine": place.end_line,
            "col": place.column,
            "endColumn": place.end_column,
            "title": f"{format_source(finding)}: {finding.code}",
        }
        properties = ",".join(f"{name}={_escape_property(str(value))}" for name, value in fields.items())
        sys.stdout.write(f"::{GITHUB[finding.severity]} {properties}::{_escape_data(finding.message)}\n")
    sys.stdout.flush()


def write_sarif(outcome: Outcome) -> None:
    """Write the findings to stdout as a log in SARIF 2.1.0 (Static Analysis Results Interchange Format)."""
    terminal.emit(sarif.build_log([(one.finding, one.place) for one in outcome.found], outcome.problem))


FORMATS: dict[str, Callable[[Outcome], None]] = {
    "text": write_text,
    "json": write_json,
    "sarif": write_sarif,
    "github": write_github,
}


def _escape_data(text: str) -> str:
    r"""Return `text` escaped as the message of a workflow command, with control characters written like \x1b."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return terminal.escape(escaped)


def _escape_property(text: str) -> str:
    """Return `text` escaped as the value of a property of a workflow command."""
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
