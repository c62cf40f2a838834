"""The confinement of one command, as all mechanisms get it. Start at `Confinement` and `Mechanism`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.ports.commands import CommandRequest, Isolation


@dataclass(frozen=True, slots=True)
class Confinement:
    """The rights of a command.

    Attributes:
        folder: working directory.
        roots: workspace folders.
        writes: whether it may change files of the workspace.
        network: whether it may use the network.
        temporary: its own folder for temporary files.
        empty_file: an empty file, shown in the place of hidden files.
        empty_folder: an empty folder, shown in the place of hidden folders.
        hidden: files and folders that it may not read, with links resolved.
        protected: files and folders of the workspace that it may not change: the repositories.
        sockets: sockets that it may use: those of the person's ssh-agent and of Docker, where it may use these.
        writable: folders outside of the workspace that it may change.
    """

    folder: Path
    roots: tuple[Path, ...]
    writes: bool
    network: bool
    temporary: Path
    empty_file: Path
    empty_folder: Path
    hidden: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    sockets: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()


class Mechanism(Protocol):
    """A way of the system to confine a command."""

    @property
    def hides(self) -> bool:
        """Whether this mechanism can hide files; only then the runner searches for files to hide."""
        ...

    @property
    def wrapper(self) -> str:
        """Name of the program around a command that must not get SIGTERM; "" for none."""
        ...

    @property
    def ends_with_program(self) -> bool:
        """Whether the system ends the command when this program ends."""
        ...

    def describe(self, request: CommandRequest) -> Isolation:
        """Return the confinement that this mechanism enforces for the command of `request`."""
        ...

    def locate_temporary(self, confinement: Confinement) -> str:
        """Return the path of the folder for temporary files as the command sees it."""
        ...

    def wrap(self, command: Sequence[str], confinement: Confinement) -> list[str]:
        """Return the program and arguments that run `command` confined."""
        ...

    def find_failure(self, exit_code: int | None, output: str) -> str:
        """Return why the command could not be confined, and so was not run, a sentence; "" if it was run."""
        ...
