"""Everything the gate writes down of one request, each step in one transaction. Start at `Journal.begin`.

What cannot be written down is not done: every method raises `StateError` with a sentence. Blocking.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import RenameFile, TextChange
from server.gate.disk.contents import digest
from server.gate.refusal import Refused
from server.state.audit_log import Audit, AuditRow, user
from server.state.checkpoints import Checkpoints, kind_of, subject
from server.state.database import StateError
from server.state.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.gate.policy import Limits
    from server.gate.ports import Answer, Outcome, Question
    from server.gate.validation import Checked
    from server.gate.verification import Seen
    from server.state.database import Connection, State


@dataclass
class Case:
    """One request on its way through the gate.

    Attributes:
        question: what a person is asked, or would have been.
        task: the task that it belongs to, "" for none.
        model: the model that wrote it, "" for none.
        subjects: files as a person knows them, or the command.
        limited: whether the limits apply; a person who undoes is not held up.
        undoes: id of the checkpoint it takes back, "" for none.
        answer: what was answered, None as long as nobody was asked.
        answer_s: how long that took, seconds; None for an answer given earlier in the task.
        checkpoint: where what it replaces is kept, "" before that.
    """

    question: Question
    task: str
    model: str
    subjects: tuple[str, ...]
    limited: bool = True
    undoes: str = ""
    answer: Answer | None = None
    answer_s: float | None = None
    checkpoint: str = ""

    @property
    def id(self) -> str:
        """Of the request."""
        return self.question.id


class Journal:
    """The tables of the gate."""

    def __init__(self, state: State, client: str) -> None:
        self._state = state
        self._client = client
        self._recovered = False
        self.requests = Requests(state, client)
        self.audit = Audit(state)
        self.checkpoints = Checkpoints(state)
        self.untitled: set[str] = set()  # checkpoints of texts that end with this session

    def begin(self, case: Case) -> None:
        """A request comes; what a server before us left open is closed first."""
        self.recover()
        self.requests.begin(case.question, case.task, case.model, case.subjects)

    def recover(self) -> None:
        """Close what a server that is gone left behind; once for each process."""
        if not self._recovered:
            self.requests.abandoned()
            self._recovered = True

    def problem(self) -> str:
        """Why nothing can be recorded now and what to do, "" where it can."""
        try:
            with self._state.transaction():
                return ""
        except StateError as error:
            return str(error)

    def check_limits(self, limits: Limits, operations: int, *, asks: bool) -> None:
        """Whether so many operations more may be done, and one more question asked.

        Raises:
            Refused: that would be too many.
        """
        then = time.time() - limits.window_s
        asked = self.requests.asked_since(then) if asks else []
        if len(asked) >= limits.approvals > 0:
            _too_many(f"{limits.approvals} questions were asked", asked[-limits.approvals] - then, limits)
        written = self.audit.written_since(then)
        if len(written) + operations > limits.file_operations:
            most = f"{limits.file_operations:,} file operations are the most"
            _too_many(most, written[0] - then if written else limits.window_s, limits)

    def approve(self, case: Case, checked: Checked | None) -> None:
        """A person said yes, or the way of applying asks: what will be replaced is kept from here on."""
        with self._state.transaction() as connection:
            if checked is not None:
                self._keep(connection, case, checked)
            if case.answer is not None:
                self.requests.approved(connection, case.id, case.checkpoint)

    def _keep(self, connection: Connection, case: Case, checked: Checked) -> None:
        """Keep what will be replaced, unless it is kept."""
        changes, before = checked.proposal.changes, checked.before
        case.checkpoint = self.checkpoints.store(
            connection, case.id, case.question.title, changes, before, case.undoes, case.checkpoint
        )
        if any(isinstance(one, TextChange) and one.path is None for one in changes):
            self.untitled.add(case.checkpoint)

    def end(self, case: Case, outcome: Outcome, checked: Checked | None, found: Sequence[Seen] | None) -> None:
        """What became of it; `found` as the documents are now, None where nothing was tried or may still come."""
        rows = self._rows(case, outcome, checked, found)
        with self._state.transaction() as connection:
            if case.checkpoint and checked is not None and found is not None:
                self._keep(connection, case, checked)  # again, should the database have been taken away
                made = [(one.change, old) for one, old in zip(found, checked.before, strict=True) if one.change]
                self.checkpoints.settle(connection, case.checkpoint, [one for one, _ in made], [old for _, old in made])
                if case.undoes and outcome.applied:
                    self.checkpoints.undone(connection, case.undoes, case.id)
            self.requests.ended(connection, outcome, case.answer, case.answer_s)
            self.audit.add(connection, rows)

    def _rows(
        self, case: Case, outcome: Outcome, checked: Checked | None, found: Sequence[Seen] | None
    ) -> list[AuditRow]:
        if checked is None:
            action = "propose" if case.question.tool.edits else "run"
            named = ((action, one, "") for one in case.subjects)
            return [self._row(case, outcome, one, ("", ""), written=outcome.applied) for one in named]
        seen = found or (None,) * len(checked.before)
        return [
            self._row(case, outcome, _named(change), _hashes(old, one), written=one is not None and _written(one))
            for change, old, one in zip(checked.proposal.changes, checked.before, seen, strict=True)
        ]

    def _row(
        self, case: Case, outcome: Outcome, named: tuple[str, str, str], hashes: tuple[str, str], *, written: bool
    ) -> AuditRow:
        asked = case.question
        return AuditRow(
            time.time(), case.id, user(), self._client, asked.by, case.model, asked.tool.name, asked.title, *named,
            *hashes, written, case.answer or "", case.answer_s, outcome.verdict, outcome.reason,
        )  # fmt: skip


def _named(change: Change) -> tuple[str, str, str]:
    target = str(change.to) if isinstance(change, RenameFile) else ""
    return kind_of(change), subject(change), target


def _hashes(before: Content | None, seen: Seen | None) -> tuple[str, str]:
    old = digest(before.text if before is not None else None)
    return old, old if seen is None else digest(seen.text)


def _written(seen: Seen) -> bool:
    return seen.change is not None or seen.odd


def _too_many(what: str, free_in_s: float, limits: Limits) -> None:
    minutes = max(1, round(free_in_s / 60))
    span = "hour" if limits.window_s == 3600 else f"{limits.window_s:.0f} s"
    raise Refused(f"{what} within the {span}, the limit; try again in {minutes} min.")
