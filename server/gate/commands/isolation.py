"""The choice of the confinement: the best that really works on this system, tried once. Start at `choose_mechanism`."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.ports.commands import Isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.commands import CommandRequest
    from server.gate.commands.confinement import Confinement, Mechanism

INSTALL = "Install bubblewrap (the package `bubblewrap`), which also hides secrets and protects the repository."
PERMIT = "Have the system permit bubblewrap to make user namespaces; on Ubuntu that is a profile of AppArmor."
ASKED = "Read each command before you permit it."


@dataclass(frozen=True, slots=True)
class Unconfined:
    """Commands that run with all rights of the person."""

    hides: bool = False
    wrapper: str = ""
    ends_with_program: bool = False

    def describe(self, request: CommandRequest) -> Isolation:
        """Return an `Isolation` that enforces nothing."""
        return Isolation(requested=request.requested)

    def locate_temporary(self, confinement: Confinement) -> str:
        """Return the path of the folder for temporary files as the command sees it."""
        return str(confinement.temporary)

    def wrap(self, command: Sequence[str], confinement: Confinement) -> list[str]:  # noqa: ARG002 (as the protocol)
        """Return `command` as it is."""
        return list(command)

    def find_failure(self, exit_code: int | None, output: str) -> str:  # noqa: ARG002 (as the protocol has it)
        """Return "": nothing can fail."""
        return ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The confinement of commands on this system.

    Attributes:
        mechanism: confines commands.
        problems: why better ones were not chosen, a sentence each.
        remedy: how to get a better one; "" if this is the best.
    """

    mechanism: Mechanism
    problems: tuple[str, ...] = ()
    remedy: str = ""


def choose_mechanism() -> Choice:
    """Return the best mechanism that works here, else one that does not confine, with the problems of better ones.

    The first call starts processes to try the mechanisms.
    """
    system = platform.system()
    if system == "Linux":
        return _choose_on_linux()
    if system == "Darwin":
        from server.gate.commands.seatbelt import find_seatbelt  # noqa: PLC0415 (on its own system only)

        seatbelt, problem = find_seatbelt()
        return Choice(seatbelt) if seatbelt is not None else Choice(Unconfined(), (problem,), ASKED)
    return Choice(Unconfined(), ("Starling knows no confinement for this system.",), ASKED)


def _choose_on_linux() -> Choice:
    """Return the best mechanism of Linux that works here, else the launcher, which only ends commands."""
    from server.gate.commands.bubblewrap import find_bubblewrap  # noqa: PLC0415 (on its own system only)
    from server.gate.commands.landlock import Launched, find_landlock  # noqa: PLC0415

    bubblewrap, no_bubblewrap = find_bubblewrap()
    if bubblewrap is not None:
        return Choice(bubblewrap)
    remedy = INSTALL if "not installed" in no_bubblewrap else PERMIT
    landlock, no_landlock = find_landlock()
    if landlock is not None:
        return Choice(landlock, (no_bubblewrap,), remedy)
    return Choice(Launched(0), (no_bubblewrap, no_landlock), remedy)
