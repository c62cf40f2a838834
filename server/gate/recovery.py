"""Requests of servers that no longer run: unanswered ones expire, and approved ones are judged by the disk.

So the record agrees with the files after a crash, and what was approved but not made can be asked again. Blocking.
Start at `recover_requests`.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from server.gate.disk import contents
from server.gate.disk.contents import hash_text
from server.gate.disk.disk import remove_leftovers
from server.gate.ports import Answer, Outcome, Verdict
from server.gate.records import UNFINISHED, AuditRow, Ending

if TYPE_CHECKING:
    from pathlib import Path

    from server.gate.records import Checkpoint, KeptChange, Records, Request

MADE = "The server ended before this was recorded; the files hold the change."
NOT_MADE = "The server ended after your yes, and before the change was made; ask again."


def recover_requests(records: Records, user: str) -> None:
    """Close the open requests of servers that no longer run.

    A request without an answer expires. An approved edit was made if all files hold it, and was not made if no file
    does; both are recorded with one audit row for each file, which names `user`. Any other approved request has failed,
    and its checkpoint stays. Deletes the temporary files that such a server left beside the files of the edit.

    Raises:
        StateError: the records cannot be read or written.
    """
    for identity in records.close_abandoned():
        request = records.find_request(identity)
        checkpoint = records.find_checkpoint(request.checkpoint) if request is not None and request.checkpoint else None
        if request is None or checkpoint is None:
            continue
        for one in checkpoint.files:
            if one.path is not None:
                remove_leftovers(one.path)
        states = {_judge_change(one) for one in checkpoint.files}
        if states in ({True}, {False}):
            records.end_abandoned(_build_ending(request, checkpoint, user, made=states == {True}))


def _judge_change(kept: KeptChange) -> bool | None:
    """Return whether the disk shows a change as made.

    None if the file holds another text or cannot be read, and for an untitled document.
    """
    if kept.path is None:
        return None
    try:
        now = _read_text(kept.path)
        if kept.kind == "rename":
            moved, stayed = kept.target is not None and os.path.lexists(kept.target), now is not None
            return moved if moved != stayed else None
    except OSError:
        return None
    before, after = kept.before.text if kept.before is not None else None, kept.after
    if now == (None if kept.kind == "delete" else after):
        return True
    return False if now == before else None


def _read_text(path: Path) -> str | None:
    """Return the text of a file, None if it does not exist. Raises OSError if it is no text."""
    content = contents.read(path)
    return content.text if content is not None else None


def _build_ending(request: Request, checkpoint: Checkpoint, user: str, *, made: bool) -> Ending:
    """Return the end of an approved edit that was made in all its files, or in none."""
    verdict, reason = (Verdict.APPLIED, MADE) if made else (Verdict.FAILED, NOT_MADE)
    note = request.reason.removesuffix(UNFINISHED).strip() if made else ""
    outcome = Outcome(request.id, verdict, f"{note} {reason}".strip(), checkpoint.id)
    approved = Answer.APPROVE_PARTS if note else Answer.APPROVE
    answer = approved if request.asked is not None else None
    rows = tuple(_build_row(request, one, outcome, user, answer) for one in checkpoint.files)
    return Ending(outcome, answer, None, rows)


def _build_row(request: Request, kept: KeptChange, outcome: Outcome, user: str, answer: Answer | None) -> AuditRow:
    """Return the audit row of one file."""
    old = hash_text(kept.before.text if kept.before is not None else None)
    new = hash_text(
        None if kept.kind == "delete" else kept.before.text if kept.kind == "rename" and kept.before else kept.after
    )
    return AuditRow(
        time.time(), request.id, user, request.client, request.by, request.model, request.tool, request.title,
        kept.kind, str(kept.path or kept.uri), str(kept.target or ""), old, new if outcome.applied else old,
        outcome.applied, answer or "", None, outcome.verdict, outcome.reason,
    )  # fmt: skip
