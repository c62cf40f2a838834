"""The gate's records in the state database: requests, audit and checkpoints, each step in one transaction.

Implements `server.gate.records.Records`. Start at `GateRecords`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.state.audit_log import Audit
from server.state.checkpoints import Checkpoints
from server.state.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.gate.ports import Question
    from server.gate.records import AuditRow, Checkpoint, Ending, Replaced, Request, Status, Subject
    from server.state.database import State


class GateRecords:
    """The three tables of the gate, written together."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._requests = Requests(state)
        self._audit = Audit(state)
        self._checkpoints = Checkpoints(state)

    def begin(self, question: Question, *, client: str, task: str, model: str, subjects: Sequence[str]) -> None:
        """Record a request as pending."""
        self._requests.begin(question, client=client, task=task, model=model, subjects=subjects)

    def mark_asked(self, request: str) -> None:
        """Record the present time as the time when the question is shown to a person."""
        self._requests.mark_asked(request)

    def approve(self, request: str, replaced: Replaced | None, *, answered: bool) -> None:
        """Store the checkpoint `replaced`, if it is not None; with `answered`, record the request as approved."""
        with self._state.transaction() as connection:
            if replaced is not None:
                self._checkpoints.store(connection, replaced)
            if answered:
                self._requests.approve(connection, request, replaced.checkpoint if replaced is not None else "")

    def end(self, ending: Ending) -> None:
        """Record the outcome and the audit rows; reduce the checkpoint to the changes that were made.

        Deletes the checkpoint if no change was made. After an undo, marks the undone checkpoint.
        """
        replaced = ending.replaced
        with self._state.transaction() as connection:
            if replaced is not None:
                self._checkpoints.store(connection, replaced)  # again, in case the database was deleted meanwhile
                self._checkpoints.settle(connection, replaced.checkpoint, ending.made)
                if replaced.undoes and ending.outcome.applied:
                    self._checkpoints.mark_undone(connection, replaced.undoes, replaced.request)
            self._requests.end(connection, ending.outcome, ending.answer, ending.answer_s)
            self._audit.add(connection, ending.rows)

    def close_abandoned(self) -> int:
        """Record the open requests of processes that no longer run as expired or failed; return their number."""
        return self._requests.close_abandoned()

    def check(self) -> None:
        """Raise `StateError` if nothing can be recorded now."""
        with self._state.transaction():
            pass

    def list_requests(self, status: Status | None, limit: int) -> tuple[Request, ...]:
        """Return up to `limit` requests, newest first; only those with `status` unless it is None."""
        return self._requests.list_newest(status, limit)

    def find_request(self, identity: str) -> Request | None:
        """Return the request with the id `identity`, None if there is none (any more)."""
        return self._requests.find(identity)

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

    def list_undoable(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of the checkpoints that can be undone and have a document that `concerns` accepts."""
        return self._checkpoints.list_undoable(concerns)

    def close(self) -> None:
        """Close the database; the next call opens it again."""
        self._state.close()
