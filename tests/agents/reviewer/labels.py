"""Expected findings as labels below the code: `#   ^^^^ code` names the finding that covers just these characters.

A label's own line is no part of the text that is reviewed. What stands right of the code is ignored.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax import texts
from indexing.syntax.documents import Document

if TYPE_CHECKING:
    from agents.findings import Finding

LABEL = re.compile(r"^\s*(?:#|//|--|;)?\s*(\^+) ([\w-]+)")
WITHOUT_RUFF = ReviewPolicy(ruff="never")


@dataclass(frozen=True)
class Labelled:
    """A text without its labels, and what they expect: (line, first column, last column, code)."""

    text: str
    expected: frozenset[tuple[int, int, int, str]]


def parse_labels(fixture: str) -> Labelled:
    """Return the text of a fixture, and the findings that its labels expect."""
    lines: list[str] = []
    expected = set()
    for line in textwrap.dedent(fixture.lstrip("\n") if "\n" in fixture else fixture).split("\n"):
        if match := LABEL.match(line):
            expected.add((len(lines) - 1, match.start(1), match.end(1), match[2]))
        else:
            lines.append(line)
    return Labelled("\n".join(lines), frozenset(expected))


def make_document(text: str, language: str = "python", path: Path | None = None) -> Document:
    """Return an untitled document, or one at a path that need not exist."""
    return Document(path.as_uri() if path else "untitled:1", path, language, text)


def locate_findings(findings: tuple[Finding, ...], text: str) -> set[tuple[int, int, int, str]]:
    """Return the findings as labels name them: of a finding on several lines, only its part on the first."""
    starts = texts.find_line_starts(text)
    result = set()
    for finding in findings:
        line = texts.find_line(starts, finding.span.start)
        first = finding.span.start - starts[line]
        end = text.find("\n", starts[line])
        last = min(finding.span.end, end if end >= 0 else len(text)) - starts[line]
        result.add((line, first, last, finding.code))
    return result


def check_labels(fixture: str, language: str = "python", policy: ReviewPolicy = WITHOUT_RUFF) -> tuple[Finding, ...]:
    """Review a fixture and return its findings, which have to be those of its labels and no others."""
    labelled = parse_labels(fixture)
    findings = Reviewer(policy).review(make_document(labelled.text, language, Path("/nowhere/package/module.code")))
    found = locate_findings(findings, labelled.text)
    assert found == labelled.expected, f"too many: {found - labelled.expected}, missing: {labelled.expected - found}"
    return findings
