"""The runner of commands that agents ask for and a person has permitted. Start at `ConfinedRunner.run`.

A command runs in a shell, in a process group of its own, without terminal and input, with few environment variables,
within limits of time, memory and output, and confined as well as the system can. It is never run with less confinement
than `find_isolation` says. Asks nobody.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.commands import CommandResult, Isolation
from server.gate.commands import groups
from server.gate.commands.confinement import Confinement
from server.gate.commands.environments import AGENT_SOCKET, build_environment
from server.gate.commands.extras import NO_EXTRAS
from server.gate.commands.groups import GroupCommand, run_group
from server.gate.commands.hidden_places import WorkspaceSearch, list_containing, list_own_places, list_personal_places
from server.gate.commands.isolation import choose_mechanism
from server.gate.commands.scrubbing import ScrubbedOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.ports.commands import CommandRequest
    from indexing.limits import IndexLimits
    from server.gate.commands.confinement import Mechanism
    from server.gate.commands.extras import Extras
    from server.gate.commands.groups import GroupEnd

FIRST_BYTES = 64_000
LAST_BYTES = 128_000
MOST_REPORT_BYTES = 16_000_000
_TOO_LARGE = (
    "The command was not run: the workspace is too large to search it for secrets in time. Try again: further commands "
    "run without hiding them, after a question that says so."
)


class ConfinedRunner:
    """Runs commands in one workspace. Implements `agents.ports.commands.CommandRunner`."""

    def __init__(
        self,
        roots: Sequence[Path],
        limits: IndexLimits,
        own_places: Sequence[Path] = (),
        mechanism: Mechanism | None = None,
    ) -> None:
        """Create the runner; a process is started only by `find_isolation` and `run`.

        Args:
            roots: workspace folders.
            limits: the settings of the exclusion filter.
            own_places: Starling's own files and folders, which no command may read.
            mechanism: confines commands; None for the best of this system.
        """
        self._roots = tuple(map(_resolve, roots))
        self._own_places = tuple(own_places)
        self._mechanism = mechanism
        self._search = WorkspaceSearch(limits)
        self._searchable = True

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return the confinement that the system enforces while the command of `request` runs.

        Blocking: the first call starts processes to try what works on this system.
        """
        isolation = self._choose().describe(request)
        return isolation if self._can_hide() else replace(isolation, hides_secrets=False)

    async def run(
        self, request: CommandRequest, *, cancelled: Callable[[], bool] | None = None, extras: Extras = NO_EXTRAS
    ) -> CommandResult:
        """Run the command of `request`, with what `extras` adds to it; return its result.

        Ends its processes before it returns or raises, also if this call is cancelled. The command is confined as
        `find_isolation` says: with all rights of the person where the system has no mechanism, and without hiding
        secrets once a search for them was not completed. It is not run, and `problem` says why, if the mechanism fails,
        its folder is outside of the workspace, there is no temporary folder, or its own search for secrets is not
        completed although `find_isolation` counted on it.

        Args:
            request: the command.
            cancelled: returns whether to stop the command; called on another thread while it runs; None never stops it.
            extras: what is added to its environment, files and sockets, and what is done with its output.
        """
        folder = await asyncio.to_thread(_resolve, request.folder)
        if not any(folder.is_relative_to(root) for root in self._roots):
            return CommandResult(None, "", f"The command was not run: {folder} is outside of the workspace.")
        mechanism = await asyncio.to_thread(self._choose)
        try:
            scratch = await asyncio.to_thread(_make_scratch)
        except OSError as error:
            return CommandResult(None, "", f"The command was not run: there is no temporary folder ({error.strerror}).")
        try:
            place = await asyncio.to_thread(
                _resolve, Path(scratch.name)
            )  # on macOS temporary folders are behind a link
            return await self._run_confined(request, mechanism, place, folder, cancelled, extras)
        finally:
            await asyncio.shield(asyncio.to_thread(scratch.cleanup))

    async def _run_confined(  # noqa: PLR0913, PLR0917 (the parts of a run)
        self,
        request: CommandRequest,
        mechanism: Mechanism,
        scratch: Path,
        folder: Path,
        cancelled: Callable[[], bool] | None,
        extras: Extras,
    ) -> CommandResult:
        """Run the command with temporary files in `scratch`, unless the workspace is too large; return its result."""
        could_hide = self._can_hide()
        confinement = await asyncio.to_thread(self._confine, request, mechanism, scratch, folder)
        confinement = replace(
            confinement,
            writable=tuple(map(_resolve, extras.writable)),
            sockets=(*confinement.sockets, *map(_resolve, extras.sockets)),
        )
        if could_hide and not self._can_hide():
            return CommandResult(None, "", _TOO_LARGE)
        temporary = mechanism.locate_temporary(confinement)
        command = GroupCommand(
            mechanism.wrap(_list_shell_arguments(_complete_line(request, temporary)), confinement),
            folder,
            build_environment(os.environ, temporary, credentials=request.credentials) | dict(extras.environment),
            request.timeout_s,
            await asyncio.to_thread(groups.compute_memory_limit),
            mechanism.wrapper,
            mechanism.ends_with_program,
            extras.given,
        )
        output = ScrubbedOutput(FIRST_BYTES, LAST_BYTES, extras.scrubber)
        try:
            end = await run_group(command, output, cancelled=cancelled or (lambda: False))
        except OSError as error:
            return CommandResult(None, "", f"The command could not be started ({error.strerror}).")
        text = output.format()
        if failure := mechanism.find_failure(end.exit_code, text):
            return CommandResult(None, "", failure, end.seconds)
        report = await asyncio.to_thread(_read_report, request, confinement.temporary)
        problem = _explain_stop(end, request, command.memory_bytes)
        if extras.collect is not None and end.exit_code == 0:
            try:
                await asyncio.to_thread(extras.collect, confinement.temporary)
            except OSError as error:
                problem = f"The files that the command wrote cannot be taken over ({error.strerror or error})."
                return CommandResult(None, text, problem, end.seconds, report)
        return CommandResult(end.exit_code, text, problem, end.seconds, report)

    def _choose(self) -> Mechanism:
        """Return the mechanism that confines commands; the first call tries what works here."""
        if self._mechanism is None:
            self._mechanism = choose_mechanism().mechanism
        return self._mechanism

    def _can_hide(self) -> bool:
        """Return whether a mechanism that can hide files can hide the secrets of this workspace.

        False once a search was not completed, or if a workspace folder lies in a place of secrets.
        """
        return self._searchable and not any(list_containing(self._list_personal(), self._roots))

    def _list_personal(self) -> tuple[Path, ...]:
        """Return the places of the person's secrets and Starling's own places, as far as they exist."""
        return list_personal_places(os.path.expanduser("~"), self._own_places)  # noqa: PTH111 (pathlib's raises)

    def _confine(self, request: CommandRequest, mechanism: Mechanism, scratch: Path, folder: Path) -> Confinement:
        """Return the confinement for `request`; records whether the search for secrets was completed. Blocking."""
        allowed = Confinement(
            folder,
            self._roots,
            request.writes,
            request.network,
            scratch / "tmp",
            scratch / "empty",
            scratch / "none",
        )
        if request.credentials and (agent := os.environ.get(AGENT_SOCKET)):
            allowed = replace(allowed, sockets=(Path(agent),))
        if not mechanism.hides:
            return allowed
        found = self._search.find(self._roots)
        self._searchable = self._searchable and found.complete
        personal = self._list_personal() if not request.credentials else list_own_places(self._own_places)
        containing = set(list_containing(personal, self._roots))
        inside = [one for one in found.hidden if not (request.repository and _is_in(one, found.repositories))]
        hidden = dict.fromkeys((*(one for one in personal if one not in containing), *inside))
        return replace(
            allowed, hidden=_drop_inner(tuple(hidden)), protected=() if request.repository else found.repositories
        )


def _resolve(path: Path) -> Path:
    """Return `path` with all links resolved."""
    return Path(os.path.realpath(path))


def _is_in(place: Path, folders: Sequence[Path]) -> bool:
    """Return whether `place` lies in one of `folders`."""
    return any(place.is_relative_to(folder) for folder in folders)


def _drop_inner(places: Sequence[Path]) -> tuple[Path, ...]:
    """Return `places` without those that lie in another one."""
    known = set(places)
    return tuple(place for place in places if known.isdisjoint(place.parents))


def _make_scratch() -> tempfile.TemporaryDirectory[str]:
    """Create the private folder of one command: its temporary files, an empty file and an empty folder.

    Raises:
        OSError: it cannot be created.
    """
    scratch = tempfile.TemporaryDirectory(prefix="starling-command-", ignore_cleanup_errors=True)
    place = Path(os.path.realpath(scratch.name))
    (place / "tmp").mkdir()
    (place / "none").mkdir()
    (place / "empty").touch()
    return scratch


def _list_shell_arguments(line: str) -> list[str]:
    """Return the program and arguments that have the system's shell run `line`."""
    if sys.platform == "win32":
        return [os.environ.get("COMSPEC", "cmd.exe"), "/d", "/s", "/c", line]
    return ["/bin/sh", "-c", line]


def _complete_line(request: CommandRequest, temporary: str) -> str:
    """Return the command line, with options to write its report, if it has one, to the folder `temporary`."""
    if request.report is None:
        return request.line
    file = os.path.join(temporary, request.report.name)  # noqa: PTH118 (a path as the command sees it)
    return request.complete_line(f'"{file}"' if sys.platform == "win32" else shlex.quote(file))


def _read_report(request: CommandRequest, temporary: Path) -> str:
    """Return the report that a command has written; "" if it cannot be read, is a link, or is too large."""
    if request.report is None:
        return ""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(temporary / request.report.name, flags)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            data = file.read(MOST_REPORT_BYTES + 1)
    except OSError:
        return ""
    return data.decode(errors="replace") if len(data) <= MOST_REPORT_BYTES else ""


def _explain_stop(end: GroupEnd, request: CommandRequest, memory_bytes: int) -> str:
    """Return why the command was stopped, a sentence; "" if it ended by itself."""
    return {
        "": "",
        "time": f"The command was stopped after {request.timeout_s:g} seconds.",
        "memory": f"The command was stopped because it took more than {memory_bytes / 1e9:.1f} GB of memory.",
        "cancelled": "The command was stopped because the request was cancelled.",
    }[end.stopped]
