"""The repair of code whose test fails: suspects, attempts that the test judges, and what is undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import Framework, TestCommand
from agents.team.events import Noted
from agents.team.led.locating import Place
from agents.team.led.repairing import correct_line
from indexing.records import Hit
from tests.agents.doubles import MemoryIndex
from tests.agents.team.led.led_runs import FakeRunner, list_calls, run_turn

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

FILES = """
#- shop.py
def net(price):
    return price - 1


def gross(price):
    return net(price) * 2
#- tests/test_shop.py
from shop import gross, net


def test_gross():
    assert gross(1) == 2
"""
REQUEST = "The test in tests/test_shop.py fails; correct the code."
CHOICE = "=== Decide what the user wants\n@call fix_failing_test {}\n"
WRONG = "=== 5  def gross\n@times 1\nIt is times three.\nLINE 6\n```python\nreturn net(price) * 3\n```\n"
NOTHING = "=== 5  def gross\n@times 1\nI do not know.\n"
RIGHT = "=== 1  def net\n@times 1\nNo minus.\nLINE 2\n```python\nreturn price\n```\n"
FAILED = CommandResult(1, "tests/test_shop.py:5: AssertionError\n== 1 failed in 0.1s ==")
PASSED = CommandResult(0, "== 1 passed in 0.1s ==")


def prepare(bench: TeamBench, results: list[CommandResult]) -> FakeRunner:
    """Have the tests of `bench` end with `results` in turn."""
    runner = FakeRunner(list(results))
    hits = tuple(Hit(bench.root / "shop.py", "shop.py", 0, 7, "", 1.0, name) for name in ("net", "gross"))

    def choose(folder: Path, _: Path | None) -> TestCommand:
        return TestCommand(("pytest", "-q"), folder, framework=Framework.OTHER)

    bench.options |= {
        "commands": runner, "choose_tests": choose, "capabilities": ("engineering", "diagnose"),
        "index": MemoryIndex(hits=hits, defined=hits),
    }  # fmt: skip
    return runner


async def test_suspects_are_tried_until_the_test_passes(bench: TeamBench) -> None:
    runner = prepare(bench, [FAILED, FAILED, PASSED])
    ended = await run_turn(bench, CHOICE + WRONG + NOTHING + RIGHT, REQUEST, files=FILES)
    assert bench.read("shop.py") == (
        "def net(price):\n    return price\n\n\ndef gross(price):\n    return net(price) * 2\n"
    )
    assert Noted("The change of gross did not help, and is undone.") in bench.events
    assert ended.text == "Changed: net in shop.py. The review finds nothing new. The tests pass."
    assert runner.lines == ["pytest -q"] * 3
    asked = "".join(one.text for request in bench.chat.requests for one in request.messages)
    assert "tests/test_shop.py:5: AssertionError" in asked


async def test_what_was_tried_without_success_is_said(bench: TeamBench) -> None:
    prepare(bench, [FAILED] * 5)
    ended = await run_turn(
        bench, CHOICE + WRONG + NOTHING + RIGHT + "=== 1  def net\nI do not know.\n", REQUEST, files=FILES
    )
    assert ended.text.startswith("Tried to change gross in shop.py, net in shop.py, without success.")
    assert "price - 1" in bench.read("shop.py")


async def test_a_test_that_passes_leaves_the_request_to_a_change(bench: TeamBench) -> None:
    prepare(bench, [PASSED, PASSED])
    ended = await run_turn(bench, CHOICE + "===\nIt passes.\n", REQUEST, files=FILES)
    assert ended.text.endswith("It passes.")
    assert bench.gate.proposals == []


async def test_where_no_test_can_run_one_suspect_is_changed_by_the_tests_text(bench: TeamBench) -> None:
    prepare(bench, [])
    bench.options["commands"] = None
    ended = await run_turn(bench, CHOICE + WRONG, REQUEST, files=FILES)
    assert ended.text == "Changed: gross in shop.py. The review finds nothing new."
    assert "run_tests" not in list_calls(bench)
    assert any("assert gross(1) == 2" in one.text for request in bench.chat.requests for one in request.messages)


@pytest.mark.parametrize(("reply", "after"), [
    ("Line 2\n```\nreturn price\n```", "    return price"),
    ("LINE: 2\n```python\n2      return price\n```", "    return price"),
    ("LINE 2\n```\nif price:\n    return price\n```", "    if price:\n        return price"),
    ("```\ndef net(price):\n    return price\n```", "    return price"),
    ("LINE 9\n```\nreturn price\n```", None),
    ("LINE 2\n```\nreturn (price\n```", None),
    ("LINE 2\n```\nreturn price - 1\n```", None),
    ("LINE 2", None),
    ("```\nreturn price\n```", None),
])  # fmt: skip
def test_a_reply_corrects_one_line_or_all_of_them(reply: str, after: str | None) -> None:
    text = "def net(price):\n    return price - 1\n\n\nx = 1\n"
    place = Place(Path("/w/shop.py"), 0, 2, "net", "", "function")
    expected = None if after is None else f"def net(price):\n{after}\n\n\nx = 1\n"
    assert correct_line(text, place, reply, "python") == expected
