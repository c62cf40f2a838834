"""Requests of servers that no longer run: unanswered ones expire, approved ones are judged by records and disk.

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
from server.gate.records import UNFINISHED, UNSEEN, AuditRow, Ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.gate.records import Abandoned, Checkpoint, KeptChange, Records, Request

MADE = "The server ended before this was recorded; the files hold the change."
NOT_MADE = "The server ended after your yes, and before the change was made; ask again."


def recover_requests(records: Records, find_name: Callable[[str], str]) -> None:
    """Close the open requests of servers that no longer run.

    A request without an answer expires. An approved edit was made if this is seen of all its files, and was not made if
    that is seen of all; both are recorded with one audit row for each file. Any other approved request has failed, and
    its checkpoint stays; but one of a server on another machine stays open for an hour, because that machine sees more.
    Deletes the temporary files that such a server left beside the files of the edit.

    Args:
        records: the stored records.
        find_name: returns the name of a person, for the audit, from the id of the account, "" without accounts.

    Raises:
        StateError: the records cannot be read or written.
    """
    for abandoned in records.list_abandoned():
        if not abandoned.is_approved:
            records.close_abandoned(abandoned, "")
            continue
        request = records.find_request(abandoned.request)
        checkpoint = records.find_checkpoint(request.checkpoint) if request is not None and request.checkpoint else None
        states = _judge_changes(records, abandoned, checkpoint) if checkpoint is not None else {None}
        is_known = states in ({True}, {False})
        if abandoned.machine and not is_known and not abandoned.is_old:
            continue
        unfinished = UNSEEN.format(machine=abandoned.machine) if abandoned.machine else UNFINISHED
        is_ours = records.close_abandoned(abandoned, unfinished)
        if is_ours and is_known and request is not None and checkpoint is not None:
            who = find_name(abandoned.person)
            records.end_abandoned(_build_ending(request, abandoned.note, checkpoint, who, made=states == {True}))


def _judge_changes(records: Records, abandoned: Abandoned, checkpoint: Checkpoint) -> set[bool | None]:
    """Return what is seen of the changes of a request: made, not made, None for a change of which neither is seen.

    Deletes the temporary files beside the files, if they are on this machine.
    """
    states: set[bool | None] = set()
    for one in checkpoint.files:
        if one.path is not None and not abandoned.machine:
            remove_leftovers(one.path)
        recorded = _judge_by_records(records, checkpoint, one)
        seen = _judge_by_disk(one) if recorded is None else recorded
        # another machine may have another disk: the old text on this one says nothing, the new one is from the edit
        states.add(None if recorded is None and abandoned.machine and not seen else seen)
    return states


def _judge_by_records(records: Records, checkpoint: Checkpoint, kept: KeptChange) -> bool | None:
    """Return whether the next recorded change of the file replaced the text of this change, None if none says so."""
    if kept.path is None or kept.kind == "rename":
        return None
    before, after = _hash_both(kept)
    found = records.find_next_hash(kept.path, checkpoint.created)
    return found == after if found in {before, after} and before != after else None


def _hash_both(kept: KeptChange) -> tuple[str, str]:
    """Return the hashes of the text of a file before and after a change, "" for no file."""
    before = kept.before.text if kept.before is not None else None
    return hash_text(before), hash_text(
        None if kept.kind == "delete" else before if kept.kind == "rename" and kept.before else kept.after
    )


def _judge_by_disk(kept: KeptChange) -> bool | None:
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


def _build_ending(request: Request, note: str, checkpoint: Checkpoint, user: str, *, made: bool) -> Ending:
    """Return the end of an approved edit that was made in all its files, or in none."""
    verdict, reason = (Verdict.APPLIED, MADE) if made else (Verdict.FAILED, NOT_MADE)
    note = note if made else ""
    outcome = Outcome(request.id, verdict, f"{note} {reason}".strip(), checkpoint.id)
    approved = Answer.APPROVE_PARTS if note else Answer.APPROVE
    answer = approved if request.asked is not None else None
    rows = tuple(_build_row(request, one, outcome, user, answer) for one in checkpoint.files)
    return Ending(outcome, answer, None, rows)


def _build_row(request: Request, kept: KeptChange, outcome: Outcome, user: str, answer: Answer | None) -> AuditRow:
    """Return the audit row of one file."""
    old, new = _hash_both(kept)
    return AuditRow(
        time.time(), request.id, user, request.client, request.by, request.model, request.tool, request.title,
        kept.kind, str(kept.path or kept.uri), str(kept.target or ""), old, new if outcome.applied else old,
        outcome.applied, answer or "", None, outcome.verdict, outcome.reason,
    )  # fmt: skip
