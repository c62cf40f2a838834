"""Commands that run the tests of a workspace. Start at `TestCommand`.

`server.gate.trials.test_runs` chooses them, for agents and for trials alike.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath


class Framework(StrEnum):
    """A program that runs tests, as far as its options and its reports are known."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    JEST = "jest"
    VITEST = "vitest"
    GO_TEST = "go test"
    CARGO_TEST = "cargo test"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class TestCommand:
    """A command that runs tests.

    Attributes:
        arguments: the program and its arguments, not read by a shell.
        folder: the working directory.
        measures: whether the command measures coverage with coverage.py.
        framework: the program that runs the tests in the end, also where npm starts it.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    arguments: tuple[str, ...]
    folder: Path
    measures: bool = False
    framework: Framework = Framework.OTHER

    @property
    def command_line(self) -> str:
        """The command as typed in a terminal."""
        return shlex.join(self.arguments)


def append_separator(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return `arguments` with "--" at their end if they run npm's test script and have none; else unchanged.

    npm passes only the options after it on to the test program.
    """
    return (*arguments, "--") if is_npm_test(arguments) and "--" not in arguments else arguments


def is_npm_test(arguments: tuple[str, ...]) -> bool:
    """Return whether a command line runs npm's test script: `npm test`, `npm t` or `npm run test`."""
    runs = arguments[1:2] in {("test",), ("t",)} or arguments[1:3] in {("run", "test"), ("run-script", "test")}
    return runs and PurePath(arguments[0]).stem == "npm"


TestCommandChooser = Callable[[Path, Path | None], TestCommand | str]
"""Returns the command for the tests in a workspace folder, or for those in one file or folder of it; else a sentence.

Reads files and runs nothing. Blocking.
"""


def choose_no_tests(folder: Path, only: Path | None) -> TestCommand | str:  # noqa: ARG001 (as a chooser is called)
    """Return a sentence that says that no tests can be run; the default where there is no other chooser."""
    return "No tests can be run here; say what should be run."
