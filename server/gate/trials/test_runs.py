"""Running a workspace's tests: which command that is, and one run of it, bounded in time and in what is kept of it.

The command is the user's own setting, or the usual one of what the workspace is; a person is shown all of it and asked
each time, by whoever calls `run`. Never a shell. Start at `command_of` and `run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.process import children
from indexing.workspace.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENVIRONMENTS = (".venv", "venv", "env", ".env")
KEPT_BYTES = 20_000  # of the output, its end: there the failures are told
KEPT = "STARLING_KEPT_"  # as in editors/vscode/src/launch.ts and editors/neovim/lua/starling/server.lua
GRACE_S = 3.0  # from asking the tests to end to making them
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Command:
    """What runs the tests.

    Attributes:
        arguments: the program and what it is given; no shell reads them.
        folder: where it runs.
        measures: whether it is known to measure coverage.
    """

    arguments: tuple[str, ...]
    folder: Path
    measures: bool = False

    @property
    def shown(self) -> str:
        """As a person would type it."""
        return shlex.join(self.arguments)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run.

    Attributes:
        exit_code: of the command; None where it was stopped or could not be started.
        seconds: it took.
        output: the end of what it wrote.
        problem: why it did not end by itself, a sentence; "" where it did.
    """

    exit_code: int | None
    seconds: float
    output: str
    problem: str = ""


def command_of(folder: Path, wanted: str) -> Command | str:
    """What runs the tests in `folder`: `wanted` (the user's setting), else the usual one; or why there is none.

    Looks at files and runs nothing.
    """
    if wanted.strip():
        try:
            return Command(tuple(shlex.split(wanted)), folder)
        except ValueError as error:
            return f"The setting `review.testCommand` cannot be read ({error}); write it as in a terminal."
    if (python := _interpreter(folder)) is not None:
        packages = _packages(python)
        if "pytest" in packages and "coverage" in packages:
            return Command((str(python), "-m", "coverage", "run", "-m", "pytest", "-q"), folder, measures=True)
        if "pytest" in packages:
            return Command((str(python), "-m", "pytest", "-q"), folder)
    if _npm_test(folder) and (npm := shutil.which("npm")):
        return Command((npm, "test"), folder)
    return (
        "It is not known how the tests of this workspace are run: there is neither an environment of its own with "
        "pytest nor a test script of npm. Set `review.testCommand` in your own settings."
    )


async def run(command: Command, *, timeout_s: float, data_file: Path | None) -> Run:
    """Run it; its whole process group ends with the time limit, and when the task is cancelled.

    Args:
        command: what a person has agreed to.
        timeout_s: seconds.
        data_file: where coverage.py is told to write, so that nothing of it lands in the workspace.
    """
    begun = time.monotonic()
    environment = _environment(os.environ)
    if data_file is not None:
        environment["COVERAGE_FILE"] = str(data_file)
    try:
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            cwd=command.folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        sentence = f"{command.arguments[0]} could not be started ({error.strerror}); set `review.testCommand`."
        return Run(None, 0.0, "", sentence)
    kept = bytearray()
    problem = ""
    try:
        async with asyncio.timeout(timeout_s):
            problem = await _watched(process, kept)
    except TimeoutError:
        problem = f"The tests were stopped after {timeout_s:g} seconds; `review.testTimeoutS` allows more."
    finally:
        await asyncio.shield(_end(process))
    code = process.returncode if not problem else None
    return Run(code, time.monotonic() - begun, kept.decode(errors="replace"), problem)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return a person's own environment: without our variables, and with those that editors keep from the server."""
    kept = {name.removeprefix(KEPT): value for name, value in ours.items() if name.startswith(KEPT)}
    return {name: value for name, value in ours.items() if not name.startswith("STARLING_")} | kept


async def _read(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    assert process.stdout is not None  # noqa: S101 (it is a pipe, by the call above)
    while piece := await process.stdout.read(1 << 16):
        kept += piece
        del kept[:-KEPT_BYTES]


async def _watched(process: asyncio.subprocess.Process, kept: bytearray) -> str:
    """Read what the tests write until they end; return why they were stopped, "" where they ended by themselves."""
    reading = asyncio.ensure_future(_read(process, kept))
    most = await asyncio.to_thread(_most_memory_bytes)
    try:
        while not (await asyncio.wait((reading,), timeout=_LOOK_S))[0]:
            if await asyncio.to_thread(children.held_bytes, process.pid) > most:
                return f"The tests were stopped, for they took more than {most / 1e9:.1f} GB of memory; run fewer."
        await reading
        await process.wait()
    finally:
        reading.cancel()
    return ""


def _most_memory_bytes() -> int:
    import psutil  # noqa: PLC0415 (only where tests are run)

    return int(psutil.virtual_memory().total * bounds.TESTS_MEMORY_SHARE)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and all that it started, which is still there even where it has gone itself."""
    _signal(process, signal.SIGTERM)
    if process.returncode is None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE_S)
    if sys.platform != "win32":
        _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, which)


def _interpreter(folder: Path) -> Path | None:
    """The Python of the workspace's own environment."""
    for name in ENVIRONMENTS:
        for python in (folder / name / "bin" / "python", folder / name / "Scripts" / "python.exe"):
            if python.is_file():
                return python
    return None


def _packages(python: Path) -> frozenset[str]:
    """Names of what is installed beside it."""
    home = python.parent.parent
    places = (*sorted(home.glob("lib/python3*/site-packages")), home / "Lib" / "site-packages")
    return frozenset(name for place in places for name in ("pytest", "coverage") if (place / name).is_dir())


def _npm_test(folder: Path) -> bool:
    try:
        manifest = json.loads(read_text(folder / "package.json", bounds.CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    scripts = manifest.get("scripts") if isinstance(manifest, dict) else None
    return isinstance(scripts, dict) and bool(scripts.get("test")) and "no test specified" not in str(scripts["test"])
