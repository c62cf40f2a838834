"""Results of tests in the output of a test program, for where it writes no report. Start at `read_output`."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from agents.ports.test_commands import Framework
from agents.team.testing.results import MOST_FAILURES, TestFailure, TestResults

if TYPE_CHECKING:
    from agents.ports.commands import CommandResult

_COUNTED = re.compile(r"(?<!\d)(\d{1,9}) (passed|failed|errors?|skipped)\b")
_NUMBERS = {"passed": "passed", "failed": "failed", "error": "failed", "errors": "failed", "skipped": "skipped"}
_UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
_UNITTEST_ENDED = re.compile(r"\b(failures|errors|skipped)=(\d+)")
_UNITTEST_FAILURE = re.compile(r"^=+\n(?:FAIL|ERROR): (.+)\n-+\n", re.MULTILINE)
_PYTHON_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')
_CARGO_TEST = re.compile(r"^test (\S+)(?: - .*)? \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
_CARGO_FAILURE = re.compile(r"^---- (\S+)(?: stdout)? ----\n", re.MULTILINE)
_CARGO_PLACE = re.compile(r"panicked at (?:'[^\n]{0,300}', )?([\w./\\-]{1,300}:\d{1,9})")
_RULE = re.compile(r"^(?:-{70}|={70}|failures:)$", re.MULTILINE)


def read_output(framework: Framework, result: CommandResult) -> TestResults:
    """Return counts and failures from the output of a run.

    Where the output has none, counts the whole run as one test, which passed with exit status 0 and failed with others.
    """
    if framework is Framework.UNITTEST:
        found = _read_unittest(result.output)
    elif framework is Framework.CARGO_TEST:
        found = _read_cargo(result.output)
    else:
        found = _read_counts(result.output)
    if found == TestResults() and result.exit_code is not None:
        return TestResults(passed=int(result.exit_code == 0), failed=int(result.exit_code != 0))
    return found


def _read_counts(output: str) -> TestResults:
    """Return the counts in the last line that has any above 0, as in "2 failed, 10 passed"."""
    for line in reversed(output.splitlines()):
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        for number, word in _COUNTED.findall(line):
            counts[_NUMBERS[word]] += int(number)
        if any(counts.values()):
            return TestResults(counts["passed"], counts["failed"], counts["skipped"])
    return TestResults()


def _read_unittest(output: str) -> TestResults:
    """Return the results in the output of Python's unittest; empty ones if it does not say how many tests ran."""
    ran = _UNITTEST_RAN.search(output)
    if ran is None:
        return TestResults()
    numbers = {word: int(number) for word, number in _UNITTEST_ENDED.findall(output[ran.end() :])}
    failed, skipped = numbers.get("failures", 0) + numbers.get("errors", 0), numbers.get("skipped", 0)
    failures = []
    for found in itertools.islice(_UNITTEST_FAILURE.finditer(output), MOST_FAILURES):
        message = _cut_at_rule(output, found.end())
        places = _PYTHON_PLACE.findall(message)
        failures.append(TestFailure(found[1], ":".join(places[0]) if places else "", message))
    return TestResults(max(0, int(ran[1]) - failed - skipped), failed, skipped, tuple(failures))


def _read_cargo(output: str) -> TestResults:
    """Return the results in the output of `cargo test`."""
    outcomes = [outcome for _, outcome in _CARGO_TEST.findall(output)]
    failures = []
    for found in itertools.islice(_CARGO_FAILURE.finditer(output), MOST_FAILURES):
        message = _cut_at_rule(output, found.end())
        place = _CARGO_PLACE.search(message)
        failures.append(TestFailure(found[1], place[1] if place else "", message))
    passed, failed, skipped = (outcomes.count(one) for one in ("ok", "FAILED", "ignored"))
    return TestResults(passed, failed, skipped, tuple(failures))


def _cut_at_rule(output: str, start: int) -> str:
    """Return the text from `start` to the next line that begins another part of the output."""
    ends = [found.start() for found in (_RULE.search(output, start), _CARGO_FAILURE.search(output, start)) if found]
    return output[start : min(ends, default=len(output))].strip()
