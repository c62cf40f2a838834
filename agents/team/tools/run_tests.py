"""The tool `run_tests`: runs the tests of the workspace, after a question, and returns who failed and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.commands import CommandRequest
from agents.ports.test_commands import Framework, TestCommand, append_separator
from agents.team.failure import ToolFailed
from agents.team.permissions.paths import resolve_name
from agents.team.testing.reports import choose_report, read_results
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.execute_command import require_folder, require_runner
from agents.tools import Risk, Tool

if TYPE_CHECKING:
    from agents.team.tool import Workbench

LONGEST_S = 1800
_NAME_OPTIONS = {
    Framework.PYTEST: ("-k",),
    Framework.UNITTEST: ("-k",),
    Framework.JEST: ("-t",),
    Framework.VITEST: ("-t",),
    Framework.GO_TEST: ("-run",),
    Framework.CARGO_TEST: (),
}
"""Options before the name of the tests to run."""


class RunTests(Arguments):
    """Arguments of `run_tests`."""

    path: str = Field(default="", max_length=1000, description="Only the tests in this file or folder; empty for all.")
    name: str = Field(
        default="", max_length=200, pattern=r"^([^-].*)?$", description="Only tests whose name has this; empty for all."
    )
    timeout_s: int = Field(default=600, ge=1, le=LONGEST_S, description="Seconds after which the run is stopped.")


async def run(given: RunTests, bench: Workbench) -> ToolResult:
    """Run the tests by the permitted command and return their results, which are also stored for `test_results`.

    The result is a failed one if a test fails, or the command ends with another exit status than 0.

    Raises:
        ToolFailed: commands cannot be run here, no command is known, or the command was stopped without output.
    """
    runner, request = require_runner(bench), bench.request
    if request is None:
        request = await asyncio.to_thread(make_request, given, bench)
    command = await asyncio.to_thread(_choose, given, bench)
    result = await runner.run(request, cancelled=bench.cancelled)
    if result.exit_code is None and not result.output:
        raise ToolFailed(result.problem)
    results = read_results(command.framework, result).complete(request.line, result)
    bench.notes.tests = results
    return ToolResult(results.format(), failed=not results.is_green)


def make_request(given: RunTests, bench: Workbench) -> CommandRequest:
    """Return the command that runs the tests, and writes a report where the test program can. Blocking.

    Raises:
        ToolFailed: no command is known, or it cannot choose tests as the arguments say.
    """
    command = _choose(given, bench)
    report = choose_report(command.framework, command.arguments)
    return CommandRequest(command.command_line, command.folder, given.timeout_s, report=report)


def _choose(given: RunTests, bench: Workbench) -> TestCommand:
    """Return the command for the chosen tests. Blocking.

    Raises:
        ToolFailed: as `make_request`.
    """
    folder, only = require_folder(bench), None
    if given.path:
        only = resolve_name(given.path, bench.roots, bench.explain_exclusion)
        folder = next(root for root in bench.roots if only.is_relative_to(root))
    command = bench.choose_tests(folder, only if only != folder else None)
    if isinstance(command, str):
        raise ToolFailed(command)
    return select_by_name(command, given.name) if given.name else command


def select_by_name(command: TestCommand, name: str) -> TestCommand:
    """Return `command` for the tests with `name` in their name.

    Raises:
        ToolFailed: the test program is not known, so that its tests cannot be chosen by name.
    """
    options = _NAME_OPTIONS.get(command.framework)
    if options is None:
        raise ToolFailed("The tests of this workspace cannot be chosen by name; leave the name out.")
    return replace(command, arguments=(*append_separator(command.arguments), *options, name))


TOOL = TeamTool(
    Tool("run_tests", Risk.CRITICAL),
    "Run the tests of the workspace, or those of one file, and read which fail and why.",
    RunTests,
    run,
    lambda given: f"Run the tests{f' of {given.path}' if given.path else ''}",
    list_paths=lambda given: (given.path,) if given.path else (),
    get_request=make_request,
    capabilities=("engineering", "diagnose"),
    timeout_s=LONGEST_S + 30,
)
