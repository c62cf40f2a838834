"""What a task is given, what it offers and what it answers. Start at `Task`.

A task looks at a place and says whether it applies (`offer`: syntax only, microseconds, on any thread), and, once a
person chose it, makes a proposal (`propose`: blocking, for a worker thread). It never writes, runs or asks anything
itself: what it may use stands in `Means`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from agents.edits import ProposedEdit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from agents.edits import Change
    from agents.findings import Finding
    from indexing.index import Index
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax
    from models.chat import ChatModel
    from models.completion import CompletionModel


class Needs(StrEnum):
    """What a task cannot do without."""

    NOTHING = "nothing"  # works by syntax alone, better with a model
    COMPLETION = "completion"
    CHAT = "chat"


class Kind(StrEnum):
    """What kind of action it is, in the words of code actions."""

    QUICK_FIX = "quickfix"
    REWRITE = "refactor.rewrite"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Scene:
    """The place a task is asked about.

    Attributes:
        document: as it stands in the editor.
        syntax: of its text; may be unavailable (unknown language, too large).
        span: the selection; empty at a mere cursor.
        findings: the reviewer's, those that touch the span; may be of a moment ago.
        instruction: what the person wrote, "" for nothing.
    """

    document: Document
    syntax: Syntax
    span: Span
    findings: tuple[Finding, ...] = ()
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """That a task applies at a place.

    Attributes:
        title: an imperative of a few words ("Write a docstring for `area`").
        span: what it is about; chosen, the task gets it back as the scene's span.
        preferred: the most likely choice there.
        finding: the finding it would mend, None for none.
    """

    title: str
    span: Span
    preferred: bool = False
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why a task proposes nothing.

    Attributes:
        reason: one sentence for a person, with the next step where there is one.
        unavailable: whether it was not begun, for what it needs is missing or no model may see the document.
    """

    reason: str
    unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in words, for tasks that change nothing; Markdown."""

    text: str
    model: str = ""


Result = ProposedEdit | Told | Nothing


@dataclass(frozen=True, slots=True)
class TestRun:
    """What became of running tests.

    Attributes:
        ran: whether they ran at all.
        passed: how many passed.
        failed: how many failed or could not be collected.
        said: the end of what the run wrote, or one sentence why it did not run.
    """

    __test__ = False  # pytest takes classes of this name for its own

    ran: bool
    passed: int = 0
    failed: int = 0
    said: str = ""

    @property
    def green(self) -> bool:
        """Whether all was well."""
        return self.ran and self.passed > 0 and not self.failed


def _not_run(_: Sequence[Sequence[Change]], __: Path) -> Sequence[TestRun]:
    return ()


@dataclass(frozen=True, slots=True)
class Means:
    """What a task works with.

    Attributes:
        index: the workspace.
        model: fills in the middle; None for none.
        chat: answers; None for none.
        review: findings of the static layer in a text; blocking.
        read: text of a workspace file as it stands now, None where there is none or it must not be read.
        files: absolute paths of the workspace's files that may be read.
        roots: workspace folders.
        run_tests: (what is to be changed, once for each candidate; the test file) -> one result for each, asked for
            once behind the gate; empty where that was not allowed or is not possible.
        cancelled: true once nobody wants the result.
        report: says in a few words what is being done.
        stream: gets an answer in words piece by piece as it comes, before the whole of it; from the task's thread. None
            where the whole is enough.
    """

    index: Index
    model: CompletionModel | None = None
    chat: ChatModel | None = None
    review: Callable[[Document], tuple[Finding, ...]] = lambda _: ()
    read: Callable[[Path], str | None] = lambda _: None
    files: Callable[[], Iterable[Path]] = tuple
    roots: tuple[Path, ...] = ()
    run_tests: Callable[[Sequence[Sequence[Change]], Path], Sequence[TestRun]] = _not_run
    cancelled: Callable[[], bool] = lambda: False
    report: Callable[[str], None] = field(default=lambda _: None)
    stream: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing the generator can write.

    Attributes:
        name: in kebab-case, as commands name it.
        kind: of its code action.
        needs: what it cannot do without.
        offer: whether and how it applies to a scene; quick, by syntax alone.
        propose: makes it; blocking. May raise `models.errors.ModelError`, whose sentence is for a person.
        listed: whether it is offered as a code action; others are run by commands only.
    """

    name: str
    kind: Kind
    needs: Needs
    offer: Callable[[Scene], Offer | None]
    propose: Callable[[Scene, Means], Result]
    listed: bool = True
