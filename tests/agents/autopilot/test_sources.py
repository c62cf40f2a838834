"""Work found in texts of a workspace."""

from __future__ import annotations

import json

import pytest

from agents.autopilot import sources
from agents.findings import Finding, Severity
from agents.ports.task_proposals import ProposalKind
from indexing.syntax.documents import Span

REPORT = """<testsuite tests="1" failures="1"><testcase classname="tests.test_area" name="test_square">
<failure message="assert 3 == 4">tests/test_area.py:7: AssertionError</failure></testcase></testsuite>"""


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("    x = 1  # TODO: round the result", "round the result"),
        ("// FIXME(ann): overflows for large n", "overflows for large n"),
        ("/* HACK remove with Python 3.10 */", "remove with Python 3.10"),
        ("-- TODO add an index", "add an index"),
        ("title = 'TODO'", None),
        ("# TODO", None),
        ("# TODOS are listed elsewhere", None),
        ("def todo(): # not one", None),
        (f"# TODO {'x' * 1000}", None),
    ],
)
def test_comments_that_say_what_to_do_are_proposed(line: str, wanted: str | None) -> None:
    found = list(sources.find_comments("src/area.py", f"first\n{line}\n"))
    assert [one.kind for one in found] == ([ProposalKind.COMMENT] if wanted else [])
    if wanted:
        assert wanted in found[0].title
        assert "src/area.py:2" in found[0].details


def test_a_comment_keeps_its_key_when_its_line_moves_and_gets_another_when_it_changes() -> None:
    (first,) = sources.find_comments("a.py", "# TODO: round it\n")
    (moved,) = sources.find_comments("a.py", "import math\n\n#  TODO:  Round  it\n")
    (changed,) = sources.find_comments("a.py", "# TODO: cut it\n")
    assert first.key == moved.key != changed.key


def test_tests_that_failed_last_are_proposed_if_their_file_is_still_there() -> None:
    files = {
        sources.PYTEST_FAILURES: json.dumps({"tests/test_a.py::test_one": True, "tests/gone.py::test_two": True}),
        "tests/test_a.py": "def test_one(): ...\n",
        "junit.xml": REPORT,
    }
    found = list(sources.find_failing_tests(files.get))
    assert [(one.kind, one.workflow) for one in found] == [(ProposalKind.FAILING_TEST, "debug")] * 2
    assert "tests/test_a.py::test_one" in found[0].title
    assert "assert 3 == 4" in found[1].details or "AssertionError" in found[1].details


def test_no_name_or_place_in_a_report_makes_a_proposal_too_long_for_the_queue() -> None:
    reports = {
        "junit.xml": REPORT.replace("test_square", "x" * 200_000),
        "test-results.xml": REPORT.replace(" name=", f' file="{"x" * 200_000}" line="7" name='),
    }
    found = list(sources.find_failing_tests(reports.get))
    assert [len(one.title + one.details) < 5000 for one in found] == [True]


@pytest.mark.parametrize("damaged", ["", "{", "[1, 2]", "[" * 100_000, "\0", "<!DOCTYPE a><testsuite/>"])
def test_damaged_reports_are_no_failing_tests(damaged: str) -> None:
    files = {sources.PYTEST_FAILURES: damaged, "junit.xml": damaged}
    assert list(sources.find_failing_tests(files.get)) == []


def test_errors_and_warnings_of_the_review_are_proposed_the_error_first() -> None:
    text = "def a():\n    return x\n"
    found = [
        Finding("undefined-name", Severity.ERROR, Span(20, 21), "x is not defined."),
        Finding("style", Severity.HINT, Span(0, 3), "Fine."),
        Finding("unused", Severity.WARNING, Span(4, 5), "a is not used."),
    ]
    error, warning = sources.propose_findings("a.py", text, found)
    assert error.weight > warning.weight
    assert error.details.startswith("a.py:2: x is not defined.")
    (moved,) = sources.propose_findings("a.py", f"\n{text}", [Finding("unused", Severity.WARNING, Span(5, 6), "...")])
    assert moved.key == warning.key


@pytest.mark.parametrize(
    ("lines", "missed", "proposed"), [(100, 80, True), (100, 19, False), (500, 60, False), (0, 0, False)]
)
def test_files_that_tests_hardly_run_are_proposed(lines: int, missed: int, *, proposed: bool) -> None:
    found = sources.propose_tests("a.py", lines, range(1, missed + 1))
    assert (found is not None) == proposed
