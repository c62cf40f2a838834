"""The tool `execute_command`: a command line in the workspace, after a question or by a person's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.commands import CommandRequest
from agents.team.failure import ToolFailed
from agents.team.tool import CANNOT_RUN, Arguments, TeamTool, ToolResult
from agents.tools import EXECUTE_COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.commands import CommandResult, CommandRunner
    from agents.team.tool import Workbench

LONGEST_S = 600


class ExecuteCommand(Arguments):
    """Arguments of `execute_command`."""

    command: str = Field(min_length=1, max_length=10_000, description="Command line for the shell, in the workspace.")
    timeout_s: int = Field(default=120, ge=1, le=LONGEST_S, description="Seconds after which it is stopped.")
    network: bool = Field(default=False, description="Whether it needs the network; say so only if it does.")


async def run(given: ExecuteCommand, bench: Workbench) -> ToolResult:
    """Run the command and return its exit status and output; a failed result for another status than 0.

    Raises:
        ToolFailed: commands cannot be run here.
    """
    result = await require_runner(bench).run(make_request(given, bench), cancelled=bench.cancelled)
    return ToolResult(format_result(result), failed=result.exit_code != 0)


def make_request(given: ExecuteCommand, bench: Workbench) -> CommandRequest:
    """Return the command to run in the first workspace folder.

    Raises:
        ToolFailed: there is no workspace folder.
    """
    return CommandRequest(given.command, require_folder(bench), given.timeout_s, network=given.network)


def require_folder(bench: Workbench) -> Path:
    """Return the first workspace folder.

    Raises:
        ToolFailed: there is none.
    """
    if not bench.roots:
        raise ToolFailed(CANNOT_RUN)
    return bench.roots[0]


def require_runner(bench: Workbench) -> CommandRunner:
    """Return the runner of commands.

    Raises:
        ToolFailed: commands cannot be run here.
    """
    if bench.commands is None:
        raise ToolFailed(CANNOT_RUN)
    return bench.commands


def format_result(result: CommandResult) -> str:
    """Return exit status, problem and output of a command for a model."""
    status = f"exit status {result.exit_code}" if result.exit_code is not None else "it did not end by itself"
    head = f"[{status}, {result.seconds:.1f} s] {result.problem}".rstrip()
    return f"{head}\n{result.output}".rstrip()


TOOL = TeamTool(
    EXECUTE_COMMAND,
    "Run a shell command in the workspace folder. To read, search or change files, or for git, use the other tools.",
    ExecuteCommand,
    run,
    lambda given: f"Run {given.command}" + (" (with network)" if given.network else ""),
    get_request=make_request,
    capabilities=("diagnose", "deploy", "infrastructure", "admin"),
    timeout_s=LONGEST_S + 30,
)
