"""The gate's records: requests, the audit and checkpoints as values, and the port that keeps these.

Each call of the port is one transaction: all of it is kept, or nothing. Blocking, for any thread.
Start at `Records`; `server.state.gate_records` implements it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.edits import Change
    from server.gate.disk.contents import Content
    from server.gate.ports import Answer, Outcome, Question

_KINDS = {TextChange: "text", CreateFile: "create", RenameFile: "rename", DeleteFile: "delete"}


class Status(StrEnum):
    """The status of a request in the record."""

    PENDING = "pending"  # nobody has answered yet
    APPROVED = "approved"  # answered yes; the verdict says what came of it
    REJECTED = "rejected"
    EXPIRED = "expired"
    REFUSED = "refused"  # broke a rule, so nobody was asked
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the record. Times are seconds since the epoch, durations seconds.

    Attributes:
        id: its id, that of the proposal.
        created: when it came.
        client: the editor or program that was to be asked.
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
    """One file of one request, or one command. Holds hashes of texts, never the texts.

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
        target: where it was moved to, None otherwise.
        before: what it held, None where it was created.
        after: what it holds, "" where it was deleted or moved.
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
        undoes: id of the checkpoint that this one took back, "" if it is no undoing.
        undone_by: id of the request that took it back, "" while it stands.
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
        checkpoint: id to keep it by; keeping it twice changes nothing.
        request: id of the request.
        title: its title.
        changes: the changes, and
        before: what each of these files holds, None for those that do not exist.
        undoes: id of the checkpoint that the request takes back, "" for none.
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
        outcome: its outcome.
        answer: what was answered, None where nobody was asked.
        answer_s: how long that took, seconds; None without an answer.
        rows: what goes into the audit.
        replaced: what the request replaced; None where nothing was tried, or where an editor may still apply it.
        made: the changes that were seen afterwards, each with what it replaced.
    """

    outcome: Outcome
    answer: Answer | None
    answer_s: float | None
    rows: tuple[AuditRow, ...]
    replaced: Replaced | None = None
    made: tuple[tuple[Change, Content | None], ...] = ()


class Records(Protocol):
    """The record of what the gate was asked and did. Every method raises `agents.ports.failures.StateError`."""

    def begin(self, question: Question, *, client: str, task: str, model: str, subjects: Sequence[str]) -> None:
        """Record a request as pending."""
        ...

    def mark_asked(self, request: str) -> None:
        """Record that a person is asked from now on."""
        ...

    def approve(self, request: str, replaced: Replaced | None, *, answered: bool) -> None:
        """Keep what is replaced, and record the request as approved if a person has answered already."""
        ...

    def end(self, ending: Ending) -> None:
        """Record the outcome, the audit, and which changes were made; a checkpoint without any is removed."""
        ...

    def close_abandoned(self) -> int:
        """End the requests of processes that are gone, as expired or failed; return how many those were."""
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

    def list_standing(self, concerns: Callable[[Subject], bool]) -> tuple[str, ...]:
        """Return the ids of checkpoints that can be undone and have a file that `concerns`, newest first."""
        ...

    def close(self) -> None:
        """Release what is open; the next call opens it again."""
        ...


def name_kind(change: Change) -> str:
    """Return the record's word for the kind of `change`: "text", "create", "rename" or "delete"."""
    return _KINDS[type(change)]


def name_subject(change: Change) -> str:
    """Return the path of the file that `change` is about, the URI for a document without one."""
    return change.uri if isinstance(change, TextChange) and change.path is None else str(change.path)
