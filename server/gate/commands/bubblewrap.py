"""Confinement by bubblewrap (Linux): a view of the file system in which little can be written and secrets are hidden.

Only the workspace and a temporary folder can be written; secrets are covered by empty files and folders. A command has
its own processes, its own `/run` without the sockets of other programs, and no network unless it asked for one. Start
at `find_bubblewrap`.
"""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from indexing.process import children
from indexing.process.children import Bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.ports.commands import CommandRequest
    from server.gate.commands.confinement import Confinement

NAME = "bwrap"
_PROBE = Bounds(seconds=5, memory_bytes=500_000_000, output_bytes=10_000)
_SEPARATE = (
    "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL",
)  # fmt: skip
_SYSTEM = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
_COVERED = ("/tmp", "/run")  # noqa: S108 (a command has its own)
_NO_NETWORK = ("--unshare-net",)
_RUN_NEEDED = ("/run/current-system", "/run/wrappers", "/run/opengl-driver")  # programs of NixOS
_RUN_NAMES = (
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
)  # where the network's names are looked up


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Confinement by the program `bwrap`.

    Attributes:
        program: its path.
    """

    program: str
    hides: bool = True
    wrapper: str = NAME
    ends_with_program: bool = True

    def describe(self, request: CommandRequest) -> Isolation:
        """Return the confinement for `request`."""
        return Isolation(
            "bubblewrap",
            confines_writes=True,
            hides_secrets=not request.credentials,
            blocks_network=not request.network,
            protects_repository=not (request.writes and request.repository),
            requested=request.requested,
        )

    def locate_temporary(self, confinement: Confinement) -> str:  # noqa: ARG002 (as the protocol has it)
        """Return the path of the folder for temporary files as the command sees it."""
        return "/tmp"  # noqa: S108 (the command's own)

    def wrap(self, command: Sequence[str], confinement: Confinement) -> list[str]:
        """Return the program and arguments that run `command` confined."""
        network = () if confinement.network else _NO_NETWORK
        places = _list_mounts(confinement)
        start = ("--chdir", str(confinement.folder), "--")
        return [self.program, *_SEPARATE, *network, *_SYSTEM, *places, *start, *command]

    def find_failure(self, exit_code: int | None, output: str) -> str:
        """Return why the command was not run, a sentence; "" if it was run."""
        if exit_code == 1 and output.startswith(f"{NAME}: "):
            return f"The command was not run, because it could not be confined ({output.strip()[:300]})."
        return ""


def _list_mounts(confinement: Confinement) -> Iterator[str]:
    """Yield the options that decide what of the file system can be seen and written; later ones cover earlier ones."""
    yield from ("--bind", str(confinement.temporary), "/tmp")  # noqa: S108 (as above)
    if os.path.isdir("/run"):  # noqa: PTH112 (`Path` reads the same)
        yield from ("--tmpfs", "/run")
        for place in (*_RUN_NEEDED, *(_RUN_NAMES if confinement.network else ())):
            yield from ("--ro-bind-try", place, place)
    for root in confinement.roots:
        yield from ("--bind" if confinement.writes else "--ro-bind", str(root), str(root))
    for folder in confinement.writable:
        yield from ("--bind", str(folder), str(folder))
    for socket in confinement.sockets:
        yield from ("--ro-bind-try", str(socket), str(socket))
    for place in confinement.protected:
        yield from ("--ro-bind", str(place), str(place))
    for place in filter(functools.partial(_is_visible, confinement), confinement.hidden):
        empty = confinement.empty_folder if place.is_dir() else confinement.empty_file
        yield from ("--ro-bind", str(empty), str(place))


def _is_visible(confinement: Confinement, place: Path) -> bool:
    """Return whether a command could see `place`: not in `/tmp` or `/run`, except in roots or writable folders."""
    covered = any(place.is_relative_to(folder) for folder in _COVERED)
    return not covered or any(place.is_relative_to(root) for root in (*confinement.roots, *confinement.writable))


@functools.cache
def find_bubblewrap() -> tuple[Bubblewrap | None, str]:
    """Return bubblewrap if it works here, else None and why not, a sentence; the first call starts it as a trial."""
    program = shutil.which(NAME)
    if program is None:
        return None, "bubblewrap is not installed."
    program = str(Path(program).resolve())
    try:
        tried = children.run([program, *_SEPARATE, *_NO_NETWORK, *_SYSTEM, "--tmpfs", "/tmp", "--", "true"], _PROBE)  # noqa: S108
    except OSError as error:
        return None, f"bubblewrap cannot be started ({error.strerror})."
    if tried.status != 0 or tried.beyond:
        return None, f"bubblewrap does not work here ({tried.said.strip()[:200] or 'it gave no reason'})."
    return Bubblewrap(program), ""
