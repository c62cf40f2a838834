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

UNFINISHED = "The server ended while it was made; look at the files, `starling.undo` with its checkpoint takes it back."
"""The end of the reason of an approved request whose server ended before the outcome was recorded."""
UNSEEN = "The server on {machine} ended while it was made, and its files cannot be seen from here; look at them there."
"""The same, if the server ran on another machine, whose disk may be another one."""


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
        created: when the request was made.
        client: the editor or program that shows the question.
        tool: name of the tool.
        title: short description of the change or command.
        why: the proposer's reason.
        by: the proposer.
        model: the model that wrote the edit, "" for none.
        task: id of the task that made the request, "" for none.
        subjects: the paths of the files, or the command.
        diff: the diff or command line that was shown.
        warnings: the warnings of the question.
        status: the status, a value of `Status`.
        verdict: the verdict, "" before the request has ended.
        reason: why the change was not applied, "" if it was.
        answer: the person's answer, "" if nobody was asked.
        asked: when the person was asked, None if nobody was.
        answer_s: seconds until the answer, None without an answer.
        checkpoint: id by which the change can be undone, "" for none.
        session: id of the session with the team that made the request, "" for none.
        call: the model's id of the tool call in that session, "" for none.
        again: id of the unanswered request that this one asks again, "" for none.
        askable: whether nobody answered and the person can be asked again: the edit is kept, or the session has not
            gone on without an answer.
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
    session: str
    call: str
    again: str
    askable: bool


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An open request of a process that no longer runs.

    Attributes:
        request: its id.
        note: which parts of the edit the person left out, "" for none.
        person: id of the account that made it, "" without accounts.
        machine: the machine of the process, "" if its disk is the one of this machine.
        is_approved: whether the person had said yes; else nobody has answered.
        is_old: whether it waits for its own machine no longer.
    """

    request: str
    note: str
    person: str
    machine: str
    is_approved: bool
    is_old: bool


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An audit row: one file of one request, or one command. Holds hashes of texts, never the texts.

    Attributes:
        at: when the request ended, seconds since the epoch.
        request: id of the request.
        who: login name of the user; on a server with accounts, the name of the account.
        client: the editor or program where the person answered.
        proposer: name of the agent, or "undo".
        model: the model that wrote the edit, "" for none.
        tool: name of the tool.
        title: title of the request.
        action: "text", "create", "rename" or "delete"; "propose" for a file of a refused edit; "run" for a command.
        subject: path of the file (or URI of the document), or the command.
        target: new path of a renamed file, "" otherwise.
        hash_before: SHA-256 of the text before, "" for none.
        hash_after: SHA-256 of the text afterwards, "" for none.
        written: whether the file was changed, or the command permitted.
        answer: the person's answer, "" if nobody was asked.
        answer_s: seconds until the answer; None without an answer.
        verdict: the verdict on the request.
        reason: why the change was not applied, "" if it was.
        address: the address that the person was connected from, "" on this machine.
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
    address: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """The person behind a gate on a server with accounts; both "" for the user of this machine.

    Attributes:
        name: the name of the account.
        address: the address that the person is connected from.
    """

    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class KeptChange:
    """One change of a checkpoint.

    Attributes:
        kind: "text", "create", "rename" or "delete".
        uri: URI of the document.
        path: path of the file, None for an untitled document.
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
    """A document of a checkpoint.

    Attributes:
        checkpoint: id of the checkpoint.
        path: path of the file, "" for an untitled document.
    """

    checkpoint: str
    path: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The changes of one request, with the texts that they replaced.

    Attributes:
        id: id of the checkpoint.
        created: when the checkpoint was stored, seconds since the epoch.
        title: title of the request.
        undoes: id of the checkpoint that the request undid, "" if it was no undo.
        undone_by: id of the request that undid the change, "" if none did.
        settled: whether the outcome was verified; if a crash prevented that, the changes may have been made or not.
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
class UndoableChange:
    """A change that can be undone, without its texts.

    Attributes:
        checkpoint: id of its checkpoint.
        created: when the checkpoint was stored, seconds since the epoch.
        title: title of the request.
        client: the editor or program in which the change was made, "" if the request is no longer recorded.
        session: id of the session with the team that made the request, "" for none.
        files: the changed files, by their present paths; the URI of a document without a file.
    """

    checkpoint: str
    created: float
    title: str
    client: str
    session: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The texts that a request is about to replace, stored before anything changes.

    Attributes:
        checkpoint: id of the checkpoint.
        request: id of the request.
        title: title of the request.
        changes: the changes.
        before: for each change the current content of its file, None for a file that does not exist.
        undoes: id of the checkpoint that the request undoes, "" for none.
        note: sentence that says which parts of the edit the person left out, "" for none.
    """

    checkpoint: str
    request: str
    title: str
    changes: tuple[Change, ...]
    before: tuple[Content | None, ...]
    undoes: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a request.

    Attributes:
        outcome: the outcome.
        answer: the answer, None if nobody was asked.
        answer_s: seconds until the answer, None without an answer.
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
        """Record a request as pending; store its edit until a person has answered, unless it is an undo.

        If the request asks an older one again, removes the stored edit of the older one; raises `StateError` if that is
        gone.
        """
        ...

    def mark_asked(self, request: str) -> None:
        """Record the present time as the time when the question is shown to a person."""
        ...

    def approve(self, request: str, replaced: Replaced | None, *, answered: bool) -> None:
        """Store the checkpoint `replaced`, if it is not None; with `answered`, record the request as approved."""
        ...

    def end(self, ending: Ending) -> None:
        """Record the outcome and the audit rows; reduce the checkpoint to the changes that were made.

        Deletes the checkpoint if no change was made.
        """
        ...

    def list_abandoned(self) -> tuple[Abandoned, ...]:
        """Return the person's open requests of processes that no longer run, oldest first."""
        ...

    def close_abandoned(self, abandoned: Abandoned, unfinished: str) -> bool:
        """Record a pending request as expired, an approved one as failed, for the reason `unfinished`.

        Returns whether it was still open; false if another process has closed it.
        """
        ...

    def find_next_hash(self, path: Path, then: float) -> str | None:
        """Return the hash of the text that the first recorded change of a file after `then` replaced.

        "" if there was no file; None if no change is recorded.
        """
        ...

    def end_abandoned(self, ending: Ending) -> None:
        """Replace the outcome of a request that `close_abandoned` closed, and add the audit rows.

        If the new outcome is APPLIED, the change can be undone; else the edit stays stored, to be asked again.
        """
        ...

    def check(self) -> None:
        """Raise `StateError` if nothing can be recorded now."""
        ...

    def list_requests(self, status: Status | None, limit: int, *, session: str = "") -> tuple[Request, ...]:
        """Return up to `limit` requests, newest first; only those with `status` and of `session`, where given."""
        ...

    def list_unanswered(self, session: str, limit: int) -> tuple[Request, ...]:
        """Return up to `limit` requests that are pending or can be asked again, newest first; of `session` if given."""
        ...

    def count_unanswered(self) -> dict[str, int]:
        """Return by session how many requests are pending or can be asked again; only sessions that have some."""
        ...

    def find_request(self, name: str) -> Request | None:
        """Return the request whose id is `name`, or the only one whose id begins with it; else None."""
        ...

    def find_stored_edit(self, request: str) -> ProposedEdit | None:
        """Return the stored edit of the request with the id `request`, None if it is not stored (any more)."""
        ...

    def list_audit(self, limit: int, *, request: str = "") -> tuple[AuditRow, ...]:
        """Return up to `limit` audit rows, newest first; only those of the request with the id `request`, if given."""
        ...

    def list_question_times(self, then: float) -> list[float]:
        """Return the times of the questions to people after `then`, oldest first; without questions about undoing."""
        ...

    def list_write_times(self, then: float) -> list[float]:
        """Return the times after `then` when a file was written or a command permitted, oldest first."""
        ...

    def find_checkpoint(self, identity: str) -> Checkpoint | None:
        """Return the checkpoint with the id `identity`, None if there is none (any more)."""
        ...

    def list_checkpoint_ids(self, prefix: str) -> tuple[str, ...]:
        """Return up to two ids of checkpoints that begin with `prefix`; `prefix` itself first, if it is an id."""
        ...

    def list_undoable(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of the checkpoints that can be undone, newest first.

        Leaves out a checkpoint unless `concerns` returns true for one of its documents.
        """
        ...

    def list_undoable_changes(self, concerns: Callable[[Subject], bool], limit: int) -> tuple[UndoableChange, ...]:
        """Return up to `limit` changes that can be undone, newest first; `concerns` selects as in `list_undoable`."""
        ...

    def close(self) -> None:
        """Close the database; the next call opens it again."""
        ...


def get_kind(change: Change) -> str:
    """Return the kind of `change` as recorded: "text", "create", "rename" or "delete"."""
    return _KINDS[type(change)]


def list_subjects(proposal: ProposedEdit) -> tuple[str, ...]:
    """Return the path of the file of each change, in order; the URI for a document without a file."""
    return tuple(map(get_subject, proposal.changes))


def get_subject(change: Change) -> str:
    """Return the path of the file that `change` changes; the URI of a document without a file."""
    return change.uri if isinstance(change, TextChange) and change.path is None else str(change.path)
