"""Confinement by Landlock and a filter of system calls (Linux), without any program to install.

Files outside of the workspace cannot be changed, and without the network no socket is opened. Files can be read, and
the repository can be changed: Landlock grants whole folders and takes nothing back. Where Landlock is missing, the same
launcher still ends a command with all that it has started. Start at `find_landlock`.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from indexing.process import children
from indexing.process.children import Bounds
from server.gate.commands import launcher
from server.gate.commands.launcher import Specification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.commands import CommandRequest
    from server.gate.commands.confinement import Confinement

LOWEST = 3  # the version of Landlock that also guards against truncation
_PROBE = Bounds(seconds=5, memory_bytes=500_000_000, output_bytes=10_000)


@dataclass(frozen=True, slots=True)
class Launched:
    """Commands that our launcher runs, confined by Landlock where the kernel has it.

    Attributes:
        abi: version of Landlock that is used, 0 for none.
        own_network: whether a command can have a network of its own.
    """

    abi: int
    own_network: bool = False
    hides: bool = False
    wrapper: str = ""
    ends_with_program: bool = True

    def describe(self, request: CommandRequest) -> Isolation:
        """Return the confinement for `request`."""
        if not self.abi:
            return Isolation(requested=request.requested)
        return Isolation(
            "Landlock",
            confines_writes=True,
            blocks_network=not request.network,
            protects_repository=not request.writes,
            requested=request.requested,
        )

    def locate_temporary(self, confinement: Confinement) -> str:
        """Return the path of the folder for temporary files as the command sees it."""
        return str(confinement.temporary)

    def wrap(self, command: Sequence[str], confinement: Confinement) -> list[str]:
        """Return the program and arguments that run `command` confined."""
        roots = confinement.roots if confinement.writes else ()
        writable = [str(place) for place in (*roots, *confinement.writable, confinement.temporary)]
        wanted = Specification(
            os.getpid(),
            list(command),
            self.abi,
            writable,
            confinement.network,
            self.own_network,
            bool(confinement.sockets),
        )
        return _build_launcher_command(wanted)

    def find_failure(self, exit_code: int | None, output: str) -> str:
        """Return why the command was not run, a sentence; "" if it was run."""
        if exit_code == launcher.FAILED and output.startswith(launcher.PREFIX):
            why = output.removeprefix(launcher.PREFIX).strip()[:300]
            return f"The command was not run, because it could not be confined ({why})."
        return ""


@functools.cache
def find_landlock() -> tuple[Launched | None, str]:
    """Return the launcher with Landlock if that works here, else None and why not; the first call tries it."""
    abi = launcher.probe_landlock()
    if abi < LOWEST:
        return None, f"The kernel has {f'an old Landlock, {abi}' if abi else 'no Landlock'}."
    if platform.machine() not in launcher.SOCKET_CALLS:
        return None, f"Landlock is not used on {platform.machine()}."
    why = ""
    for tried in (Launched(abi, own_network=True), Launched(abi)):
        arguments = _build_launcher_command(Specification(os.getpid(), ["true"], abi, [], False, tried.own_network))
        try:
            ended = children.run(arguments, _PROBE)
        except OSError as error:
            return None, f"Landlock cannot be tried ({error.strerror})."
        if ended.status == 0 and not ended.beyond:
            return tried, ""
        why = ended.output.decode(errors="replace").removeprefix(launcher.PREFIX).strip()[:200]
    return None, f"Landlock does not work here ({why})."


def _build_launcher_command(wanted: Specification) -> list[str]:
    """Return the program and arguments that have our launcher run the command of `wanted`."""
    return [sys.executable, "-I", "-S", str(Path(launcher.__file__).resolve()), json.dumps(asdict(wanted))]
