"""The tools `run_tests` and `test_results`, with real runs of pytest and unittest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import Framework, TestCommand
from agents.team.failure import ToolFailed
from agents.team.session_notes import SessionNotes
from agents.team.tools.run_tests import select_by_name
from tests.agents.team.bench import DirectRunner

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.commands import CommandRequest
    from agents.ports.permissions import Cancelled
    from tests.agents.team.bench import TeamBench

SOURCE = """#- test_area.py
import unittest

class Area(unittest.TestCase):
    def test_one(self):
        self.assertEqual(1, 1)

    def test_two(self):
        self.assertEqual(1, 2)
"""


class StoppedRunner(DirectRunner):
    """Starts no command."""

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Return that the command was not started."""
        del request, cancelled
        return CommandResult(None, "", "It could not be started.")


def prepare(bench: TeamBench, *arguments: str, framework: Framework) -> None:
    """Write the tests, and have them run by Python with `arguments` and the chosen file."""

    def choose(folder: Path, only: Path | None) -> TestCommand:
        chosen = () if only is None else (only.name,)
        return TestCommand((sys.executable, *arguments, *chosen), folder, framework=framework)

    bench.write(SOURCE)
    bench.options |= {"commands": DirectRunner(), "choose_tests": choose, "notes": SessionNotes()}


async def test_pytest_is_run_after_a_question_and_its_failures_are_returned(bench: TeamBench) -> None:
    prepare(bench, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", framework=Framework.PYTEST)
    text, failed = await bench.call("run_tests")
    assert failed
    first, _, name, *_ = text.splitlines()
    assert first.startswith("[1 passed, 1 failed, 0 skipped,")
    assert name == "FAILED test_area.Area::test_two (test_area.py:8)"
    assert "AssertionError: 1 != 2" in text
    (asked,) = bench.gate.calls
    assert asked.subject.endswith("no:randomly -o junit_family=xunit1 --junitxml=report.xml")
    assert (await bench.call("test_results"))[0] == text


async def test_tests_are_chosen_by_file_and_name(bench: TeamBench) -> None:
    prepare(bench, "-m", "unittest", framework=Framework.UNITTEST)
    text, _ = await bench.call("run_tests", path="test_area.py", name="test_one")
    assert text.startswith("[1 passed, 0 failed, 0 skipped,")
    assert bench.gate.calls[0].subject.endswith("-m unittest test_area.py -k test_one")


async def test_results_of_one_failure_can_be_asked_for(bench: TeamBench) -> None:
    prepare(bench, "-m", "unittest", framework=Framework.UNITTEST)
    await bench.call("run_tests")
    assert "FAILED test_two" in (await bench.call("test_results", name="two"))[0]
    assert "No failed test has 'three'" in (await bench.call("test_results", name="three"))[0]


async def test_without_a_run_there_are_no_results(bench: TeamBench) -> None:
    assert await bench.call("test_results") == (
        "No tests were run in this session yet; run_tests runs them.",
        True,
    )


async def test_a_workspace_without_known_tests_is_said_without_a_question(bench: TeamBench) -> None:
    bench.options |= {"commands": DirectRunner(), "choose_tests": lambda *_: "There are no tests."}
    assert await bench.call("run_tests") == ("There are no tests.", True)
    assert bench.gate.calls == []


async def test_excluded_files_and_options_are_no_tests_to_choose(bench: TeamBench) -> None:
    prepare(bench, "-m", "unittest", framework=Framework.UNITTEST)
    assert (await bench.call("run_tests", path="secret.py"))[1]
    assert (await bench.call("run_tests", name="--rootdir=/"))[1]
    assert bench.gate.calls == []


async def test_a_run_that_does_not_start_has_no_results(bench: TeamBench) -> None:
    prepare(bench, "-m", "unittest", framework=Framework.UNITTEST)
    bench.options["commands"] = StoppedRunner()
    assert await bench.call("run_tests") == ("It could not be started.", True)


@pytest.mark.parametrize(
    ("framework", "arguments", "expected"),
    [
        (Framework.JEST, ("npm", "test"), ("npm", "test", "--", "-t", "x")),
        (Framework.GO_TEST, ("go", "test", "./..."), ("go", "test", "./...", "-run", "x")),
        (Framework.CARGO_TEST, ("cargo", "test"), ("cargo", "test", "x")),
    ],
)
def test_each_program_is_given_the_name_in_its_own_way(
    framework: Framework, arguments: tuple[str, ...], expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert select_by_name(TestCommand(arguments, tmp_path, framework=framework), "x").arguments == expected


def test_a_name_is_refused_where_the_program_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="by name"):
        select_by_name(TestCommand(("make", "test"), tmp_path), "x")
