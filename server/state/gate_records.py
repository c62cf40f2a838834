"""The gate's records in the state database: requests, audit and checkpoints, each step in one transaction.

Implements `server.gate.records.Records`. Start at `GateRecords`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from server.gate.ports import Answer, Verdict
from server.gate.undoing import UNDO
from server.state.access.viewers import EVERYBODY
from server.state.audit_log import Audit
from server.state.checkpoints import Checkpoints
from server.state.database import Area
from server.state.kept_proposals import KeptProposals
from server.state.requests import Requests
from server.state.watching.metrics_store import count_approval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.edits import ProposedEdit
    from server.gate.ports import Question
    from server.gate.records import (
        Abandoned,
        AuditRow,
        Checkpoint,
        Ending,
        Replaced,
        Request,
        Status,
        Subject,
        UndoableChange,
    )
    from server.state.access.viewers import Viewer
    from server.state.database import State
    from server.state.statements import Connection


TAKEN = "It was asked again or answered meanwhile."
_DECISIONS: dict[Answer | None, str] = {
    Answer.APPROVE: "yes", Answer.APPROVE_PARTS: "yes", Answer.APPROVE_TASK: "yes", Answer.REJECT: "no",
}  # fmt: skip


class GateRecords:
    """The tables of the gate, written together."""

    def __init__(self, state: State, viewer: Viewer = EVERYBODY) -> None:
        """Store the database, and the person whose records are added and seen."""
        self._state = state
        self._requests = Requests(state, viewer)
        self._audit = Audit(state, viewer)
        self._checkpoints = Checkpoints(state, viewer)
        self._kept = KeptProposals(state)

    def begin(self, question: Question, *, client: str, task: str, model: str, subjects: Sequence[str]) -> None:
        """Record a request as pending; store its edit until a person has answered, unless it is an undo.

        Deletes the stored edit of the request that it asks again.

        Raises:
            StateError: the request cannot be recorded, or the request that it asks again was answered meanwhile; the
                caller must not act on it.
        """
        with self._state.transaction(Area.GATE) as connection:
            self._requests.begin(connection, question, client=client, task=task, model=model, subjects=subjects)
            if question.proposal is not None and question.by != UNDO:
                if question.origin.again and not self._kept.remove(connection, question.origin.again):
                    raise StateError(TAKEN)
                self._kept.store(connection, question.id, question.proposal)

    def mark_asked(self, request: str) -> None:
        """Record the present time as the time when the question is shown to a person."""
        self._requests.mark_asked(request)

    def approve(self, request: str, replaced: Replaced | None, *, answered: bool) -> None:
        """Store the checkpoint `replaced`, if it is not None; with `answered`, record the request as approved."""
        with self._state.transaction(Area.GATE) as connection:
            if replaced is not None:
                self._checkpoints.store(connection, replaced)
            if answered:
                checkpoint, note = (replaced.checkpoint, replaced.note) if replaced is not None else ("", "")
                self._requests.approve(connection, request, checkpoint, note)

    def end(self, ending: Ending) -> None:
        """Record the outcome and the audit rows; reduce the checkpoint to the changes that were made.

        Deletes the checkpoint if no change was made, and the stored edit unless the question expired. If a refused
        request had asked an older one again, the older one gets the edit back instead. After an undo, marks the undone
        checkpoint. If a person was asked, counts the question among the team's figures.
        """
        replaced = ending.replaced
        with self._state.transaction(Area.GATE, Area.FIGURES) as connection:
            if replaced is not None:
                self._checkpoints.store(connection, replaced)  # again, in case the database was deleted meanwhile
                self._checkpoints.settle(connection, replaced.checkpoint, ending.made)
                if replaced.undoes and ending.outcome.applied:
                    self._checkpoints.mark_undone(connection, replaced.undoes, replaced.request)
            if tool := self._requests.find_asked(connection, ending.outcome.proposal):
                count_approval(connection, tool, _DECISIONS.get(ending.answer, "none"), ending.answer_s or 0.0)
            self._requests.end(connection, ending.outcome, ending.answer, ending.answer_s)
            self._audit.add(connection, ending.rows)
            self._drop_answered(connection, ending)

    def _drop_answered(self, connection: Connection, ending: Ending) -> None:
        """Delete the stored edit of a request, unless the question expired.

        If the request was refused and had asked an older request again, gives the edit back to the older one.
        """
        request, verdict = ending.outcome.proposal, ending.outcome.verdict
        if verdict is Verdict.EXPIRED or ending.answer is Answer.EXPIRE:
            return
        if verdict is Verdict.REFUSED:
            self._kept.give_back(connection, request)
        self._kept.remove(connection, request)

    def list_abandoned(self) -> tuple[Abandoned, ...]:
        """Return the person's open requests of processes that no longer run, oldest first."""
        return self._requests.list_abandoned()

    def close_abandoned(self, abandoned: Abandoned, unfinished: str) -> bool:
        """Record a pending request as expired, an approved one as failed, for the reason `unfinished`.

        Returns whether it was still open; false if another process has closed it.
        """
        return self._requests.close_abandoned(abandoned, unfinished)

    def find_next_hash(self, path: Path, then: float) -> str | None:
        """Return the hash of the text that the first recorded change of a file after `then` replaced.

        "" if there was no file; None if no change is recorded.
        """
        return self._audit.find_next_hash(path, then)

    def end_abandoned(self, ending: Ending) -> None:
        """Replace the outcome of a request that `close_abandoned` closed, and add the audit rows.

        If the new outcome is APPLIED, the change can be undone; else the edit stays stored, to be asked again.
        """
        outcome = ending.outcome
        with self._state.transaction(Area.GATE) as connection:
            self._requests.end(connection, outcome, ending.answer, ending.answer_s)
            self._audit.add(connection, ending.rows)
            if outcome.applied:
                self._kept.remove(connection, outcome.proposal)
                self._checkpoints.confirm(connection, outcome.checkpoint, outcome.proposal)

    def check(self) -> None:
        """Raise `StateError` if nothing can be recorded now."""
        with self._state.transaction(Area.GATE):
            pass

    def list_requests(self, status: Status | None, limit: int, *, session: str = "") -> tuple[Request, ...]:
        """Return up to `limit` requests, newest first; only those with `status` and of `session`, where given."""
        return self._requests.list_newest(status, limit, session=session)

    def list_unanswered(self, session: str, limit: int) -> tuple[Request, ...]:
        """Return up to `limit` requests that are pending or can be asked again, newest first; of `session` if given."""
        return self._requests.list_unanswered(session, limit)

    def count_unanswered(self) -> dict[str, int]:
        """Return by session how many requests are pending or can be asked again; only sessions that have some."""
        return self._requests.count_unanswered()

    def find_request(self, name: str) -> Request | None:
        """Return the request whose id is `name`, or the only one whose id begins with it; else None."""
        return self._requests.find(name)

    def find_stored_edit(self, request: str) -> ProposedEdit | None:
        """Return the stored edit of the request with the id `request`, None if it is not stored (any more)."""
        return self._kept.find(request)

    def list_audit(self, limit: int, *, request: str = "") -> tuple[AuditRow, ...]:
        """Return up to `limit` audit rows, newest first; only those of the request with the id `request`, if given."""
        return self._audit.list_newest(limit, request=request)

    def list_question_times(self, then: float) -> list[float]:
        """Return the times of the questions to people after `then`, oldest first; without questions about undoing."""
        return self._requests.list_question_times(then)

    def list_write_times(self, then: float) -> list[float]:
        """Return the times after `then` when a file was written or a command permitted, oldest first."""
        return self._audit.list_write_times(then)

    def find_checkpoint(self, identity: str) -> Checkpoint | None:
        """Return the checkpoint with the id `identity`, None if there is none (any more)."""
        return self._checkpoints.find(identity)

    def list_checkpoint_ids(self, prefix: str) -> tuple[str, ...]:
        """Return up to two ids of checkpoints that begin with `prefix`; `prefix` itself first, if it is an id."""
        return self._checkpoints.list_ids(prefix)

    def list_undoable(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of the checkpoints that can be undone, newest first; `concerns` selects by the documents."""
        return self._checkpoints.list_undoable(concerns)

    def list_undoable_changes(self, concerns: Callable[[Subject], bool], limit: int) -> tuple[UndoableChange, ...]:
        """Return up to `limit` changes that can be undone, newest first; `concerns` selects by the documents."""
        return self._checkpoints.list_undoable_changes(concerns, limit)

    def close(self) -> None:
        """Close the database; the next call opens it again."""
        self._state.close()
