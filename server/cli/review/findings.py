"""Findings as a command writes them: lines for a person, JSON, GitHub's annotations, and SARIF by `review.sarif`.

Lines and columns count from 1; a column is a number of characters. Start at `Located` and `FORMATS`.
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

MOST_FUNCTIONS = 50  # in a report, the most complex ones
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFORMATION: "cyan", Severity.HINT: "dim"}
GITHUB = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "notice",
    Severity.HINT: "notice",
}


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with where it stands, for a person."""

    finding: Finding
    place: Place

    @classmethod
    def of(cls, finding: Finding, file: str, starts: list[int]) -> Located:
        """In the text whose lines begin at `starts`."""
        first, last = (texts.line_of(starts, at) for at in (finding.span.start, finding.span.end))
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
    """What a review came to.

    Attributes:
        found: by file and place.
        files: how many were looked at.
        skipped: files and folders left out, by reason.
        problem: why it gives less than it should, "" for nothing.
        report: scores and recommendations, where they are wanted.
        left_out: why files that were named are left out, and how to get them in; a sentence each.
    """

    found: Sequence[Located]
    files: int
    skipped: dict[str, int]
    problem: str = ""
    report: Report | None = None
    left_out: Sequence[str] = ()


def as_text(outcome: Outcome) -> None:
    """A line for each finding, and one on stderr for all."""
    from rich.text import Text  # noqa: PLC0415 (60 ms that the other formats do without)

    console = terminal.get_stdout()
    for one in outcome.found:
        finding, place = one.finding, one.place
        file = place.file.replace("\n", "\\n")  # a name that would pass for lines of ours
        line = Text(terminal.escape(f"{file}:{place.line}:{place.column}: "))
        line.append(finding.severity.value, style=STYLES[finding.severity])
        line.append(terminal.escape(f" {finding.code}: {finding.message}"))
        console.print(line, soft_wrap=True)
    if outcome.report is not None:
        console.print(Text(terminal.escape("\n".join(_told(outcome.report)))), soft_wrap=True)
    fixable = sum(one.finding.fix is not None and one.finding.fix.safe for one in outcome.found)
    mended = f"; {fixable} can be mended with --fix" if fixable else ""
    terminal.note(f"{_some(len(outcome.found), 'finding')} in {_some(outcome.files, 'file')}{mended}.")


def as_json(outcome: Outcome) -> None:
    """One object."""
    terminal.emit(
        {
            "files": outcome.files,
            "skipped": outcome.skipped,
            "problem": outcome.problem,
            "left_out": list(outcome.left_out),
            "findings": [plain(one) for one in outcome.found],
            **({"report": _plain_report(outcome.report)} if outcome.report is not None else {}),
        }
    )


def _told(report: Report) -> Iterator[str]:
    """The report in lines."""
    yield ""
    yield f"Quality: {_score(report.score)} of 100 ({report.lines:,} lines of code, {_some(report.files, 'file')})"
    for part in report.parts:
        yield f"  {part.name:14}{_score(part.score):>6}  {part.how}"
    if report.recommendations:
        yield "Next:"
        yield from (f"  {number}. {each}" for number, each in enumerate(report.recommendations, 1))


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.1f}"


def _plain_report(report: Report) -> dict[str, Any]:
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


def plain(one: Located) -> dict[str, Any]:
    """One finding in JSON."""
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


def as_github(outcome: Outcome) -> None:
    """Workflow commands that GitHub shows beside the lines they are about."""
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
        told = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items())
        sys.stdout.write(f"::{GITHUB[finding.severity]} {told}::{_data(finding.message)}\n")
    sys.stdout.flush()


def as_sarif(outcome: Outcome) -> None:
    """A log of the Static Analysis Results Interchange Format, 2.1.0."""
    terminal.emit(sarif.log([(one.finding, one.place) for one in outcome.found], outcome.problem))


FORMATS: dict[str, Callable[[Outcome], None]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def _data(text: str) -> str:
    """As GitHub's runner reads a command's message; what would drive a terminal is spelled out."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return terminal.escape(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
