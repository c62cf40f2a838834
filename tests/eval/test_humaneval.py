"""The tasks are the published ones in kind, and the sandbox tells what passes."""

import pytest

from models.scripted.scripted_completion import ScriptedModel
from tests.eval import humaneval, sandbox
from tests.eval.humaneval import ARMS, fill_line, judge, split_problem, stop_at_line_end

PROBLEM = {
    "task_id": "Own/1",
    "prompt": 'def twice(x):\n    """Twice x."""\n',
    "canonical_solution": "    y = x + x\n\n    return y\n",
    "entry_point": "twice",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == -2\n",
}


def test_each_line_that_is_not_blank_is_a_task_and_the_whole_is_the_solution() -> None:
    tasks = list(split_problem(PROBLEM))
    assert [task.target for task in tasks] == ["    y = x + x", "    return y"]
    whole = PROBLEM["prompt"] + PROBLEM["canonical_solution"]
    assert all(task.prefix + task.target + task.suffix == whole for task in tasks)


def test_an_answer_ends_with_its_first_line() -> None:
    assert stop_at_line_end("    y = 1") is None
    assert stop_at_line_end("\n    y = 1\n    z") == len("\n    y = 1")


@pytest.mark.parametrize(("arm", "expected"), [(ARMS[0], "    y = 2 * x"), (ARMS[1], "    y = 2 * x")])
def test_the_filled_line_has_its_indentation_whoever_said_it(arm: str, expected: str) -> None:
    task = next(split_problem(PROBLEM))
    model = ScriptedModel({'"""\n': "    y = 2 * x\n    more", "    ": "y = 2 * x\n    more"})
    assert fill_line(model, task, arm) == expected
    assert model.requests[0].suffix == task.suffix


def test_prefix_only_hides_what_stands_behind() -> None:
    model = ScriptedModel({"": "pass"})
    fill_line(model, next(split_problem(PROBLEM)), ARMS[2])
    assert model.requests[0].suffix == ""


def test_another_line_that_works_passes_and_is_not_exact_a_wrong_one_fails() -> None:
    task = next(split_problem(PROBLEM))
    right, wrong = judge(task, "    y = 2 * x"), judge(task, "    y = x * x")
    assert right.passed
    assert not right.outcome.exact
    assert not wrong.passed


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        "1 / 0",
        "def (",
        "open('left', 'w')",
        "import os; os.mkdir('left')",
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "held = bytearray(2**30)",
    ],
)
def test_the_sandbox_fails_what_breaks_or_reaches_out(program: str) -> None:
    assert not sandbox.is_passing(program)


def test_the_sandbox_passes_a_sound_program_that_imports_from_the_library() -> None:
    assert sandbox.is_passing("import math, heapq\nassert math.gcd(4, 6) == 2 and heapq.nsmallest(1, [2, 1]) == [1]")


def test_a_program_without_an_end_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 1)
    assert not sandbox.is_passing("while True: pass")


def test_the_wheel_is_pinned_by_hash() -> None:
    assert len(humaneval.WHEEL.sha256) == 64
