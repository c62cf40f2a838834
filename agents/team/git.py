"""Git for the team's tools: command lines that run no hook, filter, pager or external program of a repository.

Start at `run_git`.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agents.ports.commands import CommandRequest
from agents.team.failure import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from agents.team.tool import Workbench

GIT = (
    "git", "--no-pager", "--literal-pathspecs", "--no-optional-locks", "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null", "-c", "color.ui=false", "-c", "core.quotePath=false", "-c", "diff.external=",
    "-c", "submodule.recurse=false", "-c", "log.showSignature=false",
)  # fmt: skip
"""The beginning of every command line that only reads."""

TIMEOUT_S = 30.0
CANNOT_ASK = "No command can be run here, so git cannot be asked."


async def run_git(bench: Workbench, arguments: Sequence[str], folder: Path) -> str:
    """Run git with `arguments`, which only read, in the workspace folder `folder`; return its output.

    Raises:
        ToolFailed: no command can be run here, or git failed; says what git said.
    """
    if bench.commands is None:
        raise ToolFailed(CANNOT_ASK)
    line = shlex.join((*GIT, *arguments))
    request = CommandRequest(line, folder, TIMEOUT_S, writes=False, repository=True)
    result = await bench.commands.run(request, cancelled=bench.cancelled)
    if result.exit_code != 0:
        said = result.problem or next(iter(result.output.strip().splitlines()), "no reason given")
        raise ToolFailed(f"git failed: {said}")
    return result.output


async def ask_each(bench: Workbench, ask: Callable[[Path], Awaitable[str]]) -> str:
    """Return what `ask` returns for the workspace folder; for several, the answers below their names.

    A folder for which `ask` fails has the reason as its answer.

    Raises:
        ToolFailed: `ask` fails for all folders, or there is none.
    """
    if not bench.roots:
        raise ToolFailed(CANNOT_ASK)
    if len(bench.roots) == 1:
        return await ask(bench.roots[0])
    answers, failed = [], 0
    for root in bench.roots:
        try:
            answer = await ask(root)
        except ToolFailed as error:
            answer, failed = str(error), failed + 1
        answers.append(f"[{root.name}]\n{answer}")
    if failed == len(answers):
        raise ToolFailed("\n".join(answers))
    return "\n\n".join(answers)


def find_root(bench: Workbench, path: Path) -> Path:
    """Return the workspace folder that `path` lies in, which `Workbench.resolve` returned."""
    return next(root for root in bench.roots if path.is_relative_to(root))


def check_revision(name: str) -> str:
    """Return `name` if it can be a revision and no option.

    Raises:
        ToolFailed: it begins with "-" or has a character that no revision has.
    """
    if name.startswith("-") or any(mark in name for mark in " \t\n\0:?[\\"):
        raise ToolFailed(f"{name!r} is no revision; name a branch, a tag or a commit.")
    return name
