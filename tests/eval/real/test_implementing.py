"""Solutions are taken out of answers, visible examples are found and tried, and a repair is never worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.tasks.task import Resources
from indexing.index import Index
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripted_completion import ScriptedModel
from tests.eval.real.implementing import (
    GENERATE,
    IMPLEMENT,
    REPAIRED,
    Bench,
    extract_code,
    find_failures,
    make_row,
    read_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROBLEM = read_problem(
    {
        "task_id": "Own/1",
        "prompt": "import math\n\n\ndef twice(x):\n"
        '    """Twice x.\n\n    >>> twice(2)\n    4\n    twice(3) == 6\n    twice(1) ➞ 2  # of course\n    """\n',
        "entry_point": "twice",
        "test": "def check(candidate):\n    assert candidate(5) == 10\n    assert candidate(-1) == -2\n",
    }
)
RIGHT = PROBLEM.prompt + "    return 2 * x\n"
HALF_RIGHT = PROBLEM.prompt + "    return x * x if x == 2 else 0\n"
WRONG = PROBLEM.prompt + "    return None\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    index = Index([workspace], storage=tmp_path / "index")
    index.start()
    yield lambda **resources: Bench(Resources(index, roots=(workspace,), **resources), workspace)
    index.close()


def script_chat(*answers: str) -> ScriptedChat:
    """Return a chat model that gives these answers, one after the other."""
    return ScriptedChat("\n".join(f"===\n@times 1\n{answer}" for answer in answers))


def fence_code(text: str) -> str:
    return f"```python\n{text[text.index('def ') :]}```\nThat is it."


def test_examples_are_what_the_docstring_shows_in_any_of_the_usual_ways() -> None:
    assert PROBLEM.find_examples() == [("twice(2)", "4"), ("twice(3)", "6"), ("twice(1)", "2  # of course")]


def test_failures_say_what_came_and_what_should_have() -> None:
    assert find_failures(RIGHT, PROBLEM) == []
    assert find_failures(WRONG, PROBLEM)[0] == "twice(2) gives None and should give 4."
    assert find_failures(PROBLEM.prompt + "    return y\n", PROBLEM)[1].startswith("twice(3) fails: NameError")


@pytest.mark.parametrize(
    "answer",
    [
        fence_code(RIGHT),
        f"First:\n```\nnothing\n```\nThen:\n{fence_code(RIGHT)}",
        "    return 2 * x\n",
        "```python\n    return 2 * x\n",
    ],
)
def test_the_solution_is_the_block_that_defines_the_function_or_a_body_for_it(answer: str) -> None:
    assert PROBLEM.is_passed(PROBLEM.above + extract_code(answer, PROBLEM))


def test_a_body_is_filled_in(bench: Callable[..., Bench]) -> None:
    answer = bench(model=ScriptedModel({"": "return 2 * x"})).ask(PROBLEM, IMPLEMENT)
    assert answer["passed"]
    assert answer["rounds"][0]["failed"] == []


def test_without_repairs_a_wrong_answer_stays(bench: Callable[..., Bench]) -> None:
    chat = script_chat(fence_code(WRONG), fence_code(RIGHT))
    answer = bench(chat=chat).ask(PROBLEM, GENERATE)
    assert (answer["passed"], len(answer["rounds"])) == (False, 1)


def test_a_repair_is_told_what_went_wrong_and_ends_when_the_examples_pass(bench: Callable[..., Bench]) -> None:
    chat = script_chat(fence_code(WRONG), fence_code(RIGHT), fence_code(WRONG))
    answer = bench(chat=chat).ask(PROBLEM, REPAIRED)
    assert [one["passed"] for one in answer["rounds"]] == [False, True]
    assert answer["passed"]
    assert "twice(2) gives None and should give 4." in chat.requests[-1].messages[-1].text


def test_of_rounds_that_fail_the_one_counts_that_fails_least(bench: Callable[..., Bench]) -> None:
    chat = script_chat(fence_code(HALF_RIGHT), fence_code(WRONG), fence_code(WRONG))
    answer = bench(chat=chat).ask(PROBLEM, REPAIRED)
    assert len(answer["rounds"]) <= 3
    assert answer["text"] == HALF_RIGHT


def test_a_row_counts_repairs_and_what_they_made_worse() -> None:
    machine: dict[str, Any] = {"ms": 7, "prompt_tokens": 0, "processor": "P", "threads": 2}
    good, bad = {"passed": True}, {"passed": False}
    found = {
        "a": {"passed": True, "rounds": [bad, good], **machine},
        "b": {"passed": False, "rounds": [good, bad], **machine},
        "c": {"passed": True, "rounds": [good], **machine},
    }
    line = make_row("m", REPAIRED, found, {"a": {"passed": False}})
    assert (line["n"], line["pass_1"], line["repaired"], line["made_worse"]) == (3, 0.667, 2, 1)
    assert (line["beside_raw_n"], line["more_than_raw"]) == (1, 1.0)
    assert line["prompt_tokens_p50"] == ""
