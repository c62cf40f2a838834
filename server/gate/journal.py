"""Everything the gate writes down of one request, each step in one transaction. Start at `Journal.begin`.

What cannot be written down is not done: every method raises `StateError` with a sentence. Blocking.
"""

from __future__ import annotations

import getpass
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import RenameFile, TextChange
from agents.ports.failures import StateError
from server.gate.disk.contents import digest
from server.gate.records import AuditRow, Ending, Replaced, name_kind, name_subject
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.gate.policy import Limits
    from server.gate.ports import Answer, Outcome, Question
    from server.gate.records import Checkpoint, Records
    from server.gate.validation import Checked
    from server.gate.verification import Seen

KEPT_DAYS = 30  # of checkpoints, as a person is told


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
    """The record of one gate: what its requests are, and what became of these."""

    def __init__(self, records: Records, client: str) -> None:
        self.records = records
        self._client = client
        self._recovered = False
        self.untitled: set[str] = set()  # checkpoints of texts that end with this session

    def begin(self, case: Case) -> None:
        """Record a request as pending, after the requests of processes that are gone are closed."""
        self.recover()
        self.records.begin(case.question, client=self._client, task=case.task, model=case.model, subjects=case.subjects)

    def recover(self) -> None:
        """Close the requests of processes that are gone; once in each process."""
        if not self._recovered:
            self.records.close_abandoned()
            self._recovered = True

    def problem(self) -> str:
        """Return why nothing can be recorded now and what to do, "" if it can."""
        try:
            self.records.check()
        except StateError as error:
            return str(error)
        return ""

    def find_checkpoint(self, identity: str) -> Checkpoint:
        """Return the checkpoint with that id.

        Raises:
            Refused: there is none (any more).
        """
        found = self.records.find_checkpoint(identity)
        if found is None:
            raise Refused(f"There is no checkpoint {identity!r}; they are kept for {KEPT_DAYS} days at most.")
        return found

    def check_limits(self, limits: Limits, operations: int, *, asks: bool) -> None:
        """Whether so many operations more may be done, and one more question asked.

        Raises:
            Refused: that would be too many.
        """
        then = time.time() - limits.window_s
        asked = self.records.list_question_times(then) if asks else []
        if len(asked) >= limits.approvals > 0:
            _too_many(f"{limits.approvals} questions were asked", asked[-limits.approvals] - then, limits)
        written = self.records.list_write_times(then)
        if len(written) + operations > limits.file_operations:
            most = f"{limits.file_operations:,} file operations are the most"
            _too_many(most, written[0] - then if written else limits.window_s, limits)

    def approve(self, case: Case, checked: Checked | None) -> None:
        """Keep what will be replaced, and record a yes if there is one; where applying asks, it comes later."""
        replaced = self._replace(case, checked) if checked is not None else None
        if replaced is not None or case.answer is not None:
            self.records.approve(case.id, replaced, answered=case.answer is not None)

    def _replace(self, case: Case, checked: Checked) -> Replaced:
        """Return what `case` replaces, by its checkpoint, which is named at the first call."""
        case.checkpoint = case.checkpoint or uuid.uuid4().hex
        changes = checked.proposal.changes
        if any(isinstance(one, TextChange) and one.path is None for one in changes):
            self.untitled.add(case.checkpoint)
        return Replaced(
            case.checkpoint, case.id, case.question.title, tuple(changes), tuple(checked.before), case.undoes
        )

    def end(self, case: Case, outcome: Outcome, checked: Checked | None, found: Sequence[Seen] | None) -> None:
        """Record the outcome; `found` is what the documents hold now, None if nothing was tried or may still come."""
        rows = tuple(self._rows(case, outcome, checked, found))
        replaced: Replaced | None = None
        made: tuple[tuple[Change, Content | None], ...] = ()
        if case.checkpoint and checked is not None and found is not None:
            replaced = self._replace(case, checked)
            made = tuple((one.change, old) for one, old in zip(found, checked.before, strict=True) if one.change)
        self.records.end(Ending(outcome, case.answer, case.answer_s, rows, replaced, made))

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
            time.time(), case.id, _name_user(), self._client, asked.by, case.model, asked.tool.name, asked.title,
            *named, *hashes, written, case.answer or "", case.answer_s, outcome.verdict, outcome.reason,
        )  # fmt: skip


def _named(change: Change) -> tuple[str, str, str]:
    target = str(change.to) if isinstance(change, RenameFile) else ""
    return name_kind(change), name_subject(change), target


def _hashes(before: Content | None, seen: Seen | None) -> tuple[str, str]:
    old = digest(before.text if before is not None else None)
    return old, old if seen is None else digest(seen.text)


def _written(seen: Seen) -> bool:
    return seen.change is not None or seen.odd


def _name_user() -> str:
    """Return the user's name on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _too_many(what: str, free_in_s: float, limits: Limits) -> None:
    minutes = max(1, round(free_in_s / 60))
    span = "hour" if limits.window_s == 3600 else f"{limits.window_s:.0f} s"
    raise Refused(f"{what} within the {span}, the limit; try again in {minutes} min.")
