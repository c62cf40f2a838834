"""The check of a changed file: findings that it did not have before, and the person's own test command.

Start at `Checker.check`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.tasks.edit_ranking import find_new_findings
from agents.tools import EXECUTE_COMMAND
from indexing.syntax import languages
from indexing.syntax.documents import Document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from agents.findings import Finding
    from agents.team.tool import ToolResult, Workbench

DIAGNOSE = "diagnose"
"""The capability set that runs commands."""

FAILURE_WEIGHT = 100
"""Findings that one failed test outweighs."""

SHOWN_FINDINGS = 5
SHOWN_OUTPUT = 1500
"""Characters at the end of the tests' output that the model and the person get."""

_FAILED = re.compile(r"\b(\d{1,6}) (?:failed|failures?|errors?)\b")


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a changed file.

    Attributes:
        findings: messages of the review's findings that the file did not have before.
        failures: tests that failed; 1 if the number is unknown.
        tests: what is known about the tests, in a sentence or as their output; "" if there are none to run.
    """

    findings: tuple[str, ...] = ()
    failures: int = 0
    tests: str = ""

    @property
    def problems(self) -> int:
        """Weight of all problems together; 0 for nothing to fix."""
        return self.failures * FAILURE_WEIGHT + len(self.findings)

    def describe(self) -> str:
        """Return findings and tests in words, for the model and the person."""
        shown = "; ".join(self.findings[:SHOWN_FINDINGS])
        found = f"The review finds {len(self.findings)} new: {shown}." if shown else "The review finds nothing new."
        return f"{found} {self.tests}".rstrip()


class Checker:
    """The checks of one turn.

    Args:
        bench: the agent's workbench.
        call: runs a call of a tool by its name and arguments, with permission and record.
    """

    def __init__(self, bench: Workbench, call: Callable[..., Awaitable[ToolResult]]) -> None:
        self._bench = bench
        self._call = call
        self._runs_tests = bool(bench.test_command) and bench.commands is not None and DIAGNOSE in bench.capabilities

    async def check(self, path: Path, before: str) -> Health:
        """Return the health of the file `path`, whose text was `before`; runs the tests if a person permits it."""
        text = await self._bench.read_text(path)
        known, found = [await asyncio.to_thread(self._review, path, one) for one in (before, text)]
        findings = tuple(
            f"line {text.count(chr(10), 0, one.span.start) + 1}: {one.message.rstrip('.')}"
            for one in find_new_findings(known, found)
        )
        failures, tests = await self._run_tests() if self._runs_tests else (0, "")
        return Health(findings, failures, tests)

    def _review(self, path: Path, text: str) -> tuple[Finding, ...]:
        """Return the review's findings in `text`. Blocking."""
        return tuple(self._bench.review(Document(path.as_uri(), path, languages.detect(path, text), text)))

    async def _run_tests(self) -> tuple[int, str]:
        """Run the test command; return the number of failures, and a sentence or the output.

        Where it is not permitted, it is not asked about again.
        """
        self._bench.loaded.add(DIAGNOSE)
        result = await self._call(EXECUTE_COMMAND.name, command=self._bench.test_command)
        if not result.failed:
            return 0, "The tests pass."
        if not result.text.startswith("[exit status"):
            self._runs_tests = False
            return 0, f"The tests were not run: {result.text[:SHOWN_OUTPUT]}"
        counts = [int(number) for number in _FAILED.findall(result.text)]
        return max(1, sum(counts[-2:])), f"Tests fail:\n{result.text[-SHOWN_OUTPUT:]}"
