"""Taking a change back: the proposal that restores what a checkpoint holds, and which checkpoints concern a workspace.

An undoing is a proposal like any other: validated, asked about, applied and recorded. Start at `propose_undoing`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, ProposedEdit, RenameFile, TextChange
from server.gate import rebasing
from server.gate.question import wording
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from agents.edits import Change
    from server.gate.records import Checkpoint, KeptChange, Subject

UNDO = "undo"
"""The proposer of an undoing, in the record."""


def propose_undoing(checkpoint: Checkpoint, why: str = wording.UNDO_WHY) -> ProposedEdit:
    """Return the proposal that takes `checkpoint` back. Looks at the disk only where a change was cut short.

    Raises:
        Refused: it has been taken back already.
    """
    if checkpoint.undone_by:
        raise Refused("That was undone already; undo the undoing to have it back.")
    changes = tuple(change for kept in checkpoint.files if (change := _reverse(kept, checkpoint)) is not None)
    return ProposedEdit(wording.title_undo(checkpoint.title), why, UNDO, changes)


def concern(roots: Sequence[Path], own: Collection[str]) -> Callable[[Subject], bool]:
    """Return a predicate: is a subject a file below `roots`, or an untitled document of the checkpoints `own`?"""

    def is_concerned(subject: Subject) -> bool:
        if not subject.path:
            return subject.checkpoint in own
        return any(Path(subject.path).is_relative_to(root) for root in roots)

    return is_concerned


def _reverse(kept: KeptChange, checkpoint: Checkpoint) -> Change | None:
    """Return the change that takes `kept` back; None if it was cut short by a crash before it was made."""
    if kept.kind == "text":
        assert kept.before is not None  # noqa: S101 (a text that was changed existed)
        edits = rebasing.edits_between(kept.after, kept.before.text)
        return TextChange(kept.uri, kept.path, kept.after, edits, kept.before.encoding if kept.path is not None else "")
    assert kept.path is not None  # noqa: S101 (only texts have none)
    if not checkpoint.settled and not _was_made(kept):
        return None
    if kept.kind == "create":
        return DeleteFile(kept.path, kept.after)
    if kept.kind == "rename":
        assert kept.target is not None  # noqa: S101 (a renamed file has a new path)
        return RenameFile(kept.target, kept.path)
    assert kept.before is not None  # noqa: S101 (a deleted file had content)
    before = kept.before
    return CreateFile(kept.path, before.text, before.encoding, before.executable, before.attributes)


def _was_made(kept: KeptChange) -> bool:
    exists = kept.path is not None and os.path.lexists(kept.path)
    return exists if kept.kind == "create" else not exists
