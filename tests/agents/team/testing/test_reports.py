"""Reports of test programs, also broken and hostile ones."""

from __future__ import annotations

import json

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import Framework
from agents.team.testing import reports
from agents.team.testing.reports import choose_report, read_results
from agents.team.testing.results import TestFailure, TestResults

JUNIT = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_area" name="test_one" file="tests/test_area.py" line="3" time="0.1" />
<testcase classname="tests.test_area" name="test_two" file="tests/test_area.py" line="6" time="0.1">
<failure message="assert 1 == 2">def test_two():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_area.py:9: AssertionError</failure></testcase>
<testcase classname="tests.test_area" name="test_three" file="tests/test_area.py" line="12"><skipped message="no" />
</testcase>
<testcase classname="" name="tests.test_broken"><error message="collection failure">src/area.py:2: in x</error>
</testcase></testsuite></testsuites>"""
JEST = {
    "numPassedTests": 3,
    "numFailedTests": 1,
    "numPendingTests": 2,
    "testResults": [
        {
            "name": "/w/sum.test.js",
            "status": "failed",
            "message": "",
            "assertionResults": [
                {"fullName": "sum adds", "status": "passed", "failureMessages": []},
                {
                    "fullName": "sum subtracts",
                    "status": "failed",
                    "failureMessages": [
                        "Error: expected 1\n    at expect (/w/node_modules/expect/a.js:1:2)\n    at /w/sum.test.js:8:20"
                    ],
                },
            ],
        },
        {"name": "/w/broken.test.js", "status": "failed", "message": "SyntaxError", "assertionResults": []},
    ],
}
GO = "\n".join(
    json.dumps({"Package": "x/area", **event})
    for event in (
        {"Action": "run", "Test": "TestOne"},
        {"Action": "pass", "Test": "TestOne"},
        {"Action": "output", "Test": "TestTwo", "Output": "    area_test.go:12: got 1\n"},
        {"Action": "fail", "Test": "TestTwo"},
        {"Action": "skip", "Test": "TestThree"},
        {"Action": "fail"},
    )
)


def read(framework: Framework, report: str, output: str = "", exit_code: int = 1) -> TestResults:
    """Return the results of a run with this report."""
    return read_results(framework, CommandResult(exit_code, output, report=report))


def test_junit_has_counts_names_places_and_messages() -> None:
    results = read(Framework.PYTEST, JUNIT)
    assert (results.passed, results.failed, results.skipped) == (1, 2, 1)
    failure, error = results.failures
    assert (failure.name, failure.place) == ("tests.test_area::test_two", "tests/test_area.py:9")
    assert failure.message.endswith("AssertionError")
    assert error == TestFailure("tests.test_broken", "src/area.py:2", "src/area.py:2: in x")


def test_a_failure_whose_traceback_is_elsewhere_is_placed_at_its_test() -> None:
    text = '<t><testcase name="a" file="t/test_a.py" line="6"><failure>src/b.py:2: Error</failure></testcase></t>'
    assert read(Framework.PYTEST, text).failures[0].place == "t/test_a.py:7"


def test_jest_has_failures_of_tests_and_of_whole_files() -> None:
    results = read(Framework.JEST, json.dumps(JEST))
    assert (results.passed, results.failed, results.skipped) == (3, 2, 2)
    assert [(one.name, one.place) for one in results.failures] == [
        ("sum subtracts", "/w/sum.test.js:8"),
        ("/w/broken.test.js", ""),
    ]


def test_go_test_has_the_output_of_each_failed_test() -> None:
    results = read(Framework.GO_TEST, GO)
    assert (results.passed, results.failed, results.skipped) == (1, 1, 1)
    assert results.failures == (TestFailure("x/area::TestTwo", "area_test.go:12", "    area_test.go:12: got 1\n"),)


def test_a_package_that_does_not_compile_has_failed() -> None:
    events = ({"Action": "output", "Output": "a.go:3:1: syntax error"}, {"Action": "fail"})
    results = read(Framework.GO_TEST, "\n".join(json.dumps({"Package": "x", **one}) for one in events))
    assert results.failures == (TestFailure("x", "a.go:3", "a.go:3:1: syntax error"),)


@pytest.mark.parametrize(
    ("framework", "report"),
    [
        (Framework.PYTEST, ""),
        (Framework.PYTEST, "<testsuites><testcase"),
        (Framework.PYTEST, '<!DOCTYPE x [<!ENTITY a "b">]><t><testcase name="&a;"/></t>'),
        (Framework.PYTEST, '<!DOCTYPE x SYSTEM "file:///etc/passwd"><t/>'),
        (Framework.JEST, "[" * 100_000),
        (Framework.JEST, '{"numPassedTests": "3"}'),
        (Framework.JEST, '{"numPassedTests": 1, "numFailedTests": 1, "numPendingTests": 0, "testResults": [3]}'),
        (Framework.GO_TEST, "no event"),
        (Framework.GO_TEST, "{broken"),
    ],
)
def test_a_report_that_cannot_be_read_is_replaced_by_the_output(framework: Framework, report: str) -> None:
    results = read(framework, report, "== 2 failed, 10 passed, 1 skipped in 0.1s ==")
    assert (results.passed, results.failed, results.skipped) == (10, 2, 1)


def test_a_report_of_too_many_tests_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MOST_TESTS", 3)
    assert read(Framework.PYTEST, JUNIT, "1 failed") == TestResults(failed=1)


def test_a_huge_message_is_bounded() -> None:
    text = f'<t><testcase name="a"><failure>{"x" * 1_000_000}</failure></testcase></t>'
    assert len(read(Framework.PYTEST, text).failures[0].message) < 200_000


@pytest.mark.parametrize(
    ("framework", "arguments", "options"),
    [
        (Framework.PYTEST, ("pytest",), "-o junit_family=xunit1 --junitxml={file}"),
        (Framework.JEST, ("npm", "test"), "-- --json --outputFile={file}"),
        (Framework.JEST, ("npm", "test", "--", "a.js"), "--json --outputFile={file}"),
        (Framework.GO_TEST, ("go", "test", "./..."), "-json > {file}"),
    ],
)
def test_the_options_for_the_report_follow_the_command(
    framework: Framework, arguments: tuple[str, ...], options: str
) -> None:
    report = choose_report(framework, arguments)
    assert report is not None
    assert report.options == options


def test_some_programs_write_no_report() -> None:
    assert choose_report(Framework.CARGO_TEST, ("cargo", "test")) is None
