"""Git for the team's tools: command lines that run no hook, filter, pager or external program of a repository.

Start at `run_git`.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agents.ports.commands import CommandRequest
from agents.team.failure import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.team.tool import Workbench

GIT = (
    "git", "--no-pager", "--literal-pathspecs", "--no-optional-locks", "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null", "-c", "color.ui=false", "-c", "core.quotePath=false", "-c", "diff.external=",
    "-c", "submodule.recurse=false",
)  # fmt: skip
"""The beginning of every command line that only reads."""

TIMEOUT_S = 30.0


async def run_git(bench: Workbench, arguments: Sequence[str]) -> str:
    """Run git with `arguments`, which only read, in the first workspace folder; return its output.

    Raises:
        ToolFailed: no command can be run here, or git failed; says what git said.
    """
    if bench.commands is None or not bench.roots:
        raise ToolFailed("No command can be run here, so git cannot be asked.")
    line = shlex.join((*GIT, *arguments))
    request = CommandRequest(line, bench.roots[0], TIMEOUT_S, writes=False, repository=True)
    result = await bench.commands.run(request, cancelled=bench.cancelled)
    if result.exit_code != 0:
        said = result.problem or next(iter(result.output.strip().splitlines()), "no reason given")
        raise ToolFailed(f"git failed: {said}")
    return result.output


def check_revision(name: str) -> str:
    """Return `name` if it can be a revision and no option.

    Raises:
        ToolFailed: it begins with "-" or has a character that no revision has.
    """
    if name.startswith("-") or any(mark in name for mark in " \t\n\0:?[\\"):
        raise ToolFailed(f"{name!r} is no revision; name a branch, a tag or a commit.")
    return name
