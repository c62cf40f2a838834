"""Work found in a workspace's texts: failing tests, findings of the review, TODO comments, gaps in test coverage.

Runs no test and asks no model: reads what is there. Start at `find_failing_tests`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from agents.findings import Severity
from agents.ports.task_proposals import ProposalKind, TaskProposal
from agents.team.testing.reports import read_junit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.findings import Finding

PYTEST_FAILURES = ".pytest_cache/v/cache/lastfailed"
JUNIT_REPORTS = ("junit.xml", "test-results.xml", "reports/junit.xml", "test-results/junit.xml")
LEAST_MISSED = 20
"""Lines without a test from which on a file counts as a gap."""

LOW_COVERAGE = 0.5
_COMMENT = re.compile(r"(?:^|\s)(?:#|//|/\*|\*|--|;|%|<!--)\s*(?P<word>TODO|FIXME|XXX|HACK)\b[:\s(]*(?P<text>.*)")
_WEIGHTS = {"FIXME": 40.0, "XXX": 35.0, "HACK": 30.0, "TODO": 30.0}
_SEVERITIES = {Severity.ERROR: 80.0, Severity.WARNING: 50.0}
LONGEST_LINE = 400


def find_failing_tests(read: Callable[[str], str | None]) -> Iterator[TaskProposal]:
    """Yield a proposal for each failed test in pytest's cache and in each JUnit report; a test may come twice.

    Skips files that cannot be parsed, and tests whose names are longer than `LONGEST_LINE`. `read` returns the text of
    a file of the workspace by its name, None if there is none.
    """
    for name in _list_pytest_failures(read):
        yield _propose_fix(name, "pytest's cache says so.")
    for report in JUNIT_REPORTS:
        text = read(report)
        if text is None:
            continue
        try:
            failures = read_junit(text).failures
        except (ExpatError, ValueError):
            continue
        for one in failures:
            if len(one.name) <= LONGEST_LINE:
                place = one.place[:LONGEST_LINE] or "no place"
                yield _propose_fix(one.name, f"{report} says ({place}):\n{one.message[-1000:]}")


def _list_pytest_failures(read: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the tests that failed in pytest's last run, in files that still exist; skips names that are too long."""
    try:
        failed = json.loads(read(PYTEST_FAILURES) or "{}")
    except (ValueError, RecursionError):
        return
    for name in failed if isinstance(failed, dict) else ():
        if len(name) <= LONGEST_LINE and read(name.split("::")[0]) is not None:
            yield name


def _propose_fix(name: str, why: str) -> TaskProposal:
    """Return the proposal to fix the failing test `name`."""
    details = f"The test {name} failed in the last known run. {why}\nReproduce it first; it may pass by now."
    return TaskProposal(
        ProposalKind.FAILING_TEST, f"test:{name}", f"Fix the failing test {name}", details, 100.0, "debug"
    )


def find_comments(name: str, text: str) -> Iterator[TaskProposal]:
    """Yield a proposal for each line of the file `name` with a TODO, FIXME, XXX or HACK comment that says something.

    Skips lines longer than `LONGEST_LINE`.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE or (found := _COMMENT.search(line)) is None or not found["text"].strip(" -*/>"):
            continue
        wanted = found["text"].strip(" -*/>")
        title = f"Do what the {found['word']} in {name} says: {wanted[:100]}"
        details = f"{name}:{number} has the comment:\n{line.strip()}\nDo it, and remove the comment."
        key = f"comment:{name}:{_hash(wanted)}"
        yield TaskProposal(ProposalKind.COMMENT, key, title, details, _WEIGHTS[found["word"]])


def propose_findings(name: str, text: str, findings: Iterable[Finding]) -> Iterator[TaskProposal]:
    """Yield a proposal for each error and warning of the review in the file `name`."""
    lines = text.splitlines()
    for one in findings:
        if one.severity not in _SEVERITIES:
            continue
        number = text.count("\n", 0, one.span.start)
        line = lines[number].strip() if number < len(lines) else ""
        details = f"{name}:{number + 1}: {one.message} ({one.source}: {one.code})\n{line[:LONGEST_LINE]}"
        key = f"finding:{name}:{one.code}:{_hash(line)}"
        title = f"Fix {one.code} in {name}: {' '.join(one.message.split())[:100]}"
        yield TaskProposal(ProposalKind.FINDING, key, title, details, _SEVERITIES[one.severity] * one.confidence)


def propose_tests(name: str, lines: int, missed: Sequence[int]) -> TaskProposal | None:
    """Return the proposal to write tests for the file `name`.

    None if fewer than `LEAST_MISSED` lines were not run, or at least `LOW_COVERAGE` of the lines were.

    Args:
        name: the file's name.
        lines: number of its lines that can be run.
        missed: numbers of those that no test ran.
    """
    if len(missed) < LEAST_MISSED or not lines or 1 - len(missed) / lines >= LOW_COVERAGE:
        return None
    details = (
        f"Of {lines:,} lines that can be run in {name}, tests ran {lines - len(missed):,}. Not run: "
        f"{', '.join(map(str, missed[:50]))}{' ...' if len(missed) > 50 else ''}. Write tests of what matters there."
    )
    weight = 20.0 + min(10.0, len(missed) / 50)
    return TaskProposal(ProposalKind.COVERAGE, f"coverage:{name}", f"Write tests for {name}", details, weight)


def _hash(text: str) -> str:
    """Return a short hash of the words of `text`; case and the white space between words make no difference."""
    return hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "surrogatepass")).hexdigest()[:16]
