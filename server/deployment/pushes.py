"""Targets that get a commit by a push, after which a pipeline takes over.

Pushes go from an empty repository that borrows the objects of the workspace's one: settings, hooks and filters of that
one have no effect. Nothing is forced. A rollback pushes a new commit with the files of the earlier one. Start at
`plan_deployment` and `plan_rollback`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from server.deployment.command_steps import CommandStep, Duty, make_own_steps

if TYPE_CHECKING:
    from server.deployment.targets import TargetDefinition

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REPOSITORY = '"$TMPDIR/push.git"'


def plan_deployment(target: TargetDefinition, version: str, objects: str) -> list[CommandStep]:
    """Return the steps that look up the commit of the branch and push the commit `version` to it.

    `objects` is the folder of the objects of the workspace's repository.
    """
    push = f"git -C {_REPOSITORY} push {shlex.quote(target.url)} {version}:{_name_branch(target)}"
    return [
        plan_lookup(target),
        _make_step(target, "Push the commit", f"{_format_repository_lines(objects)} &&\n{push}"),
    ]


def plan_rollback(target: TargetDefinition, version: str, previous: str, objects: str) -> list[CommandStep]:
    """Return the steps that push a commit with the parent `version` and the files of the commit `previous`.

    The push is rejected if the branch has newer commits.
    """
    url, branch = shlex.quote(target.url), _name_branch(target)
    make = (
        f"new=$(git -C {_REPOSITORY} -c user.name=Starling -c user.email=starling@localhost commit-tree "
        f"'{previous}^{{tree}}' -p {version} -m 'Roll back to {previous[:12]}')"
    )
    fetch = f"git -C {_REPOSITORY} fetch -q {url} {branch}"
    lines = (_format_repository_lines(objects), fetch, make, f'git -C {_REPOSITORY} push {url} "$new":{branch}')
    return [_make_step(target, f"Push a commit with the files of {previous[:12]}", " &&\n".join(lines))]


def plan_lookup(target: TargetDefinition) -> CommandStep:
    """Return the step that says which commit the branch has."""
    line = f"git ls-remote {shlex.quote(target.url)} {_name_branch(target)}"
    return _make_step(target, "See which commit the branch has", line, Duty.LOOK)


def plan_status(target: TargetDefinition) -> list[CommandStep]:
    """Return the steps that show the status of the target."""
    return [plan_lookup(target), *make_own_steps(target, "Status", target.status)]


def read_current(target: TargetDefinition, output: str) -> str:
    """Return the commit of the branch from the `output` of the step of `plan_lookup`; "" for no such branch."""
    for line in output.splitlines():
        commit, _, name = line.partition("\t")
        if name.strip() == _name_branch(target) and COMMIT.fullmatch(commit):
            return commit
    return ""


def _name_branch(target: TargetDefinition) -> str:
    """Return the full name of the branch, as one word for the shell."""
    return f"refs/heads/{target.branch}"


def _format_repository_lines(objects: str) -> str:
    """Return the shell lines that make an empty repository which also uses the objects in the folder `objects`."""
    return (
        f"git init -q --bare {_REPOSITORY} &&\n"
        f"printf '%s\\n' {shlex.quote(objects)} >{_REPOSITORY}/objects/info/alternates"
    )


def _make_step(target: TargetDefinition, title: str, line: str, duty: Duty = Duty.NONE) -> CommandStep:
    """Return a step of git with the network and the person's keys; a repository on this machine can be changed."""
    local = Path(target.url) if target.url.startswith("/") else None
    return CommandStep(
        title, f"cd / || exit 1\n{line}", duty, network=True, credentials=True, repository=True, writable=local,
    )  # fmt: skip
