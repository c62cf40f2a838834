"""The check of changed files: findings that they did not have before, and the tests. Start at `Checker.check`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.tasks.edit_ranking import find_new_findings
from agents.team.turn.checked_tests import TestCheck, TestsState
from indexing.syntax import languages
from indexing.syntax.documents import Document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from agents.findings import Finding
    from agents.team.limits import Spending
    from agents.team.tool import ToolResult, Workbench
    from agents.team.toolset import Toolset

FAILURE_WEIGHT = 100
"""Findings that one failed test outweighs."""

SHOWN_FINDINGS = 5
SHOWN_OUTPUT = 1500
"""Characters at the end of the tests' results that the model and the person get."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of changed files.

    Attributes:
        findings: messages of the review's findings that the files did not have before.
        tests: the state of the tests.
    """

    findings: tuple[str, ...] = ()
    tests: TestsState = field(default_factory=TestsState)

    @property
    def problem_weight(self) -> int:
        """Weight of all problems together: 1 for a finding, `FAILURE_WEIGHT` for a failed test; 0 for none."""
        return self.tests.count * FAILURE_WEIGHT + len(self.findings)

    def describe(self) -> str:
        """Return findings and tests in words, for the model and the person."""
        shown = "; ".join(self.findings[:SHOWN_FINDINGS])
        found = f"The review finds {len(self.findings)} new: {shown}." if shown else "The review finds nothing new."
        text = self.tests.text[-SHOWN_OUTPUT:]
        return f"{found} {f'Tests fail:{chr(10)}{text}' if self.tests.count else text}".rstrip()


class Checker:
    """The checks of one turn.

    Args:
        bench: the agent's workbench.
        tools: the agent's tools.
        call: runs a call of a tool by its name and arguments, with permission and record.
        spending: what the turn has spent.
    """

    def __init__(
        self, bench: Workbench, tools: Toolset, call: Callable[..., Awaitable[ToolResult]], spending: Spending
    ) -> None:
        self._bench = bench
        self.tests = TestCheck(bench, tools, call, spending)

    async def check(self, before: Mapping[Path, str], tests: str = "", *, asks: bool = False) -> Health:
        """Review changed files, run the tests if that is permitted, and return the health of the files.

        Args:
            before: the files, each with its text before the change.
            tests: file or folder whose tests alone are run, "" for all.
            asks: whether the person is asked about the tests also where no command is set.
        """
        found = await self.check_findings(before)
        return replace(found, tests=await self.tests.run(tests, asks=asks))

    async def check_findings(self, before: Mapping[Path, str]) -> Health:
        """Review files without running tests, and return their health; `before` has each file's earlier text."""
        return Health(
            tuple([message for path, old in before.items() for message in await self._review(path, old, before)])
        )

    async def _review(self, path: Path, old: str, every: Mapping[Path, str]) -> list[str]:
        """Return a message for each finding in a file that its text `old` did not have, with the finding's line.

        The message names the file if `every`, all changed files, has more than one.
        """
        text = await self._bench.read_text(path)
        known, found = [await asyncio.to_thread(self._find, path, one) for one in (old, text)]
        place = f"{self._bench.display(path)}, line" if len(every) > 1 else "line"
        return [
            f"{place} {text.count(chr(10), 0, one.span.start) + 1}: {one.message.rstrip('.')}"
            for one in find_new_findings(known, found)
        ]

    def _find(self, path: Path, text: str) -> tuple[Finding, ...]:
        """Return the review's findings in `text`. Blocking."""
        return tuple(self._bench.review(Document(path.as_uri(), path, languages.detect(path, text), text)))
