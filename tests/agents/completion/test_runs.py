from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from agents.completion.runs import Ending, Place, Run, Runs
from tests.agents.doubles import parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REACH = ("line", 1)
LONG_S = 30.0


@pytest.fixture
def runs() -> Iterator[Runs[str]]:
    made: Runs[str] = Runs()
    yield made
    made.close()


def never() -> bool:
    return False


def start_run(
    runs: Runs[str], fixture: str, work: Callable[[Run[str]], str | None], linger_s: float = LONG_S
) -> Run[str]:
    document, offset = parse_place(fixture)
    return runs.start(Place.of(document, offset, REACH), work, linger_s=linger_s)


class Decoding:
    """Work that decodes `text` and goes on until the test sets `let_go` or the run should stop."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.said = threading.Event()
        self.let_go = threading.Event()
        self.stopped_early = False

    def __call__(self, run: Run[str]) -> str | None:
        run.text = self.text
        self.said.set()
        while not self.let_go.wait(0.002):
            if run.should_stop():
                self.stopped_early = True
                return None
        return self.text


def test_a_run_gives_its_result(runs: Runs[str]) -> None:
    run = start_run(runs, "x = $0\n", lambda _: "abs")
    assert run.wait(until=time.monotonic() + LONG_S, leave=never) is Ending.DONE
    assert run.result == "abs"


def test_a_request_leaves_at_once_while_the_run_goes_on(runs: Runs[str]) -> None:
    decoding = Decoding()
    run = start_run(runs, "x = $0\n", decoding)
    assert run.wait(until=time.monotonic() + LONG_S, leave=lambda: True) is Ending.LEFT
    assert not run.is_done
    decoding.let_go.set()


def test_a_run_that_nobody_waits_for_ends(runs: Runs[str]) -> None:
    decoding = Decoding()
    run = start_run(runs, "x = $0\n", decoding, linger_s=0.0)
    assert run.wait(until=time.monotonic() + LONG_S, leave=decoding.said.is_set) is Ending.LEFT
    while not run.is_done:
        time.sleep(0.001)
    assert decoding.stopped_early


def test_a_wait_ends_when_its_time_is_over(runs: Runs[str]) -> None:
    decoding = Decoding()
    run = start_run(runs, "x = $0\n", decoding)
    assert run.wait(until=time.monotonic(), leave=never) is Ending.LATE
    decoding.let_go.set()


@pytest.mark.parametrize(
    ("said", "typed", "fits"),
    [
        ("abs(x)", "", True),
        ("abs(x)", "ab", True),
        ("ab", "abs", True),
        ("", "abs", True),
        ("", "a long way ahead", False),
        ("abs(x)", "al", False),
    ],
)
def test_a_request_joins_a_run_that_it_fits(runs: Runs[str], said: str, typed: str, fits: bool) -> None:  # noqa: FBT001
    decoding = Decoding(said)
    run = start_run(runs, "x = $0\n", decoding)
    assert decoding.said.wait(LONG_S)
    document, offset = parse_place(f"x = {typed}$0\n")
    joined = runs.find_joinable(document, offset, REACH)
    assert joined == ((run, typed) if fits else None)
    decoding.let_go.set()


@pytest.mark.parametrize("fixture", ["#- other.py\nx = $0\n", "y = $0\n", "x = $0\nz\n"])
def test_a_request_at_another_place_joins_no_run(runs: Runs[str], fixture: str) -> None:
    decoding = Decoding()
    start_run(runs, "x = $0\n", decoding)
    document, offset = parse_place(fixture)
    assert runs.find_joinable(document, offset, REACH) is None
    decoding.let_go.set()


def test_a_newer_run_of_the_document_ends_the_older_at_its_next_token(runs: Runs[str]) -> None:
    older = Decoding()
    first = start_run(runs, "x = $0\n", older)
    assert older.said.wait(LONG_S)
    second = start_run(runs, "y = $0\n", lambda _: "new")
    assert second.wait(until=time.monotonic() + LONG_S, leave=never) is Ending.DONE
    first.wait(until=time.monotonic() + LONG_S, leave=never)
    runs.close()
    assert older.stopped_early


def test_runs_of_different_documents_leave_each_other_alone(runs: Runs[str]) -> None:
    one = Decoding("one")
    run = start_run(runs, "x = $0\n", one)
    start_run(runs, "#- other.py\nx = $0\n", lambda _: "two")
    one.let_go.set()
    assert run.wait(until=time.monotonic() + LONG_S, leave=never) is Ending.DONE


def test_closing_ends_the_runs(runs: Runs[str]) -> None:
    decoding = Decoding()
    start_run(runs, "x = $0\n", decoding)
    assert decoding.said.wait(LONG_S)
    runs.close()
    assert decoding.stopped_early


def test_nothing_starts_after_closing(runs: Runs[str]) -> None:
    runs.close()
    run = start_run(runs, "x = $0\n", lambda _: "abs")
    assert run.is_done
    assert run.result is None


@pytest.mark.parametrize(("typed", "expected"), [("", True), ("ab", True), ("ax", False)])
def test_checking_for_a_joinable_run_ends_no_run(runs: Runs[str], typed: str, *, expected: bool) -> None:
    work = Decoding("abs(1)")
    run = start_run(runs, "x = $0\n", work)
    assert work.said.wait(LONG_S)
    assert runs.has_joinable_run(*parse_place(f"x = {typed}$0\n")) is expected
    assert run.should_stop() is False
    work.let_go.set()
    run.wait(until=time.monotonic() + LONG_S, leave=never)
    assert runs.has_joinable_run(*parse_place("x = $0\n")) is False
