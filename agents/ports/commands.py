"""Commands on this machine, run for agents after a person's permission. Start at `CommandRunner`.

`server.gate.commands` implements the port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A report that a command is to write into its folder for temporary files.

    Attributes:
        name: name of the file.
        options: end of the command line that has the report written; `{file}` in it stands for the path of the file.
    """

    name: str
    options: str


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command to run.

    Attributes:
        line: the command line, for the shell `sh` (on Windows `cmd`).
        folder: working directory, inside of the workspace.
        timeout_s: longest duration, seconds.
        writes: whether the command may write into the workspace; where the system cannot prevent that,
            `CommandRunner.find_isolation` says so.
        network: whether the command may use the network.
        repository: whether the command is git's own: it reads the settings of the repository, also if these hold a
            login, and with `writes` may write into `.git`.
        credentials: whether the command may use the person's keys and logins, as a push does.
        report: a report that the command writes; None for none.
    """

    line: str
    folder: Path
    timeout_s: float = 120.0
    writes: bool = True
    network: bool = False
    repository: bool = False
    credentials: bool = False
    report: ReportRequest | None = None

    @property
    def shown_line(self) -> str:
        """The whole command line for a person, with the name of the report in the place of its path."""
        return self.complete_line(self.report.name) if self.report is not None else self.line

    def complete_line(self, file: str) -> str:
        """Return the whole command line, with the options that have the report written to `file`."""
        return f"{self.line} {self.report.options.replace('{file}', file)}" if self.report is not None else self.line

    @property
    def requested(self) -> frozenset[str]:
        """Names of the rights that the request asks for: "network", "repository", "credentials"."""
        return frozenset(name for name in ("network", "repository", "credentials") if getattr(self, name))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command.

    Attributes:
        exit_code: exit status; None if the command was stopped or could not be started.
        output: the start and the end of stdout and stderr together; a line between says how much is left out.
        problem: sentences that say why the command was stopped or not started, or what it did not see; "" for nothing.
        seconds: duration.
        report: the requested report; "" if there is none, or if it is too large.
    """

    exit_code: int | None
    output: str
    problem: str = ""
    seconds: float = 0.0
    report: str = ""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Confinement that the system enforces while a certain command runs.

    Attributes:
        name: the mechanism ("bubblewrap", "Landlock", "Seatbelt"), "" for none.
        confines_writes: whether the command can write to nothing but the workspace and a temporary folder; not even to
            the workspace if the request says so.
        hides_secrets: whether excluded files and the person's own secrets cannot be read.
        blocks_network: whether the network is closed.
        protects_repository: whether the repository (`.git`) cannot be changed.
        requested: what the request asked for, and is open for that reason: "network", "repository", "credentials".
    """

    name: str = ""
    confines_writes: bool = False
    hides_secrets: bool = False
    blocks_network: bool = False
    protects_repository: bool = False
    requested: frozenset[str] = frozenset()


class CommandRunner(Protocol):
    """Runs commands; asks nobody, so permission comes first."""

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return the confinement that the system enforces while the command of `request` runs."""
        ...

    async def run(self, request: CommandRequest, *, cancelled: Callable[[], bool] | None = None) -> CommandResult:
        """Run a command; end its whole process group on a timeout, and once `cancelled` returns True.

        A command that fails or cannot be started is no error: the result says so. Starts nothing if it cannot be
        confined as `find_isolation` said.
        """
        ...
