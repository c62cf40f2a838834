"""Trying changes before they are proposed: one test file is run on a copy of the workspace that has them.

A person is asked first, once for all candidates, with the whole command. The workspace itself is not touched; the copy
lies in a temporary folder and goes with the trial. Start at `Trials.run`.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agents.edits import CreateFile, TextChange
from agents.ports.permissions import ToolCall
from agents.tasks.task import TestRun
from agents.tools import EXECUTE_COMMAND
from server.gate.disk import contents
from server.gate.trials import test_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.edits import Change
    from agents.ports.permissions import Permissions
    from server.gate.trials.test_runs import Command, Run

_MOST_FILES = 5_000
_MOST_BYTES = 50_000_000
_LOOK_S = 0.1
_COUNTED = re.compile(r"(\d+) (passed|failed|errors?)\b")
_LINKED = ("node_modules",)


class Workspace(Protocol):
    """The files of a workspace that may be read, and how its tests are run."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the workspace folders."""
        ...

    @property
    def test_command(self) -> str:
        """Return the command that a person set for the tests, "" for none."""
        ...

    @property
    def test_timeout_s(self) -> float:
        """Return the longest time of one run, in seconds."""
        ...

    def all(self) -> Iterator[Path]:
        """Yield all files that may be read, folder by folder."""
        ...


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of one piece of work; `run` is called on its thread, a person is asked on `loop`.

    Attributes:
        files: the workspace.
        permissions: the one who asks a person, once there is one to ask.
        loop: the event loop.
        cancelled: whether nobody wants it any more.
    """

    files: Workspace
    permissions: Callable[[], Permissions]
    loop: asyncio.AbstractEventLoop
    cancelled: Callable[[], bool]

    def run(self, candidates: Sequence[Sequence[Change]], test: Path) -> Sequence[TestRun]:
        """Run the test file `test` once for each of `candidates`; one result that says why where it cannot be."""
        root = next((root for root in self.files.roots if test.is_relative_to(root)), None)
        if root is None or not candidates:
            return ()
        command = test_runs.command_of(root, self.files.test_command)
        if isinstance(command, str):
            return (TestRun(ran=False, said=command),)
        if why := self._too_large(root):
            return (TestRun(ran=False, said=why),)
        aimed = _aimed(command, root, test)
        if why := self._asked(aimed, root, len(candidates)):
            return (TestRun(ran=False, said=why),)
        found = []
        for changes in candidates:
            found.append(self._tried(aimed, root, changes))
            if found[-1].green or self.cancelled():
                break
        return found

    def _asked(self, command: Command, root: Path, times: int) -> str:
        """Why it may not be run, "" when a person has allowed it."""
        several = f", up to {times} times" if times > 1 else ""
        seconds = self.files.test_timeout_s
        call = ToolCall(
            EXECUTE_COMMAND,
            f"{command.shown}\n\nin a copy of {root}{several}, for at most {seconds} seconds each",
            title=f"Run a test of {root.name}",
            why="This runs the workspace's own code, to see whether the test passes before anything is proposed.",
            by="generator",
        )
        asking = self.permissions().permit(call, cancelled=self.cancelled)
        try:
            answer = asyncio.run_coroutine_threadsafe(asking, self.loop).result()
        except CancelledError:
            return "It was cancelled."
        return "" if answer.granted else answer.reason or "Nobody allowed it."

    def _too_large(self, root: Path) -> str:
        files = size = 0
        for path in self._own(root):
            files, size = files + 1, size + _size(path)
            if files > _MOST_FILES or size > _MOST_BYTES:
                most = f"{_MOST_FILES:,} files or {_MOST_BYTES // 1_000_000} MB"
                return f"The workspace is larger than {most}, too large to be copied; run the test yourself."
        return ""

    def _own(self, root: Path) -> list[Path]:
        return [path for path in self.files.all() if path.is_relative_to(root)]

    def _tried(self, command: Command, root: Path, changes: Sequence[Change]) -> TestRun:
        with tempfile.TemporaryDirectory(prefix="starling-trial-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / root.name
            try:
                self._copy(root, copy, changes)
            except OSError as error:
                return TestRun(ran=False, said=f"The workspace could not be copied ({error.strerror or error}).")
            except UnicodeEncodeError as error:
                return TestRun(ran=False, said=f"The change holds {error.object[error.start]!r}, which no file can.")
            seconds = self.files.test_timeout_s
            running = test_runs.run(replace(command, folder=copy), timeout_s=seconds, data_file=None)
            work = asyncio.run_coroutine_threadsafe(running, self.loop)
            while True:
                try:
                    return _result(work.result(_LOOK_S))
                except TimeoutError:
                    if self.cancelled():
                        work.cancel()
                        return TestRun(ran=False, said="It was cancelled.")

    def _copy(self, root: Path, copy: Path, changes: Sequence[Change]) -> None:
        for path in self._own(root):
            target = copy / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        for name in _LINKED:
            if (root / name).is_dir():
                (copy / name).symlink_to(root / name, target_is_directory=True)
        for change in changes:
            if isinstance(change, TextChange | CreateFile) and change.path is not None:
                target = copy / change.path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_data(change, change.path))


def _data(change: TextChange | CreateFile, path: Path) -> bytes:
    """What the file would hold, in the encoding that it has."""
    if isinstance(change, CreateFile):
        return contents.encoded(change.text, change.encoding)
    try:
        held = contents.read(path)
    except OSError:
        held = None
    return contents.encoded(change.after, change.encoding or (contents.UTF8 if held is None else held.encoding))


def _aimed(command: Command, root: Path, test: Path) -> Command:
    """The command for one test file, where it is known how to say so; coverage is of no use here."""
    name = str(test.relative_to(root))
    arguments = command.arguments
    if "pytest" in arguments:
        behind = arguments[arguments.index("pytest") + 1 :]
        source = ("-o", "pythonpath=src") if (root / "src").is_dir() else ()
        return replace(
            command, arguments=(arguments[0], "-m", "pytest", *behind, "-p", "no:cacheprovider", *source, name)
        )
    if len(arguments) > 1 and arguments[1] == "test" and Path(arguments[0]).stem == "npm":
        return replace(command, arguments=(*arguments, "--", name))
    return command


def _result(run: Run) -> TestRun:
    counts = {"passed": 0, "failed": 0}
    for number, what in _COUNTED.findall(run.output):
        counts["passed" if what == "passed" else "failed"] += int(number)
    if run.problem:
        return TestRun(ran=False, said=run.problem)
    passed, failed = counts["passed"], counts["failed"]
    if run.exit_code == 0 and not passed:
        passed = 1
    if run.exit_code != 0 and not failed:
        failed = 1
    return TestRun(ran=True, passed=passed, failed=failed, said=run.output)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
