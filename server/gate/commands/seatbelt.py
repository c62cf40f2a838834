"""Confinement by Seatbelt (macOS): a profile for `sandbox-exec`, in which later rules count more than earlier ones.

Start at `find_seatbelt` and `render_profile`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation
from indexing.process import children
from indexing.process.children import Bounds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.ports.commands import CommandRequest
    from server.gate.commands.confinement import Confinement

PROGRAM = "/usr/bin/sandbox-exec"
_PROBE = Bounds(seconds=5, memory_bytes=500_000_000, output_bytes=10_000)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/dtracehelper", "/dev/stdout", "/dev/stderr")
_HEAD = """(version 1)
(allow default)
(deny appleevent-send)
(deny lsopen)
(deny file-write*)
"""
"""The start of the profile: no other program may be asked to act, and nothing may be written."""


@dataclass(frozen=True, slots=True)
class Seatbelt:
    """Confinement by `sandbox-exec`."""

    hides: bool = True
    wrapper: str = ""
    ends_with_program: bool = False

    def describe(self, request: CommandRequest) -> Isolation:
        """Return the confinement for `request`."""
        return Isolation(
            "Seatbelt",
            confines_writes=True,
            hides_secrets=not request.credentials,
            blocks_network=not request.network,
            protects_repository=not (request.writes and request.repository),
            requested=request.requested,
        )

    def locate_temporary(self, confinement: Confinement) -> str:
        """Return the path of the folder for temporary files as the command sees it."""
        return str(confinement.temporary)

    def wrap(self, command: Sequence[str], confinement: Confinement) -> list[str]:
        """Return the program and arguments that run `command` confined."""
        return [PROGRAM, "-p", render_profile(confinement), *command]

    def find_failure(self, exit_code: int | None, output: str) -> str:
        """Return why the command was not run, a sentence; "" if it was run."""
        if exit_code and output.startswith("sandbox-exec: "):
            return f"The command was not run, because it could not be confined ({output.strip()[:300]})."
        return ""


def render_profile(confinement: Confinement) -> str:
    """Return the profile that enforces `confinement`."""
    writable = (*(confinement.roots if confinement.writes else ()), *confinement.writable, confinement.temporary)
    lines = [
        f"(allow file-write* {' '.join(map(_match_below, writable))})",
        f"(allow file-write* {' '.join(f'(literal {_quote(device)})' for device in _DEVICES)})",
    ]
    if confinement.protected:
        lines.append(f"(deny file-write* {' '.join(map(_match_below, confinement.protected))})")
    if confinement.hidden:
        lines.append(f"(deny file-read* file-write* {' '.join(map(_match_below, confinement.hidden))})")
    if not confinement.network:
        lines.append("(deny network*)")
    return _HEAD + "\n".join(lines) + "\n"


def _match_below(path: Path) -> str:
    """Return the expression of a profile that matches the file `path`, or the folder with everything in it."""
    return f"(subpath {_quote(str(path))})"


def _quote(text: str) -> str:
    """Return `text` as a quoted string of a profile."""
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


@functools.cache
def find_seatbelt() -> tuple[Seatbelt | None, str]:
    """Return Seatbelt if it works here, else None and why not, a sentence; the first call starts it as a trial."""
    try:
        tried = children.run([PROGRAM, "-p", f"{_HEAD}(deny network*)\n", "/usr/bin/true"], _PROBE)
    except OSError as error:
        return None, f"Seatbelt cannot be used ({error.strerror})."
    if tried.status != 0 or tried.beyond:
        return None, f"Seatbelt does not work here ({tried.said.strip()[:200] or 'it gave no reason'})."
    return Seatbelt(), ""
