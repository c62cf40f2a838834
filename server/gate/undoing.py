"""Undoing: builds the proposal that restores the texts of a checkpoint, and chooses the checkpoint to undo.

The gate treats the proposal like any other: validates it, asks, applies and records it. Start at `propose_undoing`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agents.edits import CreateFile, DeleteFile, ProposedEdit, RenameFile, TextChange
from server.gate import rebasing
from server.gate.question import wording
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from agents.edits import Change
    from server.gate.journal import Journal
    from server.gate.records import Checkpoint, KeptChange, Subject

MOST_SKIPPED = 20  # newer checkpoints that cannot be undone, after which the search ends
UNDO = "undo"
"""The proposer of an undo, in the record."""


def propose_undoing(checkpoint: Checkpoint, why: str = wording.UNDO_WHY) -> ProposedEdit:
    """Return the proposal that undoes the changes of `checkpoint`, with `why` as its reason.

    After a crash, reads the disk to find out which changes were made. Blocking.

    Raises:
        Refused: the changes were undone already.
    """
    if checkpoint.undone_by:
        raise Refused("This change was undone already; undo the undo to make the change again.")
    changes = tuple(change for kept in checkpoint.files if (change := _reverse(kept, checkpoint)) is not None)
    return ProposedEdit(wording.make_undo_title(checkpoint.title), why, UNDO, changes)


async def choose_newest(
    journal: Journal,
    concerns: Callable[[Subject], bool],
    find_obstacle: Callable[[Checkpoint], Awaitable[str | None]],
) -> tuple[Checkpoint, ProposedEdit]:
    """Return the newest checkpoint that can be undone, and the proposal that undoes it.

    The reason in the proposal names newer changes that cannot be undone. If none of the newest `MOST_SKIPPED` can be
    undone, returns the newest one, whose validation then says why not.

    Args:
        journal: the record of checkpoints.
        concerns: returns whether a document of a checkpoint belongs to this workspace.
        find_obstacle: returns why a checkpoint cannot be undone, "" if it can, None if nothing is left to undo in it.

    Raises:
        Refused: no change of this workspace is left to undo.
    """
    stuck: list[tuple[Checkpoint, str]] = []
    for identity in await asyncio.to_thread(journal.records.list_undoable, concerns):
        kept = await asyncio.to_thread(journal.find_checkpoint, identity)
        obstacle = await find_obstacle(kept)
        if obstacle == "":
            why = wording.explain_undo([(one.title, reason) for one, reason in stuck])
            return kept, await asyncio.to_thread(propose_undoing, kept, why)
        if obstacle is not None:
            stuck.append((kept, obstacle))
        if len(stuck) >= MOST_SKIPPED:
            break
    if not stuck:
        raise Refused("Nothing that Starling changed in this workspace is left to undo.")
    first = stuck[0][0]
    return first, await asyncio.to_thread(propose_undoing, first)


def select_restored(proposal: ProposedEdit) -> tuple[Change, ...]:
    """Return the changes of an undo that create deleted files again."""
    return tuple(change for change in proposal.changes if isinstance(change, CreateFile))


def make_filter(roots: Sequence[Path], own: Collection[str]) -> Callable[[Subject], bool]:
    """Return a predicate that accepts files below `roots`, and untitled documents of the checkpoints `own`."""

    def is_in_workspace(subject: Subject) -> bool:
        """Return whether `subject` is a file below `roots`, or an untitled document of `own`."""
        if not subject.path:
            return subject.checkpoint in own
        return any(Path(subject.path).is_relative_to(root) for root in roots)

    return is_in_workspace


def _reverse(kept: KeptChange, checkpoint: Checkpoint) -> Change | None:
    """Return the change that reverses `kept`; None if a crash prevented the creation, move or deletion of a file."""
    if kept.kind == "text":
        assert kept.before is not None  # noqa: S101 (a text that was changed existed)
        edits = rebasing.compute_edits(kept.after, kept.before.text)
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
    """Return whether a file was created, renamed or deleted as `kept` says, judged by its old path on the disk."""
    exists = kept.path is not None and os.path.lexists(kept.path)
    return exists if kept.kind == "create" else not exists
