"""The gate's `Workplace` beside editors: files that are open in one are read and changed there, all others on the disk.

An editor makes a change only if its language server finds it in the gate's record as approved. No change is made twice:
after an editor was asked, the disk is not used in its place. Start at `PairedWorkplace`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import TextChange
from server.pairing.editors import NotConnectedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.edits import Change, ProposedEdit
    from server.gate.ports import Workplace
    from server.pairing.announcements import Announcement
    from server.pairing.editors import OpenFile, PairedEditors

SETTLE_S = 3.0  # editors report changes late


class PairedWorkplace:
    """Reads and changes files, through an editor where they are open in one.

    Args:
        disk: for all other files.
        editors: the editors that serve the same workspace.
    """

    def __init__(self, disk: Workplace, editors: PairedEditors) -> None:
        self._disk = disk
        self._editors = editors
        self._used_editor = False

    @property
    def settle_s(self) -> float:
        """Seconds in which effects of the last `apply` may arrive: `SETTLE_S` if it used an editor, else the disk's."""
        return SETTLE_S if self._used_editor else self._disk.settle_s

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        """Return the text of the file as it is open in an editor, else on the disk; None if it does not exist.

        Raises:
            OSError: it exists, but its text cannot be given.
        """
        found = await asyncio.to_thread(self._editors.find_open_file, path) if path is not None else None
        return await self._disk.read_text(uri, path) if found is None else found.text

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str) -> str:
        """Make the changes of `proposal` in editors, then on the disk; return why one failed, "" on success.

        Stops at the first failure. Changes on the disk what is open in an editor that cannot be reached.
        """
        opened = await asyncio.to_thread(self._find_open, proposal.changes)
        by_editor: dict[Announcement, list[OpenFile]] = {}
        for one in opened.values():
            by_editor.setdefault(one.editor, []).append(one)
        self._used_editor = bool(by_editor)
        made: set[str] = set()
        for editor, files in by_editor.items():
            paths = [one.path for one in files]
            try:
                problem = await asyncio.to_thread(self._editors.apply, editor, request, paths)
            except NotConnectedError:  # it was not asked: the disk, which refuses what was made for an unsaved text
                continue
            if problem:
                return problem
            made.update(paths)
        rest = tuple(
            change
            for number, change in enumerate(proposal.changes)
            if number not in opened or opened[number].path not in made
        )
        if not rest:
            return ""
        return await self._disk.apply(replace(proposal, changes=rest), confirm=confirm, request=request)

    def _find_open(self, changes: Sequence[Change]) -> dict[int, OpenFile]:
        """Return the files of `changes` that an editor has open and can give, by the number of the change; blocking."""
        found: dict[int, OpenFile] = {}
        for number, change in enumerate(changes):
            if isinstance(change, TextChange) and change.path is not None:
                try:
                    file = self._editors.find_open_file(change.path)
                except OSError:
                    continue
                if file is not None:
                    found[number] = file
        return found
