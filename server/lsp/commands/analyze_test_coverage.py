"""`starling.analyzeTestCoverage`: what the workspace's coverage data say, after a run of its tests if one is wanted.

A run is asked about each time, with the command in full.
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

    from agents.reviewer.coverage.coverage import Coverage, FileCoverage
    from server.assembly.core import Core
    from server.gate.trials.test_runs import Command
    from server.lsp.editor.jobs import Job
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MISSING = (
    "There is no coverage data in this folder; run the tests with coverage (`coverage run -m pytest`), or call this "
    "command with `run`."
)
POLL_S = 0.2  # how often it is looked whether a person has cancelled
UNMEASURED = "The tests ran, but left no coverage data; install coverage in the workspace's environment."


class Arguments(CommandRecord):
    """Where, and whether to run the tests."""

    folder: str | None = Field(
        default=None, max_length=10_000, description="URI of a workspace folder; null for the first one."
    )
    run: bool = Field(default=False, description="Run the tests first, after a person has agreed to the command.")


class FileFacts(CommandRecord):
    """One file."""

    path: str = Field(description="Absolute path.")
    relative: str = Field(description="Folder-relative path, `/`-separated.")
    lines: int = Field(description="Lines that can be run.")
    covered: int = Field(description="Those that were.")
    percent: float | None = Field(description="Their share; null where no line can be run.")
    missed: tuple[tuple[int, int], ...] = Field(description="First and last line of each gap, from 1.")
    changed: bool = Field(description="The file was changed since, so lines may have moved.")


class RunFacts(CommandRecord):
    """The run of the tests."""

    command: str = Field(description="What was to be run.")
    outcome: str = Field(description='"ran", or why not: "rejected", "expired", "refused".')
    exit_code: int | None = Field(description="Of the command; null where it did not end by itself.")
    seconds: float
    output: str = Field(description="The end of what it wrote.")
    problem: str = Field(description='Why it did not run or end, "" when it did.')


class Result(CommandRecord):
    """The coverage."""

    measured: bool = Field(description="Whether there are coverage data.")
    problem: str = Field(description='Why not, and what to do; "" when there are.')
    source: str = Field(description="The file they were read from.")
    measured_at: float | None = Field(description="When it was written, seconds since the epoch.")
    lines: int
    covered: int
    percent: float | None = Field(description="Share of lines that were run, 0 to 100.")
    files: tuple[FileFacts, ...] = Field(description="Least covered first.")
    run: RunFacts | None = Field(description="Null where none was wanted.")


async def execute(snapshot: Snapshot, services: Services, arguments: Arguments) -> Result:
    """Run the tests if that is wanted and allowed, then read what there is."""
    core = await targets.core_of(services)
    folder = _folder(snapshot, arguments.folder)
    data = _data_file(folder)
    run = await _run(snapshot, services, core, folder, data) if arguments.run else None
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services.pool, _read, folder, data, run)


async def _run(snapshot: Snapshot, services: Services, core: Core, folder: Path, data: Path | None) -> RunFacts:
    settings = core.settings.review
    command = test_runs.choose_command(folder, settings.test_command)
    if isinstance(command, str):
        return RunFacts(command="", outcome="refused", exit_code=None, seconds=0.0, output="", problem=command)
    call = ToolCall(
        EXECUTE_COMMAND,
        wording.describe_test_run(command.command_line, str(folder), settings.test_timeout_s),
        title=wording.title_test_run(folder.name),
        why=wording.explain_test_run(measures=command.measures),
        by="reviewer",
    )
    answer = await services.gate.permit(call)
    if not answer.granted:
        shown, why = command.command_line, answer.reason
        return RunFacts(command=shown, outcome=answer.outcome, exit_code=None, seconds=0.0, output="", problem=why)
    async with services.jobs.run(f"Running {command.command_line}", snapshot.token) as work:
        ran = await _ran(work, command, settings.test_timeout_s, data)
    return RunFacts(
        command=command.command_line,
        outcome="ran",
        exit_code=ran.exit_code,
        seconds=round(ran.seconds, 2),
        output=ran.output,
        problem=ran.problem,
    )


async def _ran(work: Job, command: Command, timeout_s: float, data: Path | None) -> Run:
    """Run the tests; both ways to cancel the work end them."""
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


def _read(folder: Path, data: Path | None, run: RunFacts | None) -> Result:
    """What is newest: data in the folder, or those that a run of ours has left."""
    ours = data if data is not None and data.is_file() else None
    theirs = coverage.find(folder)
    source = max((one for one in (ours, theirs) if one is not None), key=lambda one: one.stat().st_mtime, default=None)
    if source is None:
        return _nothing(UNMEASURED if run is not None and run.outcome == "ran" else MISSING, run)
    try:
        found = coverage.read(source, folder)
    except coverage.CoverageError as error:
        return _nothing(str(error), run)
    return _result(found, folder, run)


def _result(found: Coverage, folder: Path, run: RunFacts | None) -> Result:
    files = tuple(_file(file, folder) for file in found.files)
    return Result(
        measured=True,
        problem="",
        source=str(found.source),
        measured_at=found.measured_at,
        lines=found.lines,
        covered=found.covered,
        percent=_rounded(found.percent),
        files=tuple(sorted(files, key=lambda file: (100.0 if file.percent is None else file.percent, file.relative))),
        run=run,
    )


def _file(file: FileCoverage, folder: Path) -> FileFacts:
    covered = file.lines - len(file.missed)
    return FileFacts(
        path=str(file.path),
        relative=file.path.relative_to(folder.resolve()).as_posix(),
        lines=file.lines,
        covered=covered,
        percent=_rounded(100 * covered / file.lines if file.lines else None),
        missed=coverage.gaps(file.missed),
        changed=file.changed,
    )


def _nothing(problem: str, run: RunFacts | None) -> Result:
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


def _folder(snapshot: Snapshot, uri: str | None) -> Path:
    """The workspace folder that is meant.

    Raises:
        JsonRpcInvalidParams: it is none.
    """
    if not snapshot.roots:
        raise JsonRpcInvalidParams("no workspace folder is open; open the folder whose tests are meant")
    folder = snapshot.roots[0] if uri is None else origins.path_of(uri)
    if folder is None or folder not in snapshot.roots:
        raise JsonRpcInvalidParams(f"{uri} is no workspace folder; there are {', '.join(map(str, snapshot.roots))}")
    return folder


def _data_file(folder: Path) -> Path | None:
    """Where our own runs of these tests leave their coverage data."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    state = paths.writable(paths.state_dir() / "coverage" / name).path
    return state / ".coverage" if state is not None else None


def _rounded(percent: float | None) -> float | None:
    return None if percent is None else round(percent, 2)
