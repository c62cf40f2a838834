"""Approved interactions with the team as records for training a model. Pure but for the reads it is given.

An approved interaction is an edit that a person said yes to, that was applied and not undone, or an answer with a thumb
up. Turns with a thumb down are left out. Secrets are replaced again, with what is known of them today.
Start at `list_interactions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.ports.feedback import Thumb
from agents.ports.sessions import EntryKind
from agents.team.transcript import read_details
from indexing.workspace.secrets.literals import replace_secrets
from server.gate.ports import Answer
from server.gate.records import Status
from server.state.statements import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.ports.feedback import Feedback
    from agents.ports.sessions import Entry, Session
    from server.gate.records import Request

YES = frozenset({Answer.APPROVE, Answer.APPROVE_TASK})
"""Answers to a whole edit; of one that was taken in parts, no diff of these parts is stored."""


def list_interactions(
    session: Session,
    entries: Sequence[Entry],
    requests: Sequence[Request],
    feedback: Sequence[Feedback],
    is_undone: Callable[[Request], bool],
) -> Iterator[dict[str, Any]]:
    """Yield the approved interactions of a session as JSON objects, edits first, each in the order of their times.

    Args:
        session: the session.
        entries: its entries, in order.
        requests: the requests that its agents made to a person.
        feedback: the person's thumbs.
        is_undone: returns whether the change of a request was undone.
    """
    down = {one.number for one in feedback if one.thumb is Thumb.DOWN}
    for request in sorted(requests, key=lambda one: one.created):
        asked = [one for one in entries if one.kind is EntryKind.PERSON and one.at <= request.created]
        if not asked or not _is_approved(request) or is_undone(request) or _list_turn(entries, asked[-1]) & down:
            continue
        yield _clean({
            "kind": "edit", "session": session.id, "at": request.created, "role": request.by, "model": request.model,
            "request": asked[-1].text, "title": request.title, "why": request.why, "diff": request.diff,
        })  # fmt: skip
    up = {one.number for one in feedback if one.thumb is Thumb.UP}
    for entry in entries:
        asked = [one for one in entries if one.kind is EntryKind.PERSON and one.number < entry.number]
        if entry.kind is EntryKind.AGENT and entry.number in up and asked and not read_details(entry).get("calls"):
            yield _clean({
                "kind": "answer", "session": session.id, "at": entry.at, "role": entry.by,
                "request": asked[-1].text, "answer": entry.text,
            })  # fmt: skip


def _is_approved(request: Request) -> bool:
    """Return whether a person said yes to an edit of a file, and it was applied."""
    return (
        request.status == Status.APPROVED
        and request.verdict == "applied"
        and request.answer in YES
        and bool(request.checkpoint and request.diff)
    )


def _list_turn(entries: Sequence[Entry], asked: Entry) -> set[int]:
    """Return the numbers of the entries of the turn that the entry `asked` begins."""
    later = (one.number for one in entries if one.kind is EntryKind.PERSON and one.number > asked.number)
    end = next(later, entries[-1].number + 1)
    return {one.number for one in entries if asked.number <= one.number < end}


def _clean(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the secrets in its texts replaced."""
    return {
        name: replace_secrets(value, PLACEHOLDER) if isinstance(value, str) and name != "session" else value
        for name, value in record.items()
    }
