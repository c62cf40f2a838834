"""Reports of test programs: which one a program can write, and the results in it.

A report comes from a command that may be hostile: XML is read without entities, and everything within bounds. Start at
`choose_report` and `read_results`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from agents.ports.commands import ReportRequest
from agents.ports.test_commands import Framework, append_separator
from agents.team.testing.output import read_output
from agents.team.testing.results import MOST_FAILURES, TestFailure, TestResults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.ports.commands import CommandResult

XML = "report.xml"
MOST_TESTS = 200_000
_LONGEST_TEXT = 20_000
_PLACE = re.compile(r"(?<![\w@./\\+-])([\w@./\\+-]{1,300}\.\w{1,5}):(\d{1,9})")  # linear: tried once a word
_OPTIONS = {
    Framework.PYTEST: ReportRequest(XML, "-o junit_family=xunit1 --junitxml={file}"),
    Framework.JEST: ReportRequest("report.json", "--json --outputFile={file}"),
    Framework.VITEST: ReportRequest(XML, "--run --reporter=default --reporter=junit --outputFile.junit={file}"),
    Framework.GO_TEST: ReportRequest("report.json", "-json > {file}"),
}


class _Unreadable(ValueError):  # noqa: N818 (for callers it is a ValueError)
    """The report is not what the test program should have written."""


def choose_report(framework: Framework, arguments: tuple[str, ...]) -> ReportRequest | None:
    """Return the report that the test program can write when it is started with `arguments`; None if it writes none."""
    wanted = _OPTIONS.get(framework)
    if wanted is None or append_separator(arguments) == arguments:
        return wanted
    return ReportRequest(wanted.name, f"-- {wanted.options}")


def read_results(framework: Framework, result: CommandResult) -> TestResults:
    """Return counts and failures from the report in `result`, or from its output if the report cannot be read."""
    readers = {
        Framework.PYTEST: read_junit,
        Framework.VITEST: read_junit,
        Framework.JEST: read_jest,
        Framework.GO_TEST: read_go_test,
    }
    reader = readers.get(framework)
    if reader is not None and result.report:
        try:
            return reader(result.report)
        except (ValueError, RecursionError, expat.ExpatError):
            pass  # the output says the same in other words
    return read_output(framework, result)


def read_junit(text: str) -> TestResults:
    """Return the results in a report of JUnit's XML format.

    Raises:
        ExpatError: it is no XML.
        ValueError: it declares a document type, or has too many tests.
    """
    reader = _JunitReader()
    reader.read(text)
    return TestResults(reader.passed, reader.failed, reader.skipped, tuple(reader.failures))


class _JunitReader:
    """Reads one report; the counts and failures are attributes."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self.failures: list[TestFailure] = []
        self._test: Mapping[str, str] | None = None
        self._outcome = ""
        self._message = ""
        self._text: list[str] | None = None
        self._length = 0

    def read(self, text: str) -> None:
        """Read the whole report, and set the counts and failures.

        Raises:
            ExpatError: it is no XML.
            _Unreadable: it declares a document type, or has too many tests.
        """
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._handle_start_tag
        parser.EndElementHandler = self._handle_end_tag
        parser.CharacterDataHandler = self._collect_text
        parser.Parse(text.encode(errors="replace"), True)

    def _refuse_doctype(self, *_: object) -> None:
        """Raise `_Unreadable`: a document type can define entities, which may take any time to expand."""
        raise _Unreadable

    def _handle_start_tag(self, name: str, attributes: Mapping[str, str]) -> None:
        """Handle a start tag: begin a test, or its outcome."""
        if name == "testcase":
            self._test, self._outcome, self._message = attributes, "passed", ""
        elif self._test is not None and name in {"failure", "error", "skipped"}:
            self._outcome = "skipped" if name == "skipped" else "failed"
            self._message = attributes.get("message", "")[:_LONGEST_TEXT]
            self._text, self._length = [], 0

    def _collect_text(self, text: str) -> None:
        """Collect the text of a failure, error or skip, up to `_LONGEST_TEXT` characters."""
        if self._text is not None and self._length < _LONGEST_TEXT:
            self._text.append(text[: _LONGEST_TEXT - self._length])
            self._length += len(text)

    def _handle_end_tag(self, name: str) -> None:
        """Handle an end tag: set the message of an outcome, or count the test."""
        if name in {"failure", "error", "skipped"} and self._text is not None:
            self._message = "".join(self._text).strip() or self._message
            self._text = None
        elif name == "testcase" and self._test is not None:
            self._count(self._test)
            self._test = None

    def _count(self, test: Mapping[str, str]) -> None:
        """Count the test that ends, and add its failure if it failed, up to `MOST_FAILURES`.

        Raises:
            _Unreadable: there are too many tests.
        """
        if self.passed + self.failed + self.skipped >= MOST_TESTS:
            raise _Unreadable
        setattr(self, self._outcome, getattr(self, self._outcome) + 1)
        if self._outcome == "failed" and len(self.failures) < MOST_FAILURES:
            names = (test.get("classname", ""), test.get("name", ""))
            place = _locate(test, self._message)
            self.failures.append(TestFailure("::".join(filter(None, names)), place, self._message))


def _locate(test: Mapping[str, str], message: str) -> str:
    """Return file and line of a test: the last line of its file in the message, else the start of the test.

    Where its file is not known, the first place in the message; "" without one.
    """
    file = test.get("file", "").replace("\\", "/")
    places = [(name.replace("\\", "/"), line) for name, line in _PLACE.findall(message)]
    inside = [line for name, line in places if file and (name == file or name.endswith(f"/{file}"))]
    if inside:
        return f"{file}:{inside[-1]}"
    if file:
        line = test.get("line", "")
        return f"{file}:{int(line) + 1}" if line.isdecimal() else file
    return ":".join(places[0]) if places else ""


def read_jest(text: str) -> TestResults:
    """Return the results in a report that jest has written as JSON.

    Raises:
        ValueError: it is no such report.
    """
    report = json.loads(text)
    counts = [_get_field(report, f"num{name}Tests", int) for name in ("Passed", "Failed", "Pending")]
    failures: list[TestFailure] = []
    for file in _get_field(report, "testResults", list):
        tests = [
            one for one in _get_field(file, "assertionResults", list) if _get_field(one, "status", str) == "failed"
        ]
        for test in tests:
            message = "\n".join(map(str, _get_field(test, "failureMessages", list)))
            failures.append(TestFailure(_get_field(test, "fullName", str), _find_place(message), message))
        if not tests and _get_field(file, "status", str) == "failed":  # the file could not be loaded
            failures.append(TestFailure(_get_field(file, "name", str), "", str(file.get("message", ""))))
            counts[1] += 1
    return TestResults(counts[0], counts[1], counts[2], tuple(failures[:MOST_FAILURES]))


def read_go_test(text: str) -> TestResults:
    """Return the results in a report that `go test` has written: an event in JSON on each line.

    Raises:
        ValueError: it has no event, or a line that begins with `{` is no JSON. Other lines are skipped.
    """
    counts = {"pass": 0, "fail": 0, "skip": 0}
    outputs: dict[tuple[str, str], list[str]] = {}
    failed: list[tuple[str, str]] = []
    broken: set[str] = set()  # packages with a failed test
    seen = False
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        action, key = event.get("Action"), (str(event.get("Package", "")), str(event.get("Test", "")))
        seen = True
        if action == "output" and (key in outputs or len(outputs) < MOST_TESTS):
            outputs.setdefault(key, []).append(str(event.get("Output", "")))
        elif action in counts and key[1]:
            counts[action] += 1
            if action == "fail":
                failed.append(key)
                broken.add(key[0])
        elif action == "fail" and key[0] not in broken:  # it does not compile
            counts["fail"] += 1
            failed.append(key)
    if not seen:
        raise ValueError("no event")
    failures = [_describe_go_failure(key, "".join(outputs.get(key, ()))) for key in failed[:MOST_FAILURES]]
    return TestResults(counts["pass"], counts["fail"], counts["skip"], tuple(failures))


def _describe_go_failure(key: tuple[str, str], message: str) -> TestFailure:
    """Return the failure of a test of a package, or of the whole package if the test has no name."""
    return TestFailure("::".join(filter(None, key)), _find_place(message), message)


def _find_place(message: str) -> str:
    """Return the first file and line that a message names outside of installed packages; "" for none."""
    for line in message.splitlines():
        if "node_modules" not in line and (found := _PLACE.search(line)):
            return f"{found[1]}:{found[2]}"
    return ""


def _get_field(record: Any, name: str, kind: type) -> Any:  # noqa: ANN401 (a value of JSON)
    """Return a field of a record of JSON.

    Raises:
        ValueError: there is none, or it has another type than `kind`.
    """
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"no {name}")  # noqa: TRY004 (as JSON that cannot be parsed)
    return value
