"""What the gate is asked and what it answers, and the two ports behind it. Start at `Outcome` and `Asker`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from agents.edits import ProposedEdit
    from agents.tools import Tool


class Verdict(StrEnum):
    """What became of a proposal."""

    APPLIED = "applied"  # seen in the documents afterwards
    PARTLY = "partly"  # some of it was; `checkpoint` undoes that part
    REJECTED = "rejected"  # a person said no, or nothing of it was applied
    EXPIRED = "expired"  # nobody answered in time
    REFUSED = "refused"  # never asked: it breaks a rule, or nobody can be asked
    FAILED = "failed"  # approved, but it could not be made


class Answer(StrEnum):
    """What a person answered."""

    APPROVE = "approve"
    APPROVE_TASK = "approve-task"  # this, and the rest of the same task (never for deletions and commands)
    REJECT = "reject"
    EXPIRE = "expire"  # no answer came in time
    UNABLE = "unable"  # this client cannot be asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """The gate's answer to a proposal.

    Attributes:
        proposal: its id in the record of requests.
        verdict: what became of it.
        reason: a sentence with the next step where it was not applied, or where more stands there; "" otherwise.
        checkpoint: id by which it can be undone, "" when nothing was written.
        unsaved: names of files that were changed in the editor and not on the disk: a person saves them.
    """

    proposal: str
    verdict: Verdict
    reason: str = ""
    checkpoint: str = ""
    unsaved: tuple[str, ...] = ()

    @property
    def applied(self) -> bool:
        """Whether all of it was written."""
        return self.verdict is Verdict.APPLIED


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked, once, about one whole request.

    Attributes:
        id: of the request.
        tool: what it is for; its risk decides how it is asked.
        title: what would be done.
        why: the proposer's reason.
        by: the proposer.
        diff: a unified diff of all changes, or the command line.
        warnings: what a person has to know, a sentence each ("the result no longer parses: line 12").
        may_remember: whether "the rest of this task" may be answered.
        proposal: the edit itself, for clients whose own preview asks; None for commands.
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


class Asker(Protocol):
    """A way to ask a person: an editor, or a terminal."""

    async def ask(self, question: Question) -> Answer:
        """Show the diff and ask exactly one question.

        The gate cancels it after the time limit, and when nobody wants the answer any more; what is on the screen then
        is to be taken down, if it can be.
        """
        ...

    def confirms_itself(self, question: Question) -> bool:
        """Whether the way of applying asks the one question (a refactor preview): then `ask` is not called."""
        ...

    def obstacle(self, question: Question) -> str:
        """Why nobody can be asked this, or a yes could not be carried out: a sentence with the next step, else ""."""
        ...


class Workplace(Protocol):
    """Where texts are read and changes are made: an editor with its open documents, or the disk alone."""

    @property
    def settle_s(self) -> float:
        """How long after `apply` returned its effects may still come in, seconds (an editor sends changes late)."""
        ...

    async def text(self, uri: str, path: Path | None) -> str | None:
        """The text as it stands now: the open document of that URI or path, else the file; None when there is none.

        Files are read with `contents.read`, so that what is not exactly a text is no text.

        Raises:
            OSError: it is there, but cannot be read as text; its `strerror` says why.
        """
        ...

    async def apply(self, proposal: ProposedEdit, *, confirm: bool) -> str:
        """Have the changes made; with `confirm` the person is asked by it. Returns "" or why it failed, a sentence.

        That it returned is no proof that anything changed: the gate looks at the documents afterwards. What comes here
        has been validated just before. Files that an undoing brings back byte by byte do not come here: the gate has
        `disk.DiskWorkplace` write them.
        """
        ...
