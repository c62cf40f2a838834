"""Runs of a workspace's tests: chooses the command, and runs it with limits of time, memory and output.

The command is the user's setting, or what the workspace has: pytest, npm's test script, `go test`, `cargo test` or
unittest. A caller of `run` has to show the whole command to a person and ask before each run. Uses no shell. Start at
`choose_command` and `run`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from agents.ports.test_commands import Framework, TestCommand, append_separator, is_npm_test
from indexing import bounds
from indexing.workspace.files import read_regular, read_text
from server.gate.commands import groups
from server.gate.commands.bounded_output import BoundedOutput
from server.gate.commands.environments import restore_shell_variables
from server.gate.commands.groups import GroupCommand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENVIRONMENTS = (".venv", "venv", "env", ".env")
_LOOKED_AT = 20  # test files
KEPT_BYTES = 20_000  # of the end of the output, where test runners report failures


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run.

    Attributes:
        exit_code: exit status of the command; None if it was stopped or could not be started.
        seconds: duration.
        output: the last `KEPT_BYTES` of stdout and stderr.
        problem: a sentence that says why the command was stopped or not started; "" if it ended by itself.
    """

    exit_code: int | None
    seconds: float
    output: str
    problem: str = ""


def choose_command(folder: Path, wanted: str, only: Path | None = None, *, measures: bool = True) -> TestCommand | str:
    """Return the command that runs the tests in `folder`, or a sentence that says why no command is known.

    Reads files and runs nothing.

    Args:
        folder: a workspace folder.
        wanted: the user's setting; if it is empty, what the workspace has is chosen: pytest, npm's test script, `go
            test`, `cargo test` or unittest.
        only: a file or folder in `folder` whose tests alone are to run; None for all. Ignored if the framework cannot
            select tests.
        measures: whether to measure coverage, if the chosen command can.
    """
    if wanted.strip():
        try:
            arguments = tuple(shlex.split(wanted))
        except ValueError as error:
            return f"The setting `review.testCommand` cannot be read ({error}); write it as you type it in a terminal."
        command: TestCommand | None = TestCommand(arguments, folder, framework=_recognize(arguments))
    else:
        command = _find_command(folder, measures=measures)
    if command is None:
        return (
            "Starling does not know how to run the tests of this workspace: it found neither an environment with "
            "pytest nor a test script of npm, go.mod, Cargo.toml or tests for unittest. Set `review.testCommand` in "
            "your own settings."
        )
    return command if only is None else narrow(command, only)


def narrow(command: TestCommand, only: Path) -> TestCommand:
    """Return `command` for the tests in the file or folder `only`; unchanged if its framework cannot select tests."""
    name = only.relative_to(command.folder).as_posix()
    arguments = command.arguments
    match command.framework:
        case Framework.PYTEST | Framework.UNITTEST | Framework.JEST | Framework.VITEST:
            if command.framework is Framework.UNITTEST and arguments[-1:] == ("discover",):
                arguments = arguments[:-1] if only.suffix else (*arguments, "-s")
            return replace(command, arguments=(*append_separator(arguments), name))
        case Framework.GO_TEST:
            package = name if not only.suffix else (name.rpartition("/")[0] or ".")
            kept = tuple(one for one in arguments if one != "./...")
            return replace(command, arguments=(*kept, f"./{package}{'' if only.suffix else '/...'}"))
        case _:
            return (
                replace(command, arguments=(*append_separator(arguments), name)) if is_npm_test(arguments) else command
            )


def _find_command(folder: Path, *, measures: bool) -> TestCommand | None:
    """Return the command for the tests that the workspace has, None if it has none that are known."""
    python = _find_interpreter(folder)
    packages = _find_packages(python) if python is not None else frozenset()
    if "pytest" in packages:
        measures = measures and "coverage" in packages
        start = (str(python), "-m", *(("coverage", "run", "-m") if measures else ()))
        return TestCommand((*start, "pytest", "-q"), folder, measures, Framework.PYTEST)
    script = _read_npm_script(folder)
    if script and (npm := shutil.which("npm")):
        return TestCommand((npm, "test"), folder, framework=_recognize(tuple(script.split())))
    if (folder / "go.mod").is_file() and (program := shutil.which("go")):
        return TestCommand((program, "test", "./..."), folder, framework=Framework.GO_TEST)
    if (folder / "Cargo.toml").is_file() and (program := shutil.which("cargo")):
        return TestCommand((program, "test"), folder, framework=Framework.CARGO_TEST)
    interpreter = str(python) if python is not None else shutil.which("python3")
    if interpreter and _has_unittests(folder):
        return TestCommand((interpreter, "-m", "unittest", "discover"), folder, framework=Framework.UNITTEST)
    return None


def _recognize(arguments: Sequence[str]) -> Framework:
    """Return the test framework that a command line runs, `OTHER` if unknown."""
    names = [PurePath(argument).stem for argument in arguments]
    for framework in (Framework.PYTEST, Framework.UNITTEST, Framework.VITEST, Framework.JEST):
        if framework in names:
            return framework
    for framework in (Framework.GO_TEST, Framework.CARGO_TEST):
        if names[:2] == framework.split():
            return framework
    return Framework.OTHER


async def run(command: TestCommand, *, timeout_s: float, data_file: Path | None) -> Run:
    """Run `command` and return the result; stop it after `timeout_s` seconds, or if it takes too much memory.

    Ends all processes of the command before returning, also if this call is cancelled. If the command was stopped or
    cannot be started, `problem` of the result says why. Nothing confines the command.

    Args:
        command: a command that a person has permitted.
        timeout_s: longest duration, in seconds.
        data_file: the file for coverage.py's data, which otherwise go into the workspace; None if none are wanted.
    """
    environment = restore_shell_variables(os.environ)
    if data_file is not None:
        environment["COVERAGE_FILE"] = str(data_file)
    most = await asyncio.to_thread(groups.compute_memory_limit)
    output = BoundedOutput(0, KEPT_BYTES)
    try:
        end = await groups.run_group(
            GroupCommand(command.arguments, command.folder, environment, timeout_s, most), output
        )
    except OSError as error:
        sentence = f"{command.arguments[0]} could not be started ({error.strerror}); set `review.testCommand`."
        return Run(None, 0.0, "", sentence)
    problem = {
        "": "",
        "time": f"The tests were stopped after {timeout_s:g} seconds; `review.testTimeoutS` allows more.",
        "memory": f"The tests were stopped because they took more than {most / 1e9:.1f} GB of memory; run fewer.",
        "cancelled": "The run was cancelled.",
    }[end.stopped]
    return Run(end.exit_code, end.seconds, output.format(), problem)


def _find_interpreter(folder: Path) -> Path | None:
    """Return the Python of a virtual environment in `folder`; None if there is none."""
    for name in ENVIRONMENTS:
        for python in (folder / name / "bin" / "python", folder / name / "Scripts" / "python.exe"):
            if python.is_file():
                return python
    return None


def _find_packages(python: Path) -> frozenset[str]:
    """Return the names of the packages among pytest and coverage that the environment of `python` has."""
    home = python.parent.parent
    places = (*sorted(home.glob("lib/python3*/site-packages")), home / "Lib" / "site-packages")
    return frozenset(name for place in places for name in ("pytest", "coverage") if (place / name).is_dir())


def _read_npm_script(folder: Path) -> str:
    """Return the test script of `package.json` in `folder`; "" for none, or for npm's placeholder."""
    try:
        manifest = json.loads(read_text(folder / "package.json", bounds.CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return ""
    scripts = manifest.get("scripts") if isinstance(manifest, dict) else None
    script = str(scripts.get("test") or "") if isinstance(scripts, dict) else ""
    return "" if "no test specified" in script else script


def _has_unittests(folder: Path) -> bool:
    """Return whether a test file in `folder` or its `tests` or `test` mentions unittest; reads up to `_LOOKED_AT`."""
    places = (folder, folder / "tests", folder / "test")
    files = itertools.islice((path for place in places for path in place.glob("test*.py")), _LOOKED_AT)
    for path in files:
        try:
            data, _ = read_regular(path, bounds.CONFIGURATION_BYTES)
        except OSError:
            continue
        if b"unittest" in data:
            return True
    return False
