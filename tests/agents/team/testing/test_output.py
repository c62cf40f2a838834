"""Results that are read from the output of a test program."""

from __future__ import annotations

import time

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import Framework
from agents.team.testing.output import read_output

UNITTEST = """.F
======================================================================
FAIL: test_two (test_area.Area.test_two)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/w/test_area.py", line 9, in test_two
    self.assertEqual(1, 2)
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=1, skipped=1)
"""
CARGO = """running 3 tests
test tests::one ... ok
test tests::two ... FAILED
test tests::three ... ignored

failures:

---- tests::two stdout ----
thread 'tests::two' panicked at src/lib.rs:12:9:
assertion `left == right` failed

failures:
    tests::two

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured
"""


def test_unittest_has_counts_places_and_messages() -> None:
    results = read_output(Framework.UNITTEST, CommandResult(1, UNITTEST))
    assert (results.passed, results.failed, results.skipped) == (2, 1, 1)
    (failure,) = results.failures
    assert (failure.name, failure.place) == ("test_two (test_area.Area.test_two)", "/w/test_area.py:9")
    assert failure.message.endswith("AssertionError: 1 != 2")


def test_cargo_has_counts_places_and_messages() -> None:
    results = read_output(Framework.CARGO_TEST, CommandResult(101, CARGO))
    assert (results.passed, results.failed, results.skipped) == (1, 1, 1)
    (failure,) = results.failures
    assert (failure.name, failure.place) == ("tests::two", "src/lib.rs:12")
    assert failure.message.endswith("`left == right` failed")


@pytest.mark.parametrize(("exit_code", "counts"), [(0, (1, 0)), (2, (0, 1))])
def test_without_numbers_the_exit_status_counts(exit_code: int, counts: tuple[int, int]) -> None:
    results = read_output(Framework.OTHER, CommandResult(exit_code, "all is said"))
    assert (results.passed, results.failed) == counts


def test_a_stopped_run_counts_nothing() -> None:
    results = read_output(Framework.OTHER, CommandResult(None, "", "It was stopped."))
    assert (results.passed, results.failed) == (0, 0)


@pytest.mark.parametrize("framework", list(Framework))
@pytest.mark.parametrize("piece", ["1", "x", "panicked at '", "---- a ----\n", "=\n", "test a - ", 'File "', "a.b"])
def test_hostile_output_is_read_in_little_time(framework: Framework, piece: str) -> None:
    begun = time.monotonic()
    read_output(framework, CommandResult(1, f"Ran 1 test in\n{piece * (200_000 // len(piece))}"))
    assert time.monotonic() - begun < 5
