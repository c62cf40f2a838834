"""Facts about a workspace and a target before anything of a deployment runs: git, programs, folders, secrets.

Runs git only, which only reads. Start at `gather_facts`.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.commands import CommandRequest
from agents.ports.deployments import Check, DeploymentUnavailable
from server.deployment.command_steps import GIT
from server.deployment.pushes import COMMIT
from server.deployment.secret_references import SecretUnavailable, resolve_secrets
from server.deployment.targets import RELEASES, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.deployment.targets import TargetDefinition
    from server.gate.commands.runner import ConfinedRunner

_PROGRAMS = {
    Kind.PUSH: ("git",),
    Kind.COMMANDS: ("git",),
    Kind.DIRECTORY: ("git", "tar"),
    Kind.COMPOSE: ("git", "tar", "docker"),
    Kind.SSH: ("git", "ssh"),
}
_GIT_S = 60.0
_SHOWN_FILES = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the workspace and a target.

    Attributes:
        version: id of the commit that is checked out.
        subject: the first line of its message.
        branch: name of the branch that is checked out, "" for none.
        objects: the folder of git's objects.
        checks: what was checked.
    """

    version: str
    subject: str
    branch: str
    objects: str
    checks: tuple[Check, ...]

    @property
    def problems(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(one for one in self.checks if not one.passed)


async def gather_facts(target: TargetDefinition, runner: ConfinedRunner, own_places: Sequence[Path]) -> Facts:
    """Return the facts about a target and its workspace.

    Args:
        target: the target.
        runner: runs git.
        own_places: Starling's own folders, into which nothing is deployed.

    Raises:
        DeploymentUnavailable: the workspace is no git repository with a commit, or git failed.
    """
    version = (await run_git(target, runner, "rev-parse", "--verify", "HEAD^{commit}")).strip()
    if not COMMIT.fullmatch(version):
        raise DeploymentUnavailable("The commit of this workspace cannot be read; look at `git log`.")
    subject = (await run_git(target, runner, "log", "-1", "--format=%s")).strip()
    branch = (await run_git(target, runner, "branch", "--show-current")).strip()
    objects = (await run_git(target, runner, "rev-parse", "--git-path", "objects")).strip()
    changed = (await run_git(target, runner, "status", "--porcelain", "--untracked-files=all")).splitlines()
    checks = [_check_tree(changed), *_check_branch(target, branch)]
    checks += await asyncio.to_thread(lambda: [*_check_machine(target, own_places)])
    return Facts(version, subject, branch, str(target.workspace / objects), tuple(checks))


async def run_git(target: TargetDefinition, runner: ConfinedRunner, *arguments: str) -> str:
    """Run git in the workspace of a target, without the right to write, and return its output.

    Raises:
        DeploymentUnavailable: git failed.
    """
    request = CommandRequest(shlex.join((*GIT, *arguments)), target.workspace, _GIT_S, writes=False, repository=True)
    result = await runner.run(request)
    if result.exit_code != 0:
        said = result.problem or next(iter(result.output.strip().splitlines()), "it gave no reason")
        raise DeploymentUnavailable(
            f"Only commits of a git repository are deployed, and git failed in {target.workspace}: {said}"
        )
    return result.output


def format_checks(checks: Sequence[Check]) -> str:
    """Return checks as a table of lines."""
    width = max((len(one.title) for one in checks), default=0)
    return "\n".join(
        f"{'ok    ' if one.passed else 'failed'}  {one.title:<{width}}  {one.note}".rstrip() for one in checks
    )


def _check_tree(changed: Sequence[str]) -> Check:
    """Return the check that everything is committed."""
    names = ", ".join(line[3:] for line in changed[:_SHOWN_FILES])
    more = f" and {len(changed) - _SHOWN_FILES} more" if len(changed) > _SHOWN_FILES else ""
    return Check("Everything is committed", not changed, f"not committed: {names}{more}" if changed else "")


def _check_branch(target: TargetDefinition, branch: str) -> list[Check]:
    """Return the check of the branch that is checked out; [] if the target names no branch."""
    if not target.branch:
        return []
    held = branch == target.branch
    note = "" if held else f"{branch or 'no branch'} is checked out; switch to {target.branch}"
    return [Check(f"The branch is {target.branch}", held, note)]


def _check_machine(target: TargetDefinition, own_places: Sequence[Path]) -> list[Check]:
    """Return the checks of programs, the folder and the secrets. Blocking."""
    checks = []
    if sys.platform == "win32" and target.kind is not Kind.COMMANDS:
        note = "Windows has no shell for it; use Linux, macOS or WSL, or the kind `commands`"
        checks.append(Check(f"The kind {target.kind} works here", passed=False, note=note))
    missing = [one for one in _PROGRAMS[target.kind] if shutil.which(one) is None]
    note = f"install {', '.join(missing)}" if missing else ""
    checks.append(Check("The programs are installed", not missing, note))
    if target.path and target.kind is not Kind.SSH:
        problem = find_folder_problem(target, own_places)
        checks.append(Check(f"{target.path} can be used", not problem, problem))
    if target.env:
        try:
            resolve_secrets(target.env)
        except SecretUnavailable as error:
            checks.append(Check("The secrets are there", passed=False, note=str(error)))
        else:
            checks.append(Check("The secrets are there", passed=True, note=", ".join(target.env)))
    return checks


def find_folder_problem(target: TargetDefinition, own_places: Sequence[Path]) -> str:
    """Return why the folder of a target on this machine cannot be used, a clause; "" if it can. Blocking."""
    folder, workspace = Path(os.path.realpath(target.path)), Path(os.path.realpath(target.workspace))
    home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 (pathlib's raises)
    own = [Path(os.path.realpath(one)) for one in own_places]
    problems = (
        (not folder.is_dir(), "there is no such folder; create it"),
        (
            _overlap(folder, workspace) or _overlap(Path(target.path), target.workspace),
            "it and the workspace lie in each other; choose another folder",
        ),
        (home.is_relative_to(folder), "it holds your home folder; choose a folder for this purpose alone"),
        (any(_overlap(folder, one) for one in own), "it belongs to Starling; choose another folder"),
        (not os.access(folder, os.W_OK), "it cannot be written"),
    )
    if found := next((words for is_so, words in problems if is_so), ""):
        return found
    lacks = target.kind in RELEASES and shutil.disk_usage(folder).free < target.free_mb * 1_048_576
    return f"less than {target.free_mb} MB are free" if lacks else ""


def _overlap(one: Path, other: Path) -> bool:
    """Return whether two folders are the same, or one lies in the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)
