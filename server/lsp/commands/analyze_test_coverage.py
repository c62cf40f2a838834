"""`starling.analyzeTestCoverage`: coverage of the workspace by its tests, optionally after running them.

Before each run a person is asked to approve the full command.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from pydantic import Field
from pygls.exceptions import JsonRpcInvalidParams

from agents.ports.permissions import ToolCall
from agents.reviewer.coverage import coverage
from agents.tools import EXECUTE_COMMAND
from indexing.workspace import origins
from server.gate.question import wording
from server.gate.trials import test_runs
from server.gate.trials.test_runs import Run
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.test_commands import TestCommand
    from agents.reviewer.coverage.coverage import Coverage, FileCoverage
    from server.assembly.core import Core
    from server.lsp.editor.jobs import Job
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MISSING = (
    "There is no coverage data in this folder; run the tests with coverage (`coverage run -m pytest`), or call this "
    "command with `run`."
)
POLL_S = 0.2  # between checks for cancellation
UNMEASURED = "The tests ran, but left no coverage data; install coverage in the workspace's environment."


class Arguments(CommandRecord):
    """The folder, and whether to run its tests."""

    folder: str | None = Field(
        default=None, max_length=10_000, description="URI of a workspace folder; null for the first one."
    )
    run: bool = Field(default=False, description="Run the tests first, after a person has agreed to the command.")


class FileFacts(CommandRecord):
    """The coverage of one file."""

    path: str = Field(description="Absolute path.")
    relative: str = Field(description="Folder-relative path, `/`-separated.")
    lines: int = Field(description="Executable lines.")
    covered: int = Field(description="Executable lines that were run.")
    percent: float | None = Field(
        description="Share of executable lines that were run, 0 to 100; null without executable lines."
    )
    missed: tuple[tuple[int, int], ...] = Field(description="First and last line of each gap, from 1.")
    changed: bool = Field(description="Whether the file was changed after the run, so that line numbers may be wrong.")


class RunFacts(CommandRecord):
    """One run of the tests."""

    command: str = Field(description="The command.")
    outcome: str = Field(description='"ran", or why not: "rejected", "expired", "refused".')
    exit_code: int | None = Field(description="Exit code of the command; null if it did not end by itself.")
    seconds: float
    output: str = Field(description="The end of the command's output.")
    problem: str = Field(description='Why it did not run or end, "" if it did.')


class Result(CommandRecord):
    """The coverage of the folder."""

    measured: bool = Field(description="Whether there are coverage data.")
    problem: str = Field(description='Why there are none, and what to do; "" if there are.')
    source: str = Field(description="The file of the coverage data.")
    measured_at: float | None = Field(description="When the coverage data were written, seconds since the epoch.")
    lines: int
    covered: int
    percent: float | None = Field(description="Share of lines that were run, 0 to 100.")
    files: tuple[FileFacts, ...] = Field(description="Least covered first.")
    run: RunFacts | None = Field(description="The run of the tests; null without one.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Return the newest coverage data, after running the tests if that was requested and is approved.

    Tests that were not run, or failed, are no error: the result then has older coverage data, or the problem.

    Raises:
        JsonRpcInvalidParams: there is no such workspace folder, or the server is still starting.
    """
    core = await targets.wait_for_core(services)
    folder = _find_folder(snapshot, arguments.folder)
    data = _locate_data_file(folder)
    run = await _run_tests(snapshot, services, core, folder, data) if arguments.run else None
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services.pool, _read_coverage, folder, data, run)


async def _run_tests(snapshot: Snapshot, services: Services, core: Core, folder: Path, data: Path | None) -> RunFacts:
    """Ask the person to approve the command; if approved, run the tests, which write coverage data to `data`.

    Returns the result of the run, or the reason why the tests were not run.
    """
    settings = core.settings.review
    command = test_runs.choose_command(folder, settings.test_command)
    if isinstance(command, str):
        return RunFacts(command="", outcome="refused", exit_code=None, seconds=0.0, output="", problem=command)
    call = ToolCall(
        EXECUTE_COMMAND,
        wording.describe_test_run(command.command_line, str(folder), settings.test_timeout_s),
        title=wording.make_test_run_title(folder.name),
        why=wording.explain_test_run(measures=command.measures),
        by="reviewer",
    )
    answer = await services.gate.permit(call)
    if not answer.granted:
        shown, why = command.command_line, answer.reason
        return RunFacts(command=shown, outcome=answer.outcome, exit_code=None, seconds=0.0, output="", problem=why)
    async with services.jobs.run(f"Running {command.command_line}", snapshot.token) as work:
        ran = await _run_until_cancelled(work, command, settings.test_timeout_s, data)
    return RunFacts(
        command=command.command_line,
        outcome="ran",
        exit_code=ran.exit_code,
        seconds=round(ran.seconds, 2),
        output=ran.output,
        problem=ran.problem,
    )


async def _run_until_cancelled(work: Job, command: TestCommand, timeout_s: float, data: Path | None) -> Run:
    """Run the tests for at most `timeout_s` and return the result; stop them if the job is cancelled.

    The result of a cancelled run has a problem instead of an exit code.
    """
    running = asyncio.ensure_future(test_runs.run(command, timeout_s=timeout_s, data_file=data))
    try:
        while not (await asyncio.wait((running,), timeout=POLL_S))[0]:
            if work.is_cancelled():
                break
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))
    return Run(None, 0.0, "", "The run was cancelled.") if running.cancelled() else running.result()


def _read_coverage(folder: Path, data: Path | None, run: RunFacts | None) -> Result:
    """Return the coverage from the newer data file: the one in the folder, or `data`, which our own runs write.

    Without readable data the result says why. `run` is only passed on in the result. Blocking.
    """
    own = data if data is not None and data.is_file() else None
    workspace = coverage.find(folder)
    source = max(
        (one for one in (own, workspace) if one is not None), key=lambda one: one.stat().st_mtime, default=None
    )
    if source is None:
        return _make_empty(UNMEASURED if run is not None and run.outcome == "ran" else MISSING, run)
    try:
        found = coverage.read(source, folder)
    except coverage.CoverageError as error:
        return _make_empty(str(error), run)
    return _build_result(found, folder, run)


def _build_result(found: Coverage, folder: Path, run: RunFacts | None) -> Result:
    """Return the coverage data as the command's result, the least covered files first."""
    files = tuple(_describe_file(file, folder) for file in found.files)
    return Result(
        measured=True,
        problem="",
        source=str(found.source),
        measured_at=found.measured_at,
        lines=found.lines,
        covered=found.covered,
        percent=_round(found.percent),
        files=tuple(sorted(files, key=lambda file: (100.0 if file.percent is None else file.percent, file.relative))),
        run=run,
    )


def _describe_file(file: FileCoverage, folder: Path) -> FileFacts:
    """Return the coverage of a file in `folder` for the client."""
    covered = file.lines - len(file.missed)
    return FileFacts(
        path=str(file.path),
        relative=file.path.relative_to(folder.resolve()).as_posix(),
        lines=file.lines,
        covered=covered,
        percent=_round(100 * covered / file.lines if file.lines else None),
        missed=coverage.group_lines(file.missed),
        changed=file.changed,
    )


def _make_empty(problem: str, run: RunFacts | None) -> Result:
    """Return the result without coverage data, because of `problem`."""
    return Result(
        measured=False,
        problem=problem,
        source="",
        measured_at=None,
        lines=0,
        covered=0,
        percent=None,
        files=(),
        run=run,
    )


def _find_folder(snapshot: Snapshot, uri: str | None) -> Path:
    """Return the workspace folder with the URI `uri`, the first one for None.

    Raises:
        JsonRpcInvalidParams: there is no such workspace folder.
    """
    if not snapshot.roots:
        raise JsonRpcInvalidParams("no workspace folder is open; open the folder whose tests are meant")
    folder = snapshot.roots[0] if uri is None else origins.parse_file_uri(uri)
    if folder is None or folder not in snapshot.roots:
        raise JsonRpcInvalidParams(f"{uri} is no workspace folder; there are {', '.join(map(str, snapshot.roots))}")
    return folder


def _locate_data_file(folder: Path) -> Path | None:
    """Return the file for the coverage data of our own runs in `folder`, None if it cannot be written.

    Creates the folder of that file.
    """
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    state = paths.ensure_writable(paths.state_dir() / "coverage" / name).path
    return state / ".coverage" if state is not None else None


def _round(percent: float | None) -> float | None:
    """Return `percent` rounded to two decimal places, None for None."""
    return None if percent is None else round(percent, 2)
