"""Trials of changes before they are proposed: runs one test file in a copy of the workspace that has the changes.

Shows the whole command to a person and asks once for all candidates. Does not change the workspace; the copy is in a
temporary folder and is deleted after the trial. Start at `Trials.run`.
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
from agents.ports.test_commands import Framework
from agents.tasks.task import TestRun
from agents.tools import EXECUTE_COMMAND
from server.gate.disk import contents
from server.gate.question import wording
from server.gate.trials import test_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.edits import Change
    from agents.ports.permissions import Permissions
    from agents.ports.test_commands import TestCommand
    from server.gate.trials.test_runs import Run

_MOST_FILES = 5_000
_MOST_BYTES = 50_000_000
_POLL_S = 0.1  # between two checks for a cancellation
_COUNTED = re.compile(r"(\d+) (passed|failed|errors?)\b")
_LINKED = ("node_modules",)


class Workspace(Protocol):
    """The readable files of a workspace, and the settings of its tests."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The workspace folders."""
        ...

    @property
    def test_command(self) -> str:
        """The command for the tests from the user's settings, "" for none."""
        ...

    @property
    def test_timeout_s(self) -> float:
        """The longest duration of one run, in seconds."""
        ...

    def list_files(self) -> Iterator[Path]:
        """Yield the files that may be read, folder by folder."""
        ...


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of one task. Its thread calls `run`; questions and test processes run on the event loop.

    Attributes:
        files: the workspace.
        permissions: returns the port that asks the person.
        loop: the event loop of that port.
        cancelled: returns whether the task was cancelled.
    """

    files: Workspace
    permissions: Callable[[], Permissions]
    loop: asyncio.AbstractEventLoop
    cancelled: Callable[[], bool]

    def run(self, candidates: Sequence[Sequence[Change]], test: Path) -> Sequence[TestRun]:
        """Run the test file `test` with each of `candidates` in turn, until one passes; return a result for each run.

        Asks a person first, once. Stops early if the task is cancelled. Returns a single result with the reason if the
        test cannot be run, the workspace is too large, a candidate changes a file of another workspace folder, or the
        person does not permit it; () if there is no candidate or the test is outside of the workspace. Blocking.
        """
        root = next((root for root in self.files.roots if test.is_relative_to(root)), None)
        if root is None or not candidates:
            return ()
        command = test_runs.choose_command(root, self.files.test_command)
        if isinstance(command, str):
            return (TestRun(ran=False, output=command),)
        if why := self._explain_excess(root) or _explain_outside(root, candidates):
            return (TestRun(ran=False, output=why),)
        one_file = _narrow_to_file(command, root, test)
        if why := self._ask(one_file, root, len(candidates)):
            return (TestRun(ran=False, output=why),)
        found = []
        for changes in candidates:
            found.append(self._try_changes(one_file, root, changes))
            if found[-1].green or self.cancelled():
                break
        return found

    def _ask(self, command: TestCommand, root: Path, times: int) -> str:
        """Ask a person to permit up to `times` runs of `command`; return why they are not permitted, "" for a yes."""
        call = ToolCall(
            EXECUTE_COMMAND,
            wording.describe_trial(command.command_line, str(root), times, self.files.test_timeout_s),
            title=wording.make_trial_title(root.name),
            why=wording.TRIAL_WHY,
            by="generator",
        )
        asking = self.permissions().permit(call, cancelled=self.cancelled)
        try:
            answer = asyncio.run_coroutine_threadsafe(asking, self.loop).result()
        except CancelledError:
            return "The request was cancelled."
        return "" if answer.granted else answer.reason or "Nobody permitted the run."

    def _explain_excess(self, root: Path) -> str:
        """Return why the workspace is too large to be copied, "" if it is not."""
        files = size = 0
        for path in self._list_files(root):
            files, size = files + 1, size + _measure_size(path)
            if files > _MOST_FILES or size > _MOST_BYTES:
                most = f"{_MOST_FILES:,} files or {_MOST_BYTES // 1_000_000} MB"
                return f"The workspace is larger than {most}, too large to copy; run the test yourself."
        return ""

    def _list_files(self, root: Path) -> list[Path]:
        """Return the readable files below `root`."""
        return [path for path in self.files.list_files() if path.is_relative_to(root)]

    def _try_changes(self, command: TestCommand, root: Path, changes: Sequence[Change]) -> TestRun:
        """Copy `root` with `changes`, run `command` in the copy, and delete the copy; return the result of the run."""
        with tempfile.TemporaryDirectory(prefix="starling-trial-", ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / root.name
            try:
                self._copy(root, copy, changes)
            except OSError as error:
                return TestRun(ran=False, output=f"The workspace could not be copied ({error.strerror or error}).")
            except UnicodeEncodeError as error:
                return TestRun(
                    ran=False,
                    output=f"The change holds {error.object[error.start]!r}, which the file's encoding lacks.",
                )
            seconds = self.files.test_timeout_s
            running = test_runs.run(replace(command, folder=copy), timeout_s=seconds, data_file=None)
            work = asyncio.run_coroutine_threadsafe(running, self.loop)
            while True:
                try:
                    return _parse_result(work.result(_POLL_S))
                except TimeoutError:
                    if self.cancelled():
                        work.cancel()
                        return TestRun(ran=False, output="The request was cancelled.")

    def _copy(self, root: Path, copy: Path, changes: Sequence[Change]) -> None:
        """Copy the readable files of `root` to `copy`, link `node_modules`, and write changed and new texts.

        Ignores changes that rename or delete files.
        """
        for path in self._list_files(root):
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
                target.write_bytes(_encode(change, change.path))


def _explain_outside(root: Path, candidates: Sequence[Sequence[Change]]) -> str:
    """Return why `candidates` cannot be tried on a copy of `root`, "" if they change nothing outside of it."""
    for change in (one for candidate in candidates for one in candidate):
        path = change.path if isinstance(change, TextChange | CreateFile) else None
        if path is not None and not path.is_relative_to(root):
            return f"{path} lies in another workspace folder than the test; run the test yourself."
    return ""


def _encode(change: TextChange | CreateFile, path: Path) -> bytes:
    """Return the bytes of the changed file, in the encoding of the change or of the present file at `path`.

    Raises:
        UnicodeEncodeError: the encoding lacks a character.
    """
    if isinstance(change, CreateFile):
        return contents.encode(change.text, change.encoding)
    try:
        current = contents.read(path)
    except OSError:
        current = None
    return contents.encode(change.after, change.encoding or (contents.UTF8 if current is None else current.encoding))


def _narrow_to_file(command: TestCommand, root: Path, test: Path) -> TestCommand:
    """Return `command` with `test` as its only test file; pytest without coverage and cache, and with `src` importable.

    A command that can run no file alone is returned unchanged.
    """
    arguments = command.arguments
    if "pytest" in arguments:
        options = arguments[arguments.index("pytest") + 1 :]
        source = ("-o", "pythonpath=src") if (root / "src").is_dir() else ()
        plain = (arguments[0], "-m", "pytest", *options, "-p", "no:cacheprovider", *source)
        command = replace(command, arguments=plain, framework=Framework.PYTEST)
    return test_runs.narrow(command, test)


def _parse_result(run: Run) -> TestRun:
    """Return the result of `run`, with the numbers of passed and failed tests that its output mentions.

    Counts at least one passed test if the exit status is 0, else at least one failed test. For a run that was stopped
    or not started, `ran` is False and the output says why.
    """
    counts = {"passed": 0, "failed": 0}
    for number, what in _COUNTED.findall(run.output):
        counts["passed" if what == "passed" else "failed"] += int(number)
    if run.problem:
        return TestRun(ran=False, output=run.problem)
    passed, failed = counts["passed"], counts["failed"]
    if run.exit_code == 0 and not passed:
        passed = 1
    if run.exit_code != 0 and not failed:
        failed = 1
    return TestRun(ran=True, passed=passed, failed=failed, output=run.output)


def _measure_size(path: Path) -> int:
    """Return the size of the file at `path` in bytes; 0 if it cannot be looked up."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
