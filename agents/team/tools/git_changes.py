"""The tools that change a repository: `git_branch`, `git_commit`, `git_merge` and `git_push`, each after a question.

The hooks of the repository run, as they do for the person; the question shows the whole command line.
"""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from pydantic import Field

from agents.ports.commands import CommandRequest
from agents.team.failure import ToolFailed
from agents.team.git import check_revision, find_root
from agents.team.permissions.paths import resolve_name
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.execute_command import format_result, require_folder, require_runner
from agents.tools import GIT_COMMIT, Risk, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.team.tool import Workbench

TIMEOUT_S = 300.0
MOST_FILES = 200


class GitBranch(Arguments):
    """Arguments of `git_branch`."""

    name: str = Field(min_length=1, max_length=200, description="Name of the new branch, which is then checked out.")


class GitCommit(Arguments):
    """Arguments of `git_commit`."""

    message: str = Field(min_length=1, max_length=5000, description="Subject line, then details after an empty line.")
    paths: tuple[str, ...] = Field(min_length=1, max_length=MOST_FILES, description="The files to commit, no others.")


class GitMerge(Arguments):
    """Arguments of `git_merge`."""

    branch: str = Field(min_length=1, max_length=200, description="Branch that is merged into the current one.")


class GitPush(Arguments):
    """Arguments of `git_push`."""

    remote: str = Field(default="origin", max_length=200, description="Name of the remote.")
    branch: str = Field(min_length=1, max_length=200, description="Branch that is pushed; never forced.")


def get_branch_line(given: GitBranch) -> str:
    """Return the command line that creates and checks out the branch; raise ToolFailed if its name cannot be one."""
    return shlex.join(("git", "switch", "-c", check_revision(given.name)))


def get_commit_line(given: GitCommit) -> str:
    """Return the command line that stages and commits exactly the given files; raise ToolFailed for a pattern."""
    paths = [_check_path(path) for path in given.paths]
    add, commit = ("git", "add", "--", *paths), ("git", "commit", "-m", given.message, "--", *paths)
    return f"{shlex.join(add)} && {shlex.join(commit)}"


def get_merge_line(given: GitMerge) -> str:
    """Return the command line that merges the branch; raise ToolFailed if its name cannot be one."""
    return shlex.join(("git", "merge", "--no-edit", check_revision(given.branch)))


def get_push_line(given: GitPush) -> str:
    """Return the command line that pushes the branch; raise ToolFailed if its name or the remote's cannot be one."""
    return shlex.join(("git", "push", check_revision(given.remote), check_revision(given.branch)))


def make_request(line: str, bench: Workbench, *, network: bool = False, folder: Path | None = None) -> CommandRequest:
    """Return the request to run a command line of git in a workspace folder, the first for None.

    The command may change the repository; with `network`, it may use the network and the person's logins.

    Raises:
        ToolFailed: there is no workspace folder.
    """
    return CommandRequest(
        line, folder or require_folder(bench), TIMEOUT_S, network=network, repository=True, credentials=network
    )


async def run_line(line: str, bench: Workbench, *, network: bool = False) -> ToolResult:
    """Run a permitted command line of git in the first workspace folder; return its exit status and output.

    Raises:
        ToolFailed: no command can be run here.
    """
    return await _run_request(make_request(line, bench, network=network), bench)


async def _run_request(request: CommandRequest, bench: Workbench) -> ToolResult:
    """Run a permitted request; return its exit status and output."""
    result = await require_runner(bench).run(request, cancelled=bench.cancelled)
    return ToolResult(format_result(result), failed=result.exit_code != 0)


async def commit(given: GitCommit, bench: Workbench) -> ToolResult:
    """Commit the given files; return git's exit status and output.

    Raises:
        ToolFailed: a file is excluded or outside of the workspace, a name is a pattern, the files are in several
            workspace folders, or no command can be run here.
    """
    for path in given.paths:
        found = await bench.resolve(path)
        if "[" in path and not await asyncio.to_thread(found.exists):
            raise ToolFailed(f"{path!r} is a pattern; name each file.")
    return await _run_request(await asyncio.to_thread(make_commit_request, given, bench), bench)


def make_commit_request(given: GitCommit, bench: Workbench) -> CommandRequest:
    """Return the request to commit files, in the workspace folder that they are in. Blocking.

    Raises:
        ToolFailed: the files are in several workspace folders, or one cannot be used.
    """
    line = get_commit_line(given)
    found = (resolve_name(path, bench.roots, bench.explain_exclusion) for path in given.paths)
    folders = {find_root(bench, path) for path in found}
    if len(folders) > 1:
        names = ", ".join(sorted(folder.name for folder in folders))
        raise ToolFailed(f"These files are in several workspace folders ({names}); commit those of each by themselves.")
    return make_request(line, bench, folder=folders.pop())


async def branch(given: GitBranch, bench: Workbench) -> ToolResult:
    """Create the branch and check it out; return git's exit status and output, or raise as `get_branch_line` does."""
    return await run_line(get_branch_line(given), bench)


async def merge(given: GitMerge, bench: Workbench) -> ToolResult:
    """Merge the branch into the current one; return git's exit status and output, or raise as `get_merge_line` does."""
    return await run_line(get_merge_line(given), bench)


async def push(given: GitPush, bench: Workbench) -> ToolResult:
    """Push the branch, with the network; return git's exit status and output, or raise as `get_push_line` does."""
    return await run_line(get_push_line(given), bench, network=True)


def list_commit_paths(given: GitCommit) -> Sequence[str]:
    """Return the files that a commit names, for the person's rules."""
    return given.paths


def _check_path(path: str) -> str:
    """Return `path` if it is no pattern of git's.

    Raises:
        ToolFailed: it begins with ":", or has a character that stands for others.
    """
    if path.startswith(":") or any(mark in path for mark in "*?"):
        raise ToolFailed(f"{path!r} is a pattern; name each file.")
    return path


BRANCH = TeamTool(
    Tool("git_branch", Risk.MEDIUM),
    "Create a branch and check it out.",
    GitBranch,
    branch,
    lambda given: f"Create the branch {given.name}",
    get_request=lambda given, bench: make_request(get_branch_line(given), bench),
    capabilities=("engineering",),
    timeout_s=TIMEOUT_S + 30,
)
COMMIT = TeamTool(
    GIT_COMMIT,
    "Commit files. Look at git_diff first; the message says what changed and why.",
    GitCommit,
    commit,
    lambda given: f"Commit {len(given.paths)} files: {given.message.splitlines()[0]}",
    list_paths=list_commit_paths,
    get_request=make_commit_request,
    capabilities=("engineering",),
    timeout_s=TIMEOUT_S + 30,
)
MERGE = TeamTool(
    Tool("git_merge", Risk.HIGH),
    "Merge a branch into the current one.",
    GitMerge,
    merge,
    lambda given: f"Merge {given.branch}",
    get_request=lambda given, bench: make_request(get_merge_line(given), bench),
    capabilities=("deploy", "admin"),
    timeout_s=TIMEOUT_S + 30,
)
PUSH = TeamTool(
    Tool("git_push", Risk.CRITICAL),
    "Push a branch to a remote; never forces.",
    GitPush,
    push,
    lambda given: f"Push {given.branch} to {given.remote}",
    get_request=lambda given, bench: make_request(get_push_line(given), bench, network=True),
    capabilities=("deploy", "admin"),
    timeout_s=TIMEOUT_S + 30,
)
