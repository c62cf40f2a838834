"""The commands of a plan: exactly what runs, where, and with which rights; and their text for the person.

Start at `CommandStep` and `describe_steps`.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.deployment.targets import TargetDefinition

GIT = (
    "git", "--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "submodule.recurse=false", "-c", "log.showSignature=false",
)  # fmt: skip
"""The beginning of the command lines of git: no hook and no monitor of a repository runs."""

_SSH = (
    "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15",
    "-o", "ClearAllForwardings=yes", "-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "PermitLocalCommand=no",
    "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "UpdateHostKeys=no", "-o", "LogLevel=ERROR",
)  # fmt: skip


OWN_S = 600.0
"""Longest duration of a command line of this program, seconds; the target's limit is that of the person's own lines."""


class Duty(StrEnum):
    """The part that a command plays in a plan, besides running."""

    NONE = ""
    LOOK = "look"  # its output says what runs at the target now
    PACK = "pack"  # it writes the files of the commit into an archive
    UNPACK = "unpack"  # it reads that archive


@dataclass(frozen=True, slots=True)
class CommandStep:
    """One command of a plan.

    Attributes:
        title: what it does, in a few words.
        line: the command line for the shell on this machine.
        duty: its part in the plan.
        script: what it reads on its standard input, for a shell on the target; "" for nothing.
        where: the place where it acts, for the person; "" for this machine.
        network: whether it may use the network.
        credentials: whether it may use the person's keys and logins.
        docker: whether it may use Docker.
        repository: whether it reads the repository.
        writes: whether it may change the workspace.
        writable: a folder outside of the workspace that it may change; None for none.
        secrets: whether it gets the secrets of the target.
        timeout_s: longest duration, seconds.
    """

    title: str
    line: str
    duty: Duty = Duty.NONE
    script: str = ""
    where: str = ""
    network: bool = False
    credentials: bool = False
    docker: bool = False
    repository: bool = False
    writes: bool = False
    writable: Path | None = None
    secrets: bool = False
    timeout_s: float = OWN_S


def make_own_steps(target: TargetDefinition, title: str, lines: Sequence[str], folder: str = "") -> list[CommandStep]:
    """Return a step for each of the person's own command lines, on this machine, with the rights of the target.

    Args:
        target: the target.
        title: what the lines do.
        lines: the lines, as the person wrote them.
        folder: the folder on this machine in which they run; "" for the workspace folder.
    """
    return [
        CommandStep(
            f"{title} ({number} of {len(lines)})" if len(lines) > 1 else title,
            f"cd {quote(folder)} || exit 1\n{line}" if folder else line,
            network=target.network,
            credentials=target.credentials,
            docker=target.docker,
            writes=not folder,
            writable=Path(target.path) if target.path else None,
            secrets=bool(target.env),
            timeout_s=target.timeout_s,
        )
        for number, line in enumerate(lines, 1)
    ]


def make_remote_steps(target: TargetDefinition, title: str, lines: Sequence[str], folder: str) -> list[CommandStep]:
    """Return a step for each of the person's own command lines, in the folder `folder` on the host of the target.

    The lines go through the standard input of a shell there, so that a secret is in no list of processes.
    """
    return [
        CommandStep(
            f"{title} ({number} of {len(lines)})" if len(lines) > 1 else title,
            make_ssh_line(target, "sh -s"),
            script=f"{{\ncd {shlex.quote(folder)} || exit 1\n{line}\n}} </dev/null\n",
            where=target.host,
            network=True,
            credentials=True,
            secrets=bool(target.env),
            timeout_s=target.timeout_s,
        )
        for number, line in enumerate(lines, 1)
    ]


def make_ssh_line(target: TargetDefinition, command: str) -> str:
    """Return the command line that runs `command` on the host of a target by ssh, without questions."""
    config = ("-F", target.ssh_config) if target.ssh_config else ()
    port = ("-p", str(target.port)) if target.port else ()
    return shlex.join((*_SSH, *config, *port, "--", target.host, command))


def quote(text: str) -> str:
    """Return `text` as one word for the shell of this machine."""
    return f'"{text}"' if sys.platform == "win32" else shlex.quote(text)


def describe_steps(steps: Iterable[CommandStep], secrets: Sequence[str]) -> str:
    """Return the commands as a text for the person who approves them: what runs, where, and with which rights.

    Args:
        steps: the commands, in order.
        secrets: names of the secrets of the target.
    """
    return "\n".join(_describe(number, step, secrets) for number, step in enumerate(steps, 1))


def _describe(number: int, step: CommandStep, secrets: Sequence[str]) -> str:
    """Return the command with the number `number` as a text for a person; `secrets` are names, not values."""
    rights = [
        words
        for words, given in (
            ("with the network", step.network),
            ("with your keys and logins", step.credentials),
            ("with Docker", step.docker),
            (f"may change {step.writable}", step.writable is not None),
            ("may change the workspace", step.writes),
            (f"gets the secrets {', '.join(secrets)}", step.secrets),
            ("reads the archive", step.duty is Duty.UNPACK),
        )
        if given
    ]
    place = f"on {step.where}" if step.where else "here"
    lines = [f"{number}. {step.title}: {'; '.join((place, *rights))}", *_indent(step.line)]
    if step.script:
        lines += ["   The shell there reads:", *_indent(step.script)]
    return "\n".join(lines)


def _indent(text: str) -> list[str]:
    """Return the lines of `text`, indented."""
    return [f"     {line}" for line in text.rstrip("\n").split("\n")]
