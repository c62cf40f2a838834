"""A turn of a small model in the fixed pipeline: change, check, fix or undo; answer; the free loop where it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import TestCommand
from agents.team.events import Noted, TextArrived, TurnStatus
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import RuleSet
from models.chat import Speaker
from tests.agents.doubles import MemoryIndex
from tests.agents.team.led.led_runs import FakeRunner, list_calls, run_turn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agents.team.bench import TeamBench

CHANGE = "=== Decide what the user wants\n@call change_function {}\n"
EXPLAIN = "=== Decide what the user wants\n@call explain_code {}\n"
BETTER = "===\n@times 1\n```python\ndef area(r):\n    return 3 * r * r\n```\nIt squares r.\n"
WORST = "===\n@times 1\n```python\ndef area(r):\n    return BAD * r * BAD\n```\nIt uses BAD.\n"
WORSE = "===\n@times 1\n```python\ndef area(r):\n    return BAD * r\n```\nIt uses BAD.\n"


def choose_tests(folder: Path, _: Path | None) -> TestCommand:
    """Return a command for the tests, which is never run."""
    return TestCommand(("pytest", "-q"), folder)


async def test_a_change_rewrites_one_function_through_the_gate(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + BETTER)
    assert bench.read("area.py") == "def area(r):\n    return 3 * r * r\n\n\ndef other():\n    return 1\n"
    assert ended.status is TurnStatus.DONE
    assert ended.text == "It squares r.\n\nChanged: area in area.py. The review finds nothing new."
    assert list_calls(bench) == ["read_file", "edit_file"]
    assert [one.speaker for one in bench.conversation.messages] == [
        Speaker.USER, *[Speaker.ASSISTANT, Speaker.TOOL] * 2, Speaker.ASSISTANT,
    ]  # fmt: skip
    assert ended.steps == 2
    assert bench.events[-1] == ended


async def test_a_rejected_change_says_why_and_leaves_the_file(bench: TeamBench) -> None:
    bench.gate.answer, bench.gate.reason = False, "Not today."
    ended = await run_turn(bench, CHANGE + BETTER)
    assert (ended.status, ended.text) == (TurnStatus.DONE, "Not today.")
    assert "return 3 * r\n" in bench.read("area.py")


async def test_a_change_that_the_model_cannot_write_is_said_and_answered_in_words(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + "===\nIt is fine.\n")
    assert "wrote nothing that can be used here" in ended.text
    assert ended.text.endswith("\n\nIt is fine.")
    assert "".join(one.text for one in bench.events if isinstance(one, TextArrived)) == ended.text
    assert bench.gate.proposals == []


async def test_a_question_that_was_taken_for_a_change_is_answered(bench: TeamBench) -> None:
    same = "===\n@times 2\n```python\ndef area(r):\n    return 3 * r\n```\n"
    ended = await run_turn(bench, f"{CHANGE}{same}===\nIt is thrice r.\n")
    assert ended.text.endswith("(it changes nothing); nothing was changed.\n\nIt is thrice r.")


async def test_a_fix_that_improves_stays_and_the_next_one_is_the_last(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + WORST + WORST + WORSE + WORSE + BETTER)
    assert "return 3 * r * r\n" in bench.read("area.py")
    assert "The review finds nothing new." in ended.text
    assert list_calls(bench) == ["read_file", "edit_file", "edit_file", "edit_file"]


async def test_a_fix_that_does_not_improve_is_undone(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + WORSE + WORSE + WORST + WORST + BETTER)
    assert "return BAD * r\n" in bench.read("area.py")
    assert Noted("The fix did not improve the code, and is undone.") in bench.events
    assert "The review finds 1 new: line 2: BAD 24 is bad." in ended.text
    asked = bench.chat.requests[-1].messages[-1].text
    assert "does not" not in asked
    assert list_calls(bench) == ["read_file", "edit_file", "edit_file", "edit_file"]


async def test_the_persons_tests_judge_a_change_and_its_fix(bench: TeamBench) -> None:
    failed = CommandResult(1, "E  assert 3 == 9\n== 2 failed, 1 passed ==")
    runner = FakeRunner([failed, CommandResult(0, "3 passed")])
    bench.options |= {"commands": runner, "choose_tests": choose_tests, "test_command": "pytest -q"}
    better = BETTER.replace("3 * r * r", "3.14 * r * r")
    ended = await run_turn(bench, f"{CHANGE}=== there are problems\n{better.partition(chr(10))[2]}{BETTER}")
    assert "3.14 * r * r" in bench.read("area.py")
    assert runner.lines == ["pytest -q", "pytest -q"]
    assert ended.text.endswith("The tests pass.")
    assert any("assert 3 == 9" in one.text for request in bench.chat.requests for one in request.messages)


async def test_tests_that_a_person_does_not_permit_are_not_asked_about_again(bench: TeamBench) -> None:
    runner = FakeRunner()
    bench.options |= {"commands": runner, "choose_tests": choose_tests, "test_command": "pytest -q"}

    async def refuse(*_: object, **__: object) -> object:
        from agents.ports.permissions import Permission  # noqa: PLC0415

        return Permission("r", False, "rejected", "No tests now.")

    bench.gate.permit = refuse  # type: ignore[method-assign, assignment]
    ended = await run_turn(bench, CHANGE + WORSE + WORSE + BETTER)
    assert "The tests were not run: No tests now." in ended.text or "finds nothing new" in ended.text
    assert list_calls(bench).count("run_tests") == 1
    assert runner.lines == []


async def test_a_question_is_answered_from_the_code(bench: TeamBench) -> None:
    ended = await run_turn(bench, EXPLAIN + "===\nIt multiplies r by 3.\n", "What does area() do?")
    assert (ended.status, ended.text) == (TurnStatus.DONE, "It multiplies r by 3.\n"[:-1])
    asked = bench.chat.requests[-1]
    assert "area.py\n```\n1  def area(r):\n2      return 3 * r\n```" in asked.messages[-1].text
    assert asked.messages[-1].text.endswith("What does area() do?")
    assert not asked.tools
    assert "".join(one.text for one in bench.events if isinstance(one, TextArrived)) == ended.text
    assert list_calls(bench) == ["read_file"]


async def test_in_plan_mode_nothing_is_changed(bench: TeamBench) -> None:
    bench.options["mode"] = Mode.PLAN
    ended = await run_turn(bench, "===\nSquare it.\n")
    assert ended.text == "Square it."
    assert bench.gate.proposals == []


@pytest.mark.parametrize("index", [None, MemoryIndex()])
async def test_a_request_about_no_code_runs_in_the_free_loop(index: MemoryIndex | None, bench: TeamBench) -> None:
    bench.options["index"] = index
    ended = await run_turn(bench, "===\nHello.\n", "Hello!")
    assert (ended.status, ended.text) == (TurnStatus.DONE, "Hello.")
    assert bench.chat.requests[-1].tools


async def test_a_model_that_does_not_answer_ends_the_turn_with_its_reason(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + "===\n@status 500\n")
    assert ended.status is TurnStatus.FAILED
    assert bench.events[-1] == ended


async def test_a_cancelled_turn_says_so(bench: TeamBench) -> None:
    bench.options["cancelled"] = lambda: bool(list_calls(bench))
    ended = await run_turn(bench, CHANGE + BETTER)
    assert ended.status is TurnStatus.CANCELLED
    assert bench.gate.proposals == []


async def test_a_turn_that_is_at_its_limit_does_nothing(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHANGE + BETTER, steps=0)
    assert ended.status is TurnStatus.LIMIT
    assert bench.chat.requests == []


async def test_nothing_is_read_that_a_rule_of_the_person_withholds(bench: TeamBench) -> None:
    bench.options["rules"] = RuleSet.parse(deny=["reads path area.py"])
    await run_turn(bench, "===\nI cannot see it.\n", "What does area() do?")
    sent = "\n".join(message.text for request in bench.chat.requests for message in request.messages)
    assert "3 * r" not in sent
