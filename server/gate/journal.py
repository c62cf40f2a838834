"""The gate's record of its requests: one transaction for each step of a request.

Every method that writes raises `StateError`, with a sentence for a person, if that fails; the gate then does nothing.
Blocking. Start at `Journal.begin`.
"""

from __future__ import annotations

import getpass
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import RenameFile, TextChange
from agents.ports.action_log import actions
from agents.ports.failures import StateError
from agents.ports.origins import Origin
from agents.ports.request_outcomes import RequestOutcome
from agents.tools import DELETE_FILE, WRITE_FILE
from server.gate.disk.contents import hash_text
from server.gate.question.wording import describe_taken_parts
from server.gate.records import AuditRow, Author, Ending, Replaced, Status, get_kind, get_subject
from server.gate.recovery import recover_requests
from server.gate.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Change, ProposedEdit
    from server.gate.disk.contents import Content
    from server.gate.policy import Limits
    from server.gate.ports import Answer, Outcome, Question
    from server.gate.records import Checkpoint, Records, Request
    from server.gate.validation import CheckedProposal
    from server.gate.verification import ObservedChange

MOST_OUTCOMES = 100
"""Newest requests of a session, among which those of its last calls are."""
MOST_UNANSWERED = 100
CHECKPOINT_DAYS = 30  # for a message; `server.state.checkpoints` removes older ones


@dataclass
class Case:
    """A request that the gate is deciding about.

    Attributes:
        question: the question to a person, who is asked unless a rule or an earlier answer decides.
        task: id of the task that the request belongs to, "" for none.
        model: name of the model that wrote the edit, "" for none.
        subjects: the files by path, or the command.
        limited: whether the limits apply; undoing is never limited.
        undoes: id of the checkpoint that the request undoes, "" for none.
        answer: the answer, None before there is one.
        answer_s: seconds until the answer; None for an answer given earlier in the task.
        checkpoint: id of the checkpoint with the replaced texts, "" before one is stored.
        taken: ids of the parts of the proposal that the person took; only with the answer APPROVE_PARTS.
        left_out: the parts that the person left out, a phrase for each file.
        parts: number of the parts that were offered; only with the answer APPROVE_PARTS.
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
    taken: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()
    parts: int = 0

    @property
    def id(self) -> str:
        """Id of the request."""
        return self.question.id

    @property
    def note(self) -> str:
        """Sentence that says which parts the person left out, "" for none."""
        return describe_taken_parts(len(self.taken), self.parts, self.left_out) if self.left_out else ""


HERE = Author()
"""The user of this machine."""


class Journal:
    """The record of one gate.

    Attributes:
        records: the stored records of all gates.
        untitled: ids of the checkpoints of untitled documents, which only this session can undo.
    """

    def __init__(self, records: Records, client: str, author: Author = HERE) -> None:
        """Store `records`, and for them `client` (the name of the editor or program) and the person behind it."""
        self.records = records
        self._author = author
        self._client = client
        self._recovered = False
        self.untitled: set[str] = set()

    def begin(self, case: Case) -> None:
        """Record a request as pending; the first call also closes the open requests of servers that no longer run."""
        if not self._recovered:
            self.recover()
        self.records.begin(case.question, client=self._client, task=case.task, model=case.model, subjects=case.subjects)

    def recover(self) -> None:
        """Close the open requests of servers that no longer run; see `recover_requests`. Raises StateError."""
        name = self._author.name or _find_user_name()
        recover_requests(self.records, lambda _: name)
        self._recovered = True

    def find_problem(self) -> str:
        """Return why nothing can be recorded now, and what to do; "" if recording works."""
        try:
            self.records.check()
        except StateError as error:
            return str(error)
        return ""

    def find_checkpoint(self, identity: str) -> Checkpoint:
        """Return the checkpoint that `identity`, an id or the first characters of one, names.

        Raises:
            Refused: there is no such checkpoint, or there are several; old ones are deleted.
        """
        named = self.records.list_checkpoint_ids(identity)
        found = self.records.find_checkpoint(identity if identity in named or not named else named[0])
        if found is None:
            raise Refused(f"There is no checkpoint {identity!r}; they are kept for {CHECKPOINT_DAYS} days at most.")
        if found.id != identity and len(named) > 1:
            raise Refused(f"There are several checkpoints {identity!r}; give more characters of the id.")
        return found

    def find_unanswered(self, name: str) -> tuple[Request, ProposedEdit | None]:
        """Return the request that `name`, an id or its first characters, names, and its edit; None if it is no edit.

        First closes the open requests of servers that no longer run. The `origin` of the edit names the request.

        Raises:
            Refused: there is no such request, or the person cannot be asked again.
        """
        self.recover()
        request = self.records.find_request(name)
        if request is None:
            raise Refused(f"There is no request {name!r}, or several; `starling.approvals` lists them.")
        if not request.askable:
            raise Refused(f"“{request.title}” cannot be asked again: {_explain_unaskable(request)}")
        proposal = self.records.find_stored_edit(request.id)
        if proposal is not None:
            proposal = replace(proposal, origin=Origin(request.session, request.call, request.id))
        return request, proposal

    def list_unanswered(self, session: str = "") -> tuple[Request, ...]:
        """Return up to `MOST_UNANSWERED` open requests and requests that can be asked again, newest first.

        Returns only those of `session` if given. First closes the open requests of servers that no longer run.
        """
        self.recover()
        return self.records.list_unanswered(session, MOST_UNANSWERED)

    def count_unanswered(self) -> dict[str, int]:
        """Return for each session with open requests, or requests that can be asked again, the number of these.

        First closes the open requests of servers that no longer run.
        """
        self.recover()
        return self.records.count_unanswered()

    def list_outcomes(self, session: str) -> tuple[RequestOutcome, ...]:
        """Return the outcomes of the newest `MOST_OUTCOMES` requests of a session, newest first.

        First closes the open requests of servers that no longer run.
        """
        self.recover()
        found = self.records.list_requests(None, MOST_OUTCOMES, session=session)
        edits = {WRITE_FILE.name, DELETE_FILE.name}
        return tuple(RequestOutcome(one.call, one.created, one.verdict, one.tool in edits, one.reason) for one in found)

    def check_limits(self, limits: Limits, operations: int, *, asks: bool) -> None:
        """Check that `operations` more file operations, and with `asks` one more question, stay within `limits`.

        Raises:
            Refused: a limit would be exceeded; the message says when to try again.
        """
        then = time.time() - limits.window_s
        asked = self.records.list_question_times(then) if asks else []
        if len(asked) >= limits.approvals > 0:
            _refuse_excess(f"{limits.approvals} questions were asked", asked[-limits.approvals] - then, limits)
        written = self.records.list_write_times(then)
        if len(written) + operations > limits.file_operations:
            most = f"{limits.file_operations:,} file operations are the most"
            _refuse_excess(most, written[0] - then if written else limits.window_s, limits)

    def approve(self, case: Case, checked: CheckedProposal | None) -> None:
        """Store a checkpoint of the texts that `checked` replaces; record the request as approved if it has an answer.

        `checked` is None for a tool call, which has no checkpoint.
        """
        replaced = self._describe_replaced(case, checked) if checked is not None else None
        self.records.approve(case.id, replaced, answered=case.answer is not None)

    def _describe_replaced(self, case: Case, checked: CheckedProposal) -> Replaced:
        """Return the texts that `checked` replaces, with the checkpoint id of `case`, which the first call creates.

        Adds the id to `untitled` if an untitled document is among them.
        """
        case.checkpoint = case.checkpoint or uuid.uuid4().hex
        changes = tuple(checked.proposal.changes)
        if any(isinstance(one, TextChange) and one.path is None for one in changes):
            self.untitled.add(case.checkpoint)
        texts = changes, tuple(checked.before)
        return Replaced(case.checkpoint, case.id, case.question.title, *texts, case.undoes, case.note)

    def end(
        self, case: Case, outcome: Outcome, checked: CheckedProposal | None, found: Sequence[ObservedChange] | None
    ) -> None:
        """Record and log the outcome of a request, with its audit rows; reduce its checkpoint to the changes made.

        `found` has each change as observed in the documents; None if nothing was applied, or if a late client may still
        apply the change, so that the checkpoint stays.
        """
        rows = tuple(self._build_rows(case, outcome, checked, found))
        replaced: Replaced | None = None
        made: tuple[tuple[Change, Content | None], ...] = ()
        if case.checkpoint and checked is not None and found is not None:
            replaced = self._describe_replaced(case, checked)
            made = tuple((one.change, old) for one, old in zip(found, checked.before, strict=True) if one.change)
        self.records.end(Ending(outcome, case.answer, case.answer_s, rows, replaced, made))
        asked = case.question
        fields = {"request": case.id, "session": asked.origin.session, "agent": asked.by, "tool": asked.tool.name}
        fields |= {"client": self._client, "answer": case.answer or "", "outcome": outcome.verdict}
        actions.info("request decided", extra={**fields, "files": len(rows), "title_text": asked.title})

    def _build_rows(
        self, case: Case, outcome: Outcome, checked: CheckedProposal | None, found: Sequence[ObservedChange] | None
    ) -> list[AuditRow]:
        """Return one audit row for each change of `checked`; if `checked` is None, one for each subject of `case`."""
        if checked is None:
            action = "propose" if case.question.tool.edits else "run"
            named = ((action, one, "") for one in case.subjects)
            return [self._build_row(case, outcome, one, ("", ""), written=outcome.applied) for one in named]
        seen = found or (None,) * len(checked.before)
        return [
            self._build_row(
                case,
                outcome,
                _describe_change(change),
                _hash_texts(old, one),
                written=one is not None and _is_written(one),
            )
            for change, old, one in zip(checked.proposal.changes, checked.before, seen, strict=True)
        ]

    def _build_row(
        self, case: Case, outcome: Outcome, described: tuple[str, str, str], hashes: tuple[str, str], *, written: bool
    ) -> AuditRow:
        """Return the audit row of one file or command.

        Args:
            case: the request.
            outcome: the outcome of the request.
            described: the action, the file or command, and the new path of a renamed file.
            hashes: the hashes of the text before and after.
            written: whether the file was changed, or the command permitted.
        """
        asked, who = case.question, self._author.name or _find_user_name()
        return AuditRow(
            time.time(), case.id, who, self._client, asked.by, case.model, asked.tool.name, asked.title,
            *described, *hashes, written, case.answer or "", case.answer_s, outcome.verdict, outcome.reason,
            self._author.address,
        )  # fmt: skip


def _describe_change(change: Change) -> tuple[str, str, str]:
    """Return the kind of `change`, its file, and the new path of a renamed file, "" otherwise."""
    target = str(change.to) if isinstance(change, RenameFile) else ""
    return get_kind(change), get_subject(change), target


def _hash_texts(before: Content | None, seen: ObservedChange | None) -> tuple[str, str]:
    """Return the hashes of a file's text before and after; the first hash twice if `seen` is None."""
    old = hash_text(before.text if before is not None else None)
    return old, old if seen is None else hash_text(seen.text)


def _is_written(seen: ObservedChange) -> bool:
    """Return whether the document is not as it was before the change."""
    return seen.change is not None or seen.unexpected


def _find_user_name() -> str:
    """Return the user's login name, "unknown" if the system does not know it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _explain_unaskable(request: Request) -> str:
    """Return why nobody can be asked about `request` again."""
    match request.status:
        case Status.PENDING:
            return "the question is still open."
        case Status.EXPIRED if request.by == "undo":
            return "repeat the undo."
        case Status.EXPIRED:
            return "it was asked again already, its session has gone on, or it is too old."
        case _:
            return f"it was {request.verdict or request.status}."


def _refuse_excess(what: str, free_in_s: float, limits: Limits) -> None:
    """Raise `Refused` with a message that a limit is reached, and how many minutes to wait.

    Args:
        what: the start of the message: "50 questions were asked".
        free_in_s: seconds until the next request is allowed.
        limits: the limits, for the length of their window.
    """
    minutes = max(1, round(free_in_s / 60))
    span = "hour" if limits.window_s == 3600 else f"{limits.window_s:.0f} s"
    raise Refused(f"{what} within the {span}, the limit; try again in {minutes} min.")
