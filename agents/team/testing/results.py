"""The results of a run of tests, and their text for a model. Start at `TestResults`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.ports.commands import CommandResult

MOST_FAILURES = 200
LONGEST_MESSAGE = 10_000
SHOWN_FAILURES = 20
SHOWN_MESSAGE = 1_500
"""Characters of one failure's message among others; test programs put the most telling part at its end."""
SHOWN_OUTPUT = 4_000


@dataclass(frozen=True, slots=True)
class TestFailure:
    """A failed test.

    Attributes:
        name: its name, as the test program writes it.
        place: file and line, "tests/test_area.py:12"; "" if that is not known.
        message: the reason, with the traceback if there is one.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    name: str
    place: str
    message: str


@dataclass(frozen=True, slots=True)
class TestResults:
    """The results of a run of tests.

    Attributes:
        passed: number of passed tests.
        failed: number of failed tests, errors included.
        skipped: number of tests that were not run.
        failures: the failed tests, at most `MOST_FAILURES`.
        command: the command line.
        exit_code: exit status; None if the command was stopped.
        seconds: duration.
        problem: why the command was stopped, "" if it ended by itself.
        output: the end of the output.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[TestFailure, ...] = ()
    command: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    problem: str = ""
    output: str = ""

    @property
    def is_green(self) -> bool:
        """Whether the command ended by itself and reported no failure."""
        return self.exit_code == 0 and not self.failed

    def complete(self, command: str, result: CommandResult) -> TestResults:
        """Return these counts and failures, cut to size, with the facts about the run of `command`."""
        return replace(
            self,
            failures=tuple(_cut_failure(one) for one in self.failures[:MOST_FAILURES]),
            command=command,
            exit_code=result.exit_code,
            seconds=result.seconds,
            problem=result.problem,
            output=result.output[-SHOWN_OUTPUT:],
        )

    def format(self, name: str = "") -> str:
        """Return the results as text for a model, with up to `SHOWN_FAILURES` failures.

        With `name`, only failures whose name has it, with whole messages. Has the end of the output if the run was not
        green and no failure is known.
        """
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped, {self.seconds:.1f} s"
        lines = [f"[{counts}] {self.command}"]
        if self.problem:
            lines.append(self.problem)
        chosen = [one for one in self.failures if name in one.name]
        if name and not chosen:
            lines.append(f"No failed test has {name!r} in its name.")
        longest = LONGEST_MESSAGE if name else SHOWN_MESSAGE
        lines += [_format_failure(one, longest) for one in chosen[:SHOWN_FAILURES]]
        if len(chosen) > SHOWN_FAILURES:
            lines.append(f"[{len(chosen) - SHOWN_FAILURES} more failures]")
        if not self.is_green and not self.failures:
            status = f"Exit status {self.exit_code}. " if self.exit_code is not None else ""
            lines.append(f"{status}The end of the output:\n{self.output}")
        return "\n".join(lines).rstrip()


def _cut_failure(failure: TestFailure) -> TestFailure:
    """Return the failure with its name cut, and with the last `LONGEST_MESSAGE` characters of its message."""
    return replace(failure, name=failure.name[:500], message=failure.message[-LONGEST_MESSAGE:])


def _format_failure(failure: TestFailure, longest: int) -> str:
    """Return one failure as text, with the last `longest` characters of its message."""
    place = f" ({failure.place})" if failure.place else ""
    message = failure.message.strip()
    cut = f"[...]\n{message[-longest:]}" if len(message) > longest else message
    return f"\nFAILED {failure.name}{place}\n{cut}"
