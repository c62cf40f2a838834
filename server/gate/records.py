"""The records that the gate stores (requests, audit rows, checkpoints), and the port that stores them.

Each call of the port is one transaction. Blocking; thread-safe. Start at `Records`, which `server.state.gate_records`
implements.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.edits import Change, ProposedEdit
    from server.gate.disk.contents import Content
    from server.gate.ports import Answer, Outcome, Question

_KINDS = {TextChange: "text", CreateFile: "create", RenameFile: "rename", DeleteFile: "delete"}


class Status(StrEnum):
    """The status of a request in the record."""

    PENDING = "pending"  # nobody has answered yet
    APPROVED = "approved"  # answered yes; the verdict says what became of the change
    REJECTED = "rejected"
    EXPIRED = "expired"
    REFUSED = "refused"  # broke a rule, so nobody was asked
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the record. Times are seconds since the epoch, durations seconds.

    Attributes:
        id: id of the request and of its proposal.
        created: when the request came.
        client: the editor or program that shows the question.
        tool: name of the tool.
        title: what would be done.
        why: the proposer's reason.
        by: the proposer.
        model: the model that wrote it, "" for none.
        task: the task it belonged to, "" for none.
        subjects: files by name, or the command.
        diff: what was shown.
        warnings: the warnings of the question.
        status: where it stands.
        verdict: what became of it, "" while it is pending.
        reason: why it was not applied, "" where it was.
        answer: what the person said, "" where nobody was asked.
        asked: when the person was asked, None where nobody was.
        answer_s: how long the answer took, None without one.
        checkpoint: id by which it can be undone, "" for none.
    """

    id: str
    created: float
    client: str
    tool: str
    title: str
    why: str
    by: str
    model: str
    task: str
    subjects: tuple[str, ...]
    diff: str
    warnings: tuple[str, ...]
    status: str
    verdict: str
    reason: str
    answer: str
    asked: float | None
    answer_s: float | None
    checkpoint: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An audit row: one file of one request, or one command. Holds hashes of texts, never the texts.

    Attributes:
        at: when it ended, seconds since the epoch.
        request: id of the request.
        who: the user on this machine.
        client: the editor or program where the person answered.
        proposer: name of the agent, or "undo".
        model: the model that wrote it, "" for none.
        tool: name of the tool.
        title: title of the request.
        action: "text", "create", "rename", "delete", or "run" for a command.
        subject: the file (or URI), or the command.
        target: where a file was moved to, "" otherwise.
        hash_before: SHA-256 of the text before, "" for none.
        hash_after: SHA-256 of the text afterwards, "" for none.
        written: whether anything changed.
        answer: what the person said, "" where nobody was asked.
        answer_s: how long that took, seconds; None without an answer.
        verdict: what became of the request.
        reason: why it was not applied, "" where it was.
    """

    at: float
    request: str
    who: str
    client: str
    proposer: str
    model: str
    tool: str
    title: str
    action: str
    subject: str
    target: str
    hash_before: str
    hash_after: str
    written: bool
    answer: str
    answer_s: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeptChange:
    """One change of a checkpoint.

    Attributes:
        kind: "text", "create", "rename" or "delete".
        uri: the document.
        path: the file, None for an untitled document.
        target: the new path of a renamed file, None otherwise.
        before: the content before the change, None for a created file.
        after: the text after the change, "" for a deleted or renamed file.
    """

    kind: str
    uri: str
    path: Path | None
    target: Path | None
    before: Content | None
    after: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A file of a checkpoint: the checkpoint's id, and the file's path, "" for an untitled document."""

    checkpoint: str
    path: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The changes of one request, with what they replaced.

    Attributes:
        id: its id.
        created: seconds since the epoch.
        title: title of the request.
        undoes: id of the checkpoint that the request undid, "" if it was no undo.
        undone_by: id of the request that undid the change, "" if none did.
        settled: whether the outcome was verified; after a crash, an unsettled change may have been made or not.
        files: the changes.
    """

    id: str
    created: float
    title: str
    undoes: str
    undone_by: str
    settled: bool
    files: tuple[KeptChange, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The texts that a request is about to replace, stored before anything changes.

    Attributes:
        checkpoint: id of the checkpoint; storing it again is idempotent.
        request: id of the request.
        title: title of the request.
        changes: the changes.
        before: for each change the current content of its file, None for a file that does not exist.
        undoes: id of the checkpoint that the request undoes, "" for none.
    """

    checkpoint: str
    request: str
    title: str
    changes: tuple[Change, ...]
    before: tuple[Content | None, ...]
    undoes: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a request.

    Attributes:
        outcome: the outcome.
        answer: the answer, None if nobody was asked.
        answer_s: seconds until the answer, None without one.
        rows: the audit rows.
        replaced: the replaced texts; None if nothing was applied, or if an editor may still apply the change.
        made: the changes found in the documents afterwards, each with the content that it replaced.
    """

    outcome: Outcome
    answer: Answer | None
    answer_s: float | None
    rows: tuple[AuditRow, ...]
    replaced: Replaced | None = None
    made: tuple[tuple[Change, Content | None], ...] = ()


class Records(Protocol):
    """The stored records of the gate. Every method raises `agents.ports.failures.StateError`."""

    def begin(self, question: Question, *, client: str, task: str, model: str, subjects: Sequence[str]) -> None:
        """Record a request as pending."""
        ...

    def mark_asked(self, request: str) -> None:
        """Record that the question is shown to a person now."""
        ...

    def approve(self, request: str, replaced: Replaced | None, *, answered: bool) -> None:
        """Store the replaced texts, and with `answered` that the request was approved."""
        ...

    def end(self, ending: Ending) -> None:
        """Record the outcome, the audit rows and the changes made; delete a checkpoint without changes."""
        ...

    def close_abandoned(self) -> int:
        """End the requests of processes that no longer run, as expired or failed; return their number."""
        ...

    def check(self) -> None:
        """Raise `StateError` if nothing can be recorded now."""
        ...

    def list_requests(self, status: Status | None, limit: int) -> tuple[Request, ...]:
        """Return up to `limit` requests, newest first, those of one status if that is given."""
        ...

    def list_audit(self, limit: int, *, request: str = "") -> tuple[AuditRow, ...]:
        """Return up to `limit` rows, newest first, those of one request if that is given."""
        ...

    def list_question_times(self, then: float) -> list[float]:
        """Return when people were asked after `then`, oldest first; questions about undoing do not count."""
        ...

    def list_write_times(self, then: float) -> list[float]:
        """Return when files were written or commands run after `then`, oldest first."""
        ...

    def find_checkpoint(self, identity: str) -> Checkpoint | None:
        """Return the checkpoint with that id, None if there is none (any more)."""
        ...

    def list_undoable(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of checkpoints that can be undone and have a file that `concerns`, newest first."""
        ...

    def close(self) -> None:
        """Release what is open; the next call opens it again."""
        ...


def name_kind(change: Change) -> str:
    """Return the record's word for the kind of `change`: "text", "create", "rename" or "delete"."""
    return _KINDS[type(change)]


def list_subjects(proposal: ProposedEdit) -> tuple[str, ...]:
    """Return the path of the file of each change, in order; the URI for a document without a file."""
    return tuple(map(name_subject, proposal.changes))


def name_subject(change: Change) -> str:
    """Return the path of the file that `change` is about, the URI for a document without one."""
    return change.uri if isinstance(change, TextChange) and change.path is None else str(change.path)
