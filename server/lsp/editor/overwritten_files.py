"""Open files that were changed on disk by others, so that no agent edits the editor's older text over the newer one.

Agents read and edit the editor's text of an open file. If a command or another program writes the file, the editor may
go on showing the older text; saving it would undo what was written. Until both texts are the same again, edits of such
a file are refused with a sentence. Start at `OverwrittenFiles`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, RenameFile
from indexing.syntax.texts import decode
from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.ports.changes import ChangeOutcome, Changes
    from agents.ports.commands import CommandRequest, CommandResult, CommandRunner, Isolation
    from agents.ports.permissions import Cancelled

LARGEST = 16_000_000
"""Bytes of a file up to which its text is compared; a larger one counts as different."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open in the editor.

    Attributes:
        path: its path.
        text: the editor's text.
        synced_at: when the editor last read or wrote the file, seconds since the epoch.
    """

    path: Path
    text: str
    synced_at: float


class OverwrittenFiles:
    """The open files of one connection that others have changed on disk.

    Args:
        list_open: returns the open files; called on the event loop.
    """

    def __init__(self, list_open: Callable[[], Iterable[OpenFile]]) -> None:
        self._list_open = list_open
        self._overwritten: set[Path] = set()

    async def read_stamps(self) -> dict[Path, tuple[int, int] | None]:
        """Return modification time (ns) and size (bytes) of each open file on the disk, None for a missing one."""
        paths = [one.path for one in self._list_open()]
        return await asyncio.to_thread(lambda: {path: _read_stamp(path) for path in paths})

    async def note_changes(self, before: dict[Path, tuple[int, int] | None]) -> None:
        """Mark each open file in `before` as overwritten if its stamp has changed and its text is not the editor's."""
        for one in tuple(self._list_open()):
            if one.path in before and not await asyncio.to_thread(_is_same, one.path, before[one.path], one.text):
                self._overwritten.add(one.path)

    async def list_unsaved(self) -> list[Path]:
        """Return the open files that are missing or too large on the disk, or have another text there."""
        files = tuple(self._list_open())
        return await asyncio.to_thread(lambda: [one.path for one in files if not _has_text(one.path, one.text)])

    async def find_overwritten(self, paths: Iterable[Path | None]) -> list[Path]:
        """Return the open files among `paths` that others have written and whose text still differs from the editor's.

        Removes the mark of the others.
        """
        files = {one.path: one for one in self._list_open()}
        still = []
        for path in paths:
            file = files.get(path) if path is not None else None
            if file is not None and await asyncio.to_thread(self._is_overwritten, file):
                still.append(file.path)
            elif path is not None:
                self._overwritten.discard(path)
        return still

    def _is_overwritten(self, file: OpenFile) -> bool:
        """Return whether others have written a file, and its text differs from the editor's. Blocking."""
        return (file.path in self._overwritten or _was_written_after(file)) and not _has_text(file.path, file.text)


@dataclass(frozen=True, slots=True)
class WatchedCommands:
    """Runs commands with `runner`, notes the open files that these change, and says which text they did not see."""

    runner: CommandRunner
    files: OverwrittenFiles

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return the confinement that the system enforces while the command of `request` runs."""
        return self.runner.find_isolation(request)

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Run a command; see `agents.ports.commands.CommandRunner.run`.

        Also notes which open files the command changed. If open files are unsaved, the result's problem names them.
        """
        before, unsaved = await self.files.read_stamps(), await self.files.list_unsaved()
        try:
            result = await self.runner.run(request, cancelled=cancelled)
        finally:
            await self.files.note_changes(before)
        if not unsaved:
            return result
        names = ", ".join(path.name for path in unsaved)
        note = f"The command saw an older text of {names}, which the editor has not saved."
        return replace(result, problem=f"{result.problem} {note}".strip())


@dataclass(frozen=True, slots=True)
class Refusal:
    """The outcome of an edit that was not proposed to anybody."""

    reason: str
    applied: bool = False
    proposal: str = ""
    checkpoint: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedChanges:
    """Proposes edits to `changes`, except those of overwritten files."""

    changes: Changes
    files: OverwrittenFiles

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit; see `agents.ports.changes.Changes.propose`.

        Return a `Refusal`, without a question, if others have overwritten one of its files on the disk.
        """
        edited = (one.path for one in proposal.changes if not isinstance(one, (CreateFile, RenameFile)))
        if overwritten := await self.files.find_overwritten(edited):
            names = ", ".join(path.name for path in overwritten)
            return Refusal(
                f"{names} was changed on the disk by a command or another program, while the editor shows an older "
                "text; have the person reload it in the editor, then read it again."
            )
        return await self.changes.propose(proposal, task=task, rule=rule, cancelled=cancelled)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`.

        Overwritten files are not checked: the gate refuses to undo the change of a text that has changed since.
        """
        return await self.changes.undo(checkpoint, cancelled=cancelled)


def _is_same(path: Path, before: tuple[int, int] | None, text: str) -> bool:
    """Return whether the file has the stamp `before`, or the text `text`."""
    return _read_stamp(path) == before or _has_text(path, text)


def _was_written_after(file: OpenFile) -> bool:
    """Return whether a file changed after the editor read or wrote it last; false if it is missing: it may be new."""
    try:
        found = file.path.stat()
    except OSError:
        return False
    # a program may set the time of its change, as `cp -p` does; not that of the entry, which Windows does not have
    return max(found.st_mtime, found.st_ctime) > file.synced_at


def _read_stamp(path: Path) -> tuple[int, int] | None:
    """Return modification time (nanoseconds) and size (bytes) of a file, None if it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _has_text(path: Path, text: str) -> bool:
    """Return whether the file has the text `text`, with any line ends; false for one larger than `LARGEST` bytes."""
    try:
        data, _ = read_regular(path, LARGEST + 1)
    except OSError:
        return False
    return len(data) <= LARGEST and decode(data).splitlines() == text.splitlines()
