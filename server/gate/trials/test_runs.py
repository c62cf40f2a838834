"""Runs of a workspace's tests: chooses the command, and runs it with limits of time, memory and output.

The command is the user's setting, or pytest or npm if the workspace has them. A caller of `run` has to show the whole
command to a person and ask before each run. Uses no shell. Start at `choose_command` and `run`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.workspace.files import read_text
from server.gate.commands import groups
from server.gate.commands.bounded_output import BoundedOutput
from server.gate.commands.environments import restore_kept
from server.gate.commands.groups import GroupCommand

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENTS = (".venv", "venv", "env", ".env")
KEPT_BYTES = 20_000  # of the end of the output, where test runners report failures


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs tests.

    Attributes:
        arguments: the program and its arguments, not read by a shell.
        folder: the working directory.
        measures: whether the command measures coverage with coverage.py.
    """

    arguments: tuple[str, ...]
    folder: Path
    measures: bool = False

    @property
    def command_line(self) -> str:
        """The command as typed in a terminal."""
        return shlex.join(self.arguments)


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


def choose_command(folder: Path, wanted: str) -> Command | str:
    """Return the command that runs the tests in `folder`, or a sentence that says why no command is known.

    `wanted` is the user's setting; if it is empty, pytest in the workspace's environment or npm's test script is
    chosen. Reads files and runs nothing.
    """
    if wanted.strip():
        try:
            return Command(tuple(shlex.split(wanted)), folder)
        except ValueError as error:
            return f"The setting `review.testCommand` cannot be read ({error}); write it as you type it in a terminal."
    if (python := _find_interpreter(folder)) is not None:
        packages = _find_packages(python)
        if "pytest" in packages and "coverage" in packages:
            return Command((str(python), "-m", "coverage", "run", "-m", "pytest", "-q"), folder, measures=True)
        if "pytest" in packages:
            return Command((str(python), "-m", "pytest", "-q"), folder)
    if _has_npm_test(folder) and (npm := shutil.which("npm")):
        return Command((npm, "test"), folder)
    return (
        "Starling does not know how to run the tests of this workspace: it found neither an environment with pytest "
        "nor a test script of npm. Set `review.testCommand` in your own settings."
    )


async def run(command: Command, *, timeout_s: float, data_file: Path | None) -> Run:
    """Run `command` and return the result; stop it after `timeout_s` seconds, or if it takes too much memory.

    Ends all processes of the command before returning, also if this call is cancelled.

    Args:
        command: a command that a person has permitted.
        timeout_s: longest duration, in seconds.
        data_file: the file for coverage.py's data, which otherwise go into the workspace; None if none are wanted.
    """
    environment = restore_kept(os.environ)
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


def _has_npm_test(folder: Path) -> bool:
    """Return whether `package.json` in `folder` has a test script other than npm's placeholder."""
    try:
        manifest = json.loads(read_text(folder / "package.json", bounds.CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    scripts = manifest.get("scripts") if isinstance(manifest, dict) else None
    return isinstance(scripts, dict) and bool(scripts.get("test")) and "no test specified" not in str(scripts["test"])
