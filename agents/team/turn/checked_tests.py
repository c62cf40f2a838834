"""Runs of the tests for the program's own check of changes, within the person's permissions. Start at `TestCheck.run`.

No tests run that a person has not allowed: by a rule, or by a yes to a question. The question is only asked where the
person has named the command (`review.testCommand`) or has asked about these tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.permissions.rules import Effect
from agents.team.turn.calls import prepare_call
from models.chat import ToolCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.team.limits import Spending
    from agents.team.testing.results import TestFailure
    from agents.team.tool import ToolResult, Workbench
    from agents.team.toolset import Toolset

RUN_TESTS = "run_tests"
LONGEST_S = 300
"""Seconds that one run may take."""

LEAST_S = 10
"""Seconds of the turn below which no run is begun."""

NO_TESTS = 5
"""Exit status of pytest and unittest where there are no tests."""


@dataclass(frozen=True, slots=True)
class TestsState:
    """The state of the tests after a run.

    Attributes:
        ran: whether they were run.
        count: number of those that failed.
        failures: those that failed, as far as they are known.
        text: the results, or a sentence that says why there are none; "" if no run was tried, or there are no tests.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    ran: bool = False
    count: int = 0
    failures: tuple[TestFailure, ...] = ()
    text: str = ""


class TestCheck:
    """The tests of one turn.

    Args:
        bench: the agent's workbench.
        tools: the agent's tools.
        call: runs a call of a tool by its name and arguments, with permission.
        spending: what the turn has spent.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    def __init__(
        self, bench: Workbench, tools: Toolset, call: Callable[..., Awaitable[ToolResult]], spending: Spending
    ) -> None:
        self._bench = bench
        self._tools = tools
        self._call = call
        self._spending = spending
        self._refused = False

    async def run(self, path: str = "", *, asks: bool = False) -> TestsState:
        """Run the tests if that is allowed or a person permits it, and return their state.

        Runs nothing if the workbench says so, if an earlier call brought no results, as when the person refused it, or
        if fewer than `LEAST_S` seconds of the turn are left.

        Args:
            path: file or folder whose tests alone are run, "" for all.
            asks: whether the person is asked also where no command is set.
        """
        seconds = min(LONGEST_S, int(self._spending.limits.seconds - self._spending.seconds))
        given: dict[str, object] = {"timeout_s": seconds, **({"path": path} if path else {})}
        if not self._bench.checks_tests or self._refused or seconds < LEAST_S:
            return TestsState()
        if not await self._may_run(given, asks=asks):
            return TestsState()
        before = self._bench.notes.tests
        result = await self._call(RUN_TESTS, **given)
        results = self._bench.notes.tests
        if results is None or results is before:
            self._refused = True
            return TestsState(text=f"The tests were not run: {result.text}")
        if results.is_green or (results.exit_code == NO_TESTS and not results.failures):
            return TestsState(ran=True, text="The tests pass." if results.passed else "")
        return TestsState(True, max(1, results.failed), results.failures, result.text)

    async def _may_run(self, arguments: dict[str, object], *, asks: bool) -> bool:
        """Return whether to call the tool: it is not denied, and a rule allows it, `asks`, or a test command is set."""
        prepared = await prepare_call(ToolCall("check", RUN_TESTS, arguments), self._tools, self._bench)
        if prepared.decision is None:
            return False
        return asks or bool(self._bench.test_command) or prepared.decision.effect is Effect.ALLOW
