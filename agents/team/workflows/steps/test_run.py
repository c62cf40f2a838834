"""A step in which the program runs tests, which have to fail or to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from agents.team.events import TurnStatus
from agents.team.workflows.stage import StepOutcome
from agents.team.workflows.steps.step import Step

if TYPE_CHECKING:
    from agents.team.testing.results import TestResults
    from agents.team.workflows.stage import Stage

NO_TESTS = 5
"""Exit status of pytest and unittest without a test."""

LONGEST_FAILURES = 6_000


class TestStep(Step):
    """The tests are run: first those of each changed test file; if they have to pass, all others, too.

    Attributes:
        expect: "fail": each changed test file has a test that fails; "pass": all tests pass.
        needs_new: whether "fail" requires a changed test file; if False and there is none, all tests are run.
        needed: whether tests that cannot be run leave the step open; False to go on with `then`.
        then: the next step if the tests do as `expect` says.
        otherwise: the next step if they do not.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    kind: Literal["tests"]
    expect: Literal["fail", "pass"]
    needs_new: bool = False
    needed: bool = True
    then: str = ""
    otherwise: str


class _NotRun(Exception):  # noqa: N818 (an answer, not an error of the program)
    """The tests were not run; the message says why."""


async def run(step: TestStep, stage: Stage) -> StepOutcome:
    """Run tests, and choose the next step by whether they fail or pass as they have to.

    If needed tests cannot be run, the step stays open. If tests were changed where only code was to be, the workflow
    ends.
    """
    taken = stage.state.fingerprints
    if step.expect == "pass" and (altered := _find_altered(taken, await stage.take_fingerprints(taken))):
        return StepOutcome(f"Tests were changed while only code was to be changed: {altered}.", gives_up=True)
    names = await stage.list_test_files()
    try:
        if step.expect == "fail":
            return await _expect_failure(step, stage, names)
        return await _expect_success(step, stage, names)
    except _NotRun as error:
        if not step.needed and not stage.bench.cancelled():
            return StepOutcome(f"The tests could not be run: {error}", step.then)
        text = f"The tests could not be run: {error} The workflow goes on at this step when you continue it."
        return StepOutcome(text, stopped=TurnStatus.LIMIT)


async def _expect_failure(step: TestStep, stage: Stage, names: list[str]) -> StepOutcome:
    """Run the changed test files, or all tests if there are none; each file with tests has to have one that fails."""
    if step.needs_new and not names:
        stage.state.failures = "No test file was added or changed."
        return StepOutcome(stage.state.failures, step.otherwise)
    found = {name: await _run_tests(stage, name) for name in names or [""]}
    with_tests = {name: one for name, one in found.items() if _has_tests(one)}
    passing = [name or "all tests" for name, one in with_tests.items() if not _has_failed(one)]
    counts = "; ".join(
        f"{name or 'all tests'}: {one.passed} passed, {one.failed} failed" for name, one in found.items()
    )
    failures = "\n\n".join(one.format() for one in found.values())[:LONGEST_FAILURES]
    if passing or not with_tests:
        wrong = ", ".join(passing) or "There is no test in " + ", ".join(names)
        stage.state.failures = f"No test fails: {wrong}."
        return StepOutcome(f"The tests do not fail as they have to. {counts}.", step.otherwise)
    stage.state.failures = failures
    return StepOutcome(f"The tests fail as they have to. {counts}.", step.then)


async def _expect_success(step: TestStep, stage: Stage, names: list[str]) -> StepOutcome:
    """Run the changed test files, then all tests, until something fails; files without tests are skipped."""
    for name in (*names, ""):
        results = await _run_tests(stage, name)
        if not results.is_green and not (name and not _has_tests(results)):
            stage.state.failures = results.format()[:LONGEST_FAILURES]
            where = name or "all tests"
            return StepOutcome(f"{where}: {results.passed} passed, {results.failed} failed.", step.otherwise)
    stage.state.failures = ""
    return StepOutcome(f"All tests pass: {results.passed} passed, {results.skipped} skipped.", step.then)


async def _run_tests(stage: Stage, name: str) -> TestResults:
    """Run the tests of a file, "" for all, by the team's tool; return their results.

    Raises:
        _NotRun: they were not permitted, there is no command, or the run was stopped.
    """
    _forget_results(stage)
    result = await stage.call("run_tests", {"path": name})
    results = stage.bench.notes.tests
    if results is None:
        raise _NotRun(result.text)
    if results.exit_code is None:
        raise _NotRun(results.problem or "the run did not end.")
    return results


def _forget_results(stage: Stage) -> None:
    """Forget the results of the last run, so that they are not taken for those of one that does not start."""
    stage.bench.notes.tests = None


def _has_tests(results: TestResults) -> bool:
    """Return whether a run had a test: one was counted, or the exit status is not `NO_TESTS`."""
    return results.passed + results.failed + results.skipped > 0 or results.exit_code != NO_TESTS


def _has_failed(results: TestResults) -> bool:
    """Return whether a test has failed; where no test was counted, whether the command failed."""
    if results.passed + results.failed + results.skipped == 0:
        return results.exit_code not in {0, NO_TESTS}
    return results.failed > 0


def _find_altered(before: dict[str, str], after: dict[str, str]) -> str:
    """Return the names of the files whose fingerprint has changed, "" for none."""
    return ", ".join(name for name, one in before.items() if after.get(name) != one)
