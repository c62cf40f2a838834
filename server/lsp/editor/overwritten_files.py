"""Open files that a command has changed on disk, so that no agent edits the editor's older text over the newer one.

Agents read and edit the editor's text of an open file. If a command writes the file, the editor may go on showing the
older text; saving it would undo what the command did. Until both texts are the same again, edits of such a file are
refused with a sentence. Start at `OverwrittenFiles`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
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


class OverwrittenFiles:
    """The open files of one connection that commands have changed on disk.

    Args:
        list_open: returns path and text of each open file; called on the event loop.
    """

    def __init__(self, list_open: Callable[[], Iterable[tuple[Path, str]]]) -> None:
        self._list_open = list_open
        self._overwritten: set[Path] = set()

    async def take_stamps(self) -> dict[Path, tuple[int, int] | None]:
        """Return time and size of each open file on the disk, None for one that is missing."""
        paths = [path for path, _ in self._list_open()]
        return await asyncio.to_thread(lambda: {path: _read_stamp(path) for path in paths})

    async def note_changes(self, before: dict[Path, tuple[int, int] | None]) -> None:
        """Note the open files whose stamp is another than `before`, and whose text differs from the editor's."""
        for path, text in tuple(self._list_open()):
            if path in before and not await asyncio.to_thread(_is_same, path, before[path], text):
                self._overwritten.add(path)

    async def find_overwritten(self, paths: Iterable[Path | None]) -> list[Path]:
        """Return those of `paths` whose text on the disk is still newer than the editor's; forget the others."""
        texts = dict(self._list_open())
        still = []
        for path in paths:
            if path is None or path not in self._overwritten:
                continue
            if path in texts and not await asyncio.to_thread(_has_text, path, texts[path]):
                still.append(path)
            else:
                self._overwritten.discard(path)
        return still


@dataclass(frozen=True, slots=True)
class WatchedCommands:
    """Runs commands with `runner`, and notes the open files that these change."""

    runner: CommandRunner
    files: OverwrittenFiles

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return the confinement that the system enforces while the command of `request` runs."""
        return self.runner.find_isolation(request)

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Run a command; see `agents.ports.commands.CommandRunner.run`."""
        before = await self.files.take_stamps()
        try:
            return await self.runner.run(request, cancelled=cancelled)
        finally:
            await self.files.note_changes(before)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The outcome of an edit that was not proposed to anybody."""

    reason: str
    applied: bool = False
    proposal: str = ""
    checkpoint: str = ""
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedChanges:
    """Proposes edits to `changes`, except those of overwritten files."""

    changes: Changes
    files: OverwrittenFiles

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> ChangeOutcome:
        """Propose an edit, or refuse it without a question; see `agents.ports.changes.Changes.propose`."""
        edited = (one.path for one in proposal.changes if not isinstance(one, (CreateFile, RenameFile)))
        if overwritten := await self.files.find_overwritten(edited):
            names = ", ".join(path.name for path in overwritten)
            return Refusal(
                f"{names} was changed on the disk by a command, while the editor shows an older text; have the person "
                "reload it in the editor, then read it again."
            )
        return await self.changes.propose(proposal, task=task, rule=rule, cancelled=cancelled)

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> ChangeOutcome:
        """Propose to undo a change; see `agents.ports.changes.Changes.undo`. The gate refuses one of a changed text."""
        return await self.changes.undo(checkpoint, cancelled=cancelled)


def _is_same(path: Path, before: tuple[int, int] | None, text: str) -> bool:
    """Return whether the file has the stamp `before`, or the text `text`."""
    return _read_stamp(path) == before or _has_text(path, text)


def _read_stamp(path: Path) -> tuple[int, int] | None:
    """Return time (nanoseconds) and size of a file, None if it is missing."""
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
