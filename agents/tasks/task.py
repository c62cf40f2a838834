"""The interface of a task: its input, its offer and its result. Start at `Task`.

A task looks at a place and returns whether it applies (`offer`: by syntax only, in microseconds, on any thread). After
a person has chosen it, it makes a proposal (`propose`: blocking, on a worker thread). It never writes a file, runs a
program or asks a person: all that it may use is in `Resources`.
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
    """The model that a task cannot work without."""

    NOTHING = "nothing"  # works by syntax alone; uses a model if there is one
    COMPLETION = "completion"
    CHAT = "chat"
    EITHER = "either"  # a chat model, or else a completion model


class Kind(StrEnum):
    """The LSP kind of a task's code action."""

    QUICK_FIX = "quickfix"
    REWRITE = "refactor.rewrite"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Scene:
    """The place that a task is applied to.

    Attributes:
        document: the document as it is in the editor.
        syntax: its syntax; may be unavailable (unknown language, too large).
        span: the selection; empty at a cursor without one.
        findings: the reviewer's findings that touch the span; may be older than the text.
        instruction: what the person asks for in words, "" for nothing.
    """

    document: Document
    syntax: Syntax
    span: Span
    findings: tuple[Finding, ...] = ()
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A task's statement that it applies at a place.

    Attributes:
        title: an imperative of a few words ("Write a docstring for `area`").
        span: the code that it is about; the chosen task gets it as the span of its scene.
        preferred: whether it is the most likely choice there.
        finding: the finding that it would fix, None for none.
    """

    title: str
    span: Span
    preferred: bool = False
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """The result of a task that proposes nothing.

    Attributes:
        reason: one sentence for a person, with the next step where there is one.
        unavailable: whether the task was not started, because its model is missing or no model may see the document.
    """

    reason: str
    unavailable: bool = False


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """The Markdown answer of a task that changes no code, and the name of the model that wrote it."""

    text: str
    model: str = ""


Result = ProposedEdit | TextAnswer | Nothing


@dataclass(frozen=True, slots=True)
class TestRun:
    """The result of a test run.

    Attributes:
        ran: whether the tests were run at all.
        passed: number of tests that passed.
        failed: number of tests that failed or could not be collected.
        output: the end of the run's output, or one sentence that says why nothing ran.
    """

    __test__ = False  # keeps pytest from collecting the class as a test

    ran: bool
    passed: int = 0
    failed: int = 0
    output: str = ""

    @property
    def green(self) -> bool:
        """Whether the tests ran, at least one passed and none failed."""
        return self.ran and self.passed > 0 and not self.failed


def _run_no_tests(_: Sequence[Sequence[Change]], __: Path) -> Sequence[TestRun]:
    """Return no results, the default where tests cannot be run."""
    return ()


@dataclass(frozen=True, slots=True)
class Resources:
    """The services and limits that a task works with.

    Attributes:
        index: the index of the workspace.
        model: the completion model; None for none.
        chat: the chat model; None for none.
        review: returns the static layer's findings in a document; blocking.
        read: returns the current text of a workspace file, None if it does not exist or must not be read.
        files: returns the absolute paths of the workspace's readable files.
        roots: workspace folders.
        run_tests: takes the changes of each candidate and the path of the test file; returns one result for each
            candidate. Asks a person for permission once, through the gate; empty where that is refused or impossible.
        cancelled: returns true once the request is cancelled.
        report: takes a few words about the current step, for the progress display.
        stream: takes the pieces of a text answer as they come, on the task's thread; None where only the whole counts.
    """

    index: Index
    model: CompletionModel | None = None
    chat: ChatModel | None = None
    review: Callable[[Document], tuple[Finding, ...]] = lambda _: ()
    read: Callable[[Path], str | None] = lambda _: None
    files: Callable[[], Iterable[Path]] = tuple
    roots: tuple[Path, ...] = ()
    run_tests: Callable[[Sequence[Sequence[Change]], Path], Sequence[TestRun]] = _run_no_tests
    cancelled: Callable[[], bool] = lambda: False
    report: Callable[[str], None] = field(default=lambda _: None)
    stream: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of code or text that a person can ask for.

    Attributes:
        name: in kebab-case, as commands name it.
        kind: of its code action.
        needs: the model that it cannot work without.
        offer: returns how it applies to a scene, None where it does not; quick, by syntax alone.
        propose: returns the result; blocking. May raise `models.errors.ModelError`, whose message is for a person.
        listed: whether it is offered as a code action; other tasks are run by commands only.
    """

    name: str
    kind: Kind
    needs: Needs
    offer: Callable[[Scene], Offer | None]
    propose: Callable[[Scene, Resources], Result]
    listed: bool = True
