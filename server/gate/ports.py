"""Question, answer and outcome, and the gate's two ports to a client. Start at `Outcome` and `Asker`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from agents.ports.origins import NO_ORIGIN, Origin
from server.gate.question.answer_clock import AnswerClock

if TYPE_CHECKING:
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.tools import Tool
    from server.gate.hunks import Hunk


class Verdict(StrEnum):
    """The end of a proposal, in one word."""

    APPLIED = "applied"  # the documents hold all of the change that was approved
    PARTLY = "partly"  # the documents hold a part of the change; `checkpoint` undoes that part
    REJECTED = "rejected"  # a person said no, or the client applied nothing
    EXPIRED = "expired"  # nobody answered in time
    REFUSED = "refused"  # nobody was asked: the proposal breaks a rule, or the client cannot show a question
    FAILED = "failed"  # approved, but the change could not be made


class Answer(StrEnum):
    """An answer to a question."""

    APPROVE = "approve"
    APPROVE_RULE = "approve-rule"  # nobody was asked: a rule of the person approves it
    APPROVE_PARTS = "approve-parts"  # some parts of the proposal are taken, the others left out
    APPROVE_TASK = "approve-task"  # yes, also for the rest of the task; not offered for deletions and commands
    REJECT = "reject"
    EXPIRE = "expire"  # no answer came in time
    UNABLE = "unable"  # this client cannot be asked


@dataclass(frozen=True, slots=True)
class TakenParts:
    """An answer to a question: the ids of the parts of the proposal that the person takes; the others are left out.

    No part at all is a rejection, and an id that was not offered is no answer.
    """

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The gate's answer to a proposal.

    Attributes:
        proposal: id of the proposal in the record of requests.
        verdict: the end of the proposal in one word.
        reason: sentences for a person: why the change was not applied, which parts were left out, or which text was
            added besides; "" for none of these.
        checkpoint: id by which the change can be undone, "" when nothing was written.
        unsaved: names of files that were changed in the editor but are not saved yet.
        left_out: the parts of an applied proposal that the person left out, a phrase for each file.
    """

    proposal: str
    verdict: Verdict
    reason: str = ""
    checkpoint: str = ""
    unsaved: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def applied(self) -> bool:
        """Whether all of the change was made that the person approved."""
        return self.verdict is Verdict.APPLIED


@dataclass(frozen=True, slots=True)
class Question:
    """The single question about a whole request; `question.wording` turns it into text.

    Attributes:
        id: id of the request.
        tool: the tool to permit; its risk decides how the question is shown.
        title: a short description of the change or command, as an imperative.
        why: the proposer's reason.
        by: the proposer.
        diff: a unified diff of all changes, or the command line.
        warnings: facts to know before answering, a sentence each ("area.py would no longer parse: line 12.").
        may_remember: whether the answer "and the rest of this task" is offered.
        proposal: the edit, for clients that ask in their own preview; None for commands.
        rule: description of the person's rule that approves the request, "" for none.
        origin: the session and call that the request comes from.
        hunks: the parts of the edit, of which the person may take some and leave others; () if it is asked as a whole.
        clock: the time to answer; an asker that shows one question after the other stops it until this one is shown.
    """

    id: str
    tool: Tool
    title: str
    why: str
    by: str
    diff: str
    warnings: tuple[str, ...] = ()
    may_remember: bool = False
    proposal: ProposedEdit | None = None
    rule: str = ""
    origin: Origin = NO_ORIGIN
    hunks: tuple[Hunk, ...] = ()
    clock: AnswerClock = field(default_factory=AnswerClock, compare=False, repr=False)

    @property
    def is_approved_by_rule(self) -> bool:
        """Whether a rule of the person approves the request without a question; never if it has warnings."""
        return bool(self.rule) and not self.warnings


class Asker(Protocol):
    """A way to ask a person: an editor, or a terminal."""

    async def ask(self, question: Question) -> Answer | TakenParts:
        """Show the diff, ask one question and return the answer, or which of the parts in `question.hunks` are taken.

        The gate cancels this call after the time limit, or when the request is cancelled; the question then has to
        disappear from the screen, if the client can do that. While the question waits behind another one, its `clock`
        has to be stopped.
        """
        ...

    def asks_while_applying(self, question: Question) -> bool:
        """Return whether the client asks the person while it applies the edit (a refactor preview).

        If it does, `ask` is not called.
        """
        ...

    def find_obstacle(self, question: Question) -> str:
        """Return why the client cannot ask, or cannot act on a yes, with the next step; "" if it can do both."""
        ...


class Workplace(Protocol):
    """A client that reads texts and applies changes: an editor with its open documents, or the disk alone."""

    @property
    def settle_s(self) -> float:
        """Seconds in which the effects of `apply` may still arrive after its return (an editor reports them later)."""
        ...

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        """Return the current text of the open document with that URI or path, else of the file; None if neither exists.

        Files are read with `contents.read`, which refuses a file that could not be written back byte by byte.

        Raises:
            OSError: the file exists, but cannot be read as text; `strerror` says why.
        """
        ...

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str) -> str:
        """Apply the changes, which have just been validated; return why that failed, as a sentence, "" on success.

        With `confirm` the client asks the person first. The gate does not rely on the return value: it compares the
        documents afterwards. It writes files that an undo restores itself, with `disk.DiskWorkplace`. `request` is
        the id under which the record holds the request as approved.
        """
        ...
