"""The program's own runs of tests: only what a rule or a person allows, within the turn's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.ports.commands import CommandResult
from agents.ports.test_commands import TestCommand
from agents.team.limits import Spending, TurnLimits
from agents.team.permissions.modes import Mode
from agents.team.permissions.rules import RuleSet
from agents.team.tools.all_tools import TOOLS
from agents.team.toolset import Toolset
from agents.team.turn.calls import prepare_call, run_call
from agents.team.turn.checked_tests import TestCheck, TestsState
from models.chat import ToolCall
from tests.agents.team.led.led_runs import FakeRunner

if TYPE_CHECKING:
    from pathlib import Path

    from agents.team.tool import ToolResult
    from tests.agents.team.bench import TeamBench

PASSED = CommandResult(0, "== 2 passed in 0.1s ==")
FAILED = CommandResult(1, "== 2 failed, 1 passed in 0.1s ==")
NONE = CommandResult(5, "no tests ran in 0.01s")


def make_check(bench: TeamBench, *results: CommandResult, seconds: float = 60.0) -> tuple[TestCheck, FakeRunner]:
    """Return a check in `bench` whose runs end with `results`, and the runner."""
    runner = FakeRunner(list(results))
    bench.root.mkdir(exist_ok=True)

    def choose(folder: Path, _: Path | None) -> TestCommand:
        return TestCommand(("pytest", "-q"), folder)

    bench.options |= {"commands": runner, "choose_tests": choose}
    workbench, tools, spending = bench.workbench, Toolset(TOOLS), Spending(TurnLimits(seconds=seconds))

    async def call(tool: str, **arguments: object) -> ToolResult:
        prepared = await prepare_call(ToolCall("c", tool, arguments), tools, workbench)
        return await run_call(prepared, workbench, spending)

    return TestCheck(workbench, tools, call, spending), runner


async def test_without_a_rule_or_a_command_of_the_person_nothing_is_asked_or_run(bench: TeamBench) -> None:
    check, runner = make_check(bench)
    assert await check.run() == TestsState()
    assert (bench.gate.calls, runner.lines) == ([], [])


async def test_a_rule_that_allows_the_tests_has_them_run(bench: TeamBench) -> None:
    bench.options["rules"] = RuleSet.parse(allow=["run_tests command pytest *"])
    check, runner = make_check(bench, PASSED, FAILED, NONE)
    assert await check.run() == TestsState(ran=True, text="The tests pass.")
    state = await check.run()
    assert (state.ran, state.count) == (True, 2)
    assert "2 failed" in state.text
    assert await check.run() == TestsState(ran=True)
    assert runner.lines == ["pytest -q"] * 3


@pytest.mark.parametrize(("command", "asks"), [("pytest -q", False), ("", True)])
async def test_a_person_is_asked_and_after_a_no_not_again(command: str, asks: bool, bench: TeamBench) -> None:  # noqa: FBT001
    bench.options["test_command"] = command
    check, runner = make_check(bench, PASSED)
    assert (await check.run(asks=asks)).text == "The tests pass."
    assert len(bench.gate.calls) == 1
    bench.gate.answer, bench.gate.reason = False, "Not now."
    assert await check.run(asks=asks) == TestsState(text="The tests were not run: Not now.")
    assert await check.run(asks=asks) == TestsState()
    assert (len(bench.gate.calls), len(runner.lines)) == (2, 1)


@pytest.mark.parametrize("options", [
    {"mode": Mode.PLAN}, {"commands": None}, {"rules": RuleSet.parse(deny=["run_tests"])},
])  # fmt: skip
async def test_what_may_not_run_is_not_asked_about(options: dict[str, object], bench: TeamBench) -> None:
    make_check(bench)
    bench.options |= options
    workbench, spending = bench.workbench, Spending(TurnLimits())

    async def fail(*_: object, **__: object) -> ToolResult:
        raise AssertionError("nothing may run")

    assert await TestCheck(workbench, Toolset(TOOLS), fail, spending).run(asks=True) == TestsState()


async def test_no_run_is_begun_at_the_end_of_the_turns_time(bench: TeamBench) -> None:
    check, runner = make_check(bench, PASSED, seconds=5.0)
    assert await check.run(asks=True) == TestsState()
    assert runner.lines == []
