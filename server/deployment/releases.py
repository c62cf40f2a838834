"""Targets with releases: a folder with `releases/`, and a link `current` to one of them that is switched in one step.

The same shell lines work on this machine and on another one by ssh. What is brought there are the files of a commit.
Start at `plan_deployment` and `plan_rollback`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from server.deployment.command_steps import (
    GIT,
    CommandStep,
    Duty,
    make_own_steps,
    make_remote_steps,
    make_ssh_line,
)
from server.deployment.targets import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.deployment.targets import TargetDefinition

ARCHIVE = "release.tar"
RELEASE = re.compile(r"releases/[0-9TZa-f-]{8,60}")
"""The target of the link `current`, as this module makes it."""

_NOT_OURS = "current is no link to a release; move it away, or choose another folder."


def plan_deployment(target: TargetDefinition, version: str, identity: str) -> list[CommandStep]:
    """Return the steps that make the commit `version` the release `identity` at the target, and switch to it.

    They also run the person's own lines and delete old releases.
    """
    release = f"releases/{identity}"
    return [
        plan_lookup(target),
        CommandStep(
            "Pack the files of the commit",
            shlex.join((*GIT, "archive", "--format=tar"))
            + f' --output="$TMPDIR/{ARCHIVE}" {version}',
            Duty.PACK,
            repository=True,
        ),
        _make_step(
            target, "Unpack them as a new release", f"mkdir -p releases && mkdir {release} && tar -xf - -C {release}",
            Duty.UNPACK,
        ),
        *_make_person_steps(target, "Prepare the release", target.prepare, release),
        _make_step(target, "Switch to the release", _format_switch_line(release, identity)),
        *_make_person_steps(target, "After the switch", _list_lines_after_switch(target), "current"),
        _make_step(target, "Delete old releases", _format_pruning_lines(target.keep)),
    ]  # fmt: skip


def plan_rollback(target: TargetDefinition, identity: str, previous: str, new: str) -> list[CommandStep]:
    """Return the steps that switch from the release `identity` back to `previous`, a path like "releases/…".

    `new` is the id of the rollback.
    """
    switch = (
        f'if [ ! -d {previous} ]; then echo "{previous} is gone." >&2; exit 1; fi\n'
        f'case "$(readlink current)" in\n{previous}) echo "{previous} is current already." ;;\n'
        f"releases/{identity}) {_format_switch_line(previous, new)} ;;\n"
        f'*) echo "current is neither release; look at it first." >&2; exit 1 ;;\nesac'
    )
    return [
        _make_step(target, f"Switch back to {previous}", switch),
        *_make_person_steps(target, "After the switch", _list_lines_after_switch(target), "current"),
    ]


def plan_lookup(target: TargetDefinition) -> CommandStep:
    """Return the step that says which release is current."""
    line = f'if [ -L current ]; then readlink current; elif [ -e current ]; then echo "{_NOT_OURS}" >&2; exit 1; fi'
    return _make_step(target, "See which release is current", line, Duty.LOOK)


def plan_status(target: TargetDefinition) -> list[CommandStep]:
    """Return the steps that show the status of the target."""
    compose = (f"{_format_compose_prefix(target)} ps",) if target.kind is Kind.COMPOSE else ()
    return [plan_lookup(target), *_make_person_steps(target, "Status", (*compose, *target.status), "current")]


def plan_checks(target: TargetDefinition) -> list[CommandStep]:
    """Return the steps that check whether the target can take a release."""
    needed = target.free_mb * 1024
    line = (
        'command -v tar >/dev/null || { echo "tar is missing." >&2; exit 1; }\n'
        '[ -w . ] || { echo "The folder cannot be written." >&2; exit 1; }\n'
        f"[ \"$(df -Pk . | awk 'NR == 2 {{ print $4 }}')\" -ge {needed} ] || "
        f'{{ echo "Less than {target.free_mb} MB are free." >&2; exit 1; }}'
    )
    steps = [_make_step(target, "The target can be reached and has room", line)]
    if target.kind is Kind.COMPOSE:
        present = (
            'docker compose version >/dev/null || { echo "Docker has no compose; install its plugin." >&2; exit 1; }'
        )
        version = "docker version --format '{{.Server.Version}}'"
        config = f"docker compose -f {shlex.quote(target.compose_file)} config -q"
        docker = _add_docker_rights(target)
        asked = [
            *make_own_steps(docker, "Docker and its compose answer", (f"{present}\n{version}",)),
            *make_own_steps(docker, "The file of compose is valid", (config,)),
        ]
        steps += [replace(one, writes=False) for one in asked]
    return [*steps, plan_lookup(target)]


def read_current(output: str) -> str:
    """Return the path of the release from the `output` of the step of `plan_lookup`, "" for none.

    Raises:
        ValueError: the output is no path of a release.
    """
    found = output.strip()
    if found and not RELEASE.fullmatch(found):
        raise ValueError(_NOT_OURS)
    return found


def _make_step(target: TargetDefinition, title: str, line: str, duty: Duty = Duty.NONE) -> CommandStep:
    """Return a step that runs a line of this module in the folder of the target, on its machine."""
    inside = f"cd {shlex.quote(target.path)} || exit 1\n{line}"
    if target.kind is Kind.SSH:
        return CommandStep(
            title, make_ssh_line(target, inside), duty, where=target.host, network=True, credentials=True,
        )  # fmt: skip
    return CommandStep(title, inside, duty, writable=Path(target.path))


def _make_person_steps(target: TargetDefinition, title: str, lines: Sequence[str], folder: str) -> list[CommandStep]:
    """Return a step for each of the person's own lines, in a folder of the target, on its machine."""
    place = f"{target.path.rstrip('/')}/{folder}"
    if target.kind is Kind.SSH:
        return make_remote_steps(target, title, lines, place)
    return make_own_steps(_add_docker_rights(target), title, lines, place)


def _add_docker_rights(target: TargetDefinition) -> TargetDefinition:
    """Return the target, for the kind COMPOSE with the rights that docker compose needs."""
    return replace(target, network=True, credentials=True, docker=True) if target.kind is Kind.COMPOSE else target


def _list_lines_after_switch(target: TargetDefinition) -> tuple[str, ...]:
    """Return the lines that run after the switch; with compose, its start comes first."""
    start = (f"{_format_compose_prefix(target)} up --detach --build --wait --remove-orphans",)
    return (*start, *target.after) if target.kind is Kind.COMPOSE else target.after


def _format_compose_prefix(target: TargetDefinition) -> str:
    """Return `docker compose` with the project's name and the target's file; a subcommand has to follow."""
    project = re.sub(r"[^a-z0-9_-]", "-", target.name.lower())
    return f"docker compose --project-name {project} -f {shlex.quote(target.compose_file)}"


def _format_switch_line(release: str, identity: str) -> str:
    """Return the line that makes `current` a link to a release, in one step, with GNU's `mv` or that of BSD.

    Before that, the link `.previous` gets what `current` was, so that it is not deleted with the old releases.
    """
    link = f".current.{identity}"
    return (
        'was=$(readlink current); { [ -z "$was" ] || ln -sfn "$was" .previous; } && '
        f"ln -s {release} {link} && {{ mv -fT {link} current 2>/dev/null || mv -fh {link} current 2>/dev/null; }} || "
        f'{{ rm -f {link}; echo "current cannot be switched." >&2; exit 1; }}'
    )


def _format_pruning_lines(keep: int) -> str:
    """Return the lines that delete all releases but the newest `keep`, the current one, and the one before it."""
    return (
        f"cd releases && ls -1 | sort -r | tail -n +{keep + 1} | while read -r old; do\n"
        'case "$old" in *[!0-9TZa-f-]*|-*) continue ;; esac\n'
        'case "releases/$old" in "$(readlink ../current)"|"$(readlink ../.previous)") continue ;; esac\n'
        'rm -rf "./$old"\ndone'
    )
