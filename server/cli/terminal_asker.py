"""The asker of the command line: shows the diff in colour on the terminal, then asks one question.

Without a terminal nothing is written, unless `--yes` names every kind of change in the proposal. Writes to stderr only;
stdout is for the command's answer. Escapes control characters in what an agent wrote. Start at `TerminalAsker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from agents.edits import CreateFile, DeleteFile, RenameFile
from agents.tools import DEPLOY, GIT_COMMIT, ROLL_BACK
from server.cli import terminal, terminal_parts
from server.gate.ports import Answer
from server.gate.question import wording

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from rich.text import Text

    from server.gate.ports import Question, TakenParts


class Kind(StrEnum):
    """A kind of change, as a value of `--yes`."""

    EDIT = "edit"
    CREATE = "create"
    RENAME = "rename"
    DELETE = "delete"
    RUN = "run"
    COMMIT = "commit"
    PLAN = "plan"
    DEPLOY = "deploy"


Yes = Annotated[
    list[Kind] | None,
    typer.Option(
        "--yes",
        metavar="KIND",
        help=f"Make changes of this kind without a question: {', '.join(Kind)}; may be given several times.",
    ),
]

KEYS = {Answer.APPROVE: "y", Answer.APPROVE_TASK: "a", Answer.REJECT: "n", None: "s"}
CHOOSE = "p"
STYLES = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red", "Warning:": "bold yellow"}


_KIND_OF_TOOL = {GIT_COMMIT: Kind.COMMIT, DEPLOY: Kind.DEPLOY, ROLL_BACK: Kind.DEPLOY}
"""The kind of an approved call that runs no other command, by its tool."""


class TerminalAsker:
    """Asks the person at the terminal.

    Args:
        yes: kinds of change that are approved without a question.
        entered: the stream of answers; stdin unless a test gives another one.
    """

    def __init__(self, yes: Collection[Kind] = (), entered: TextIO | None = None) -> None:
        self._yes = frozenset(yes)
        self._entered = entered or sys.stdin
        self._lines: Lines | None = None
        self._turn = asyncio.Lock()

    @property
    def starts_plans(self) -> bool:
        """Whether `--yes` starts the plans of agents without a question."""
        return Kind.PLAN in self._yes

    @property
    def has_terminal(self) -> bool:
        """Whether a person can be asked: both the answers' stream and stderr are a terminal."""
        return self._entered.isatty() and sys.stderr.isatty()

    def asks_while_applying(self, question: Question) -> bool:  # noqa: ARG002 (a terminal applies nothing)
        """Return False: here the question is always asked before the change is applied."""
        return False

    def find_obstacle(self, question: Question) -> str:
        """Return a message if nobody can be asked and `--yes` does not allow the change, with the options that would.

        "" if the question can be asked or needs none.
        """
        missing = find_kinds(question) - self._yes
        if not missing or question.is_approved_by_rule or self.has_terminal:
            return ""
        wanted = " ".join(f"--yes {kind}" for kind in Kind if kind in missing)
        return f"There is no terminal to ask on, so nothing is written; run the command in one, or add {wanted}."

    async def ask(self, question: Question) -> Answer | TakenParts:
        """Show the diff, ask and return the answer; approve without asking if `--yes` allows all kinds of change.

        A second question waits for the first, and the time to answer it begins afterwards.
        """
        if self._turn.locked():
            question.clock.stop()
        async with self.take_turn() as lines:
            question.clock.start()
            show(question)
            if find_kinds(question) <= self._yes:
                terminal.note("allowed by --yes.")
                return Answer.APPROVE
            while (answer := await self._choose(question, lines)) is None:
                show(question)
            return answer

    @contextlib.asynccontextmanager
    async def take_turn(self) -> AsyncIterator[Lines]:
        """Wait until no other question is open; yield the person's lines, without those entered before."""
        async with self._turn:
            if self._lines is None:
                self._lines = Lines(self._entered)
            self._lines.discard()
            yield self._lines

    async def _choose(self, question: Question, lines: Lines) -> Answer | TakenParts | None:
        """Ask until a valid answer is entered and return it; None to show the diff again.

        An empty line or the end of the input is a rejection. A proposal of several parts can be answered part by part.
        """
        offered = wording.list_answers(question, showing=question.proposal is not None)
        titles = {KEYS[answer]: title.lower() for title, answer in offered.items()}
        if len(question.hunks) > 1:
            reject = titles.pop(KEYS[Answer.REJECT])
            titles |= {CHOOSE: wording.CHOOSE.lower(), KEYS[Answer.REJECT]: reject}
        prompt = ", ".join(f"{key}: {title}" for key, title in titles.items())
        chosen = {KEYS[answer]: answer for answer in offered.values()}
        while True:
            sys.stderr.write(f"{terminal.escape(wording.format_line(question))}\n[{prompt}] ")
            sys.stderr.flush()
            line = await lines.read_next()
            entered = line.strip().lower()
            if not entered:
                return Answer.REJECT
            if (key := {"yes": "y", "no": "n"}.get(entered, entered)) in chosen:
                return chosen[key]
            if key == CHOOSE and len(question.hunks) > 1:
                return await terminal_parts.choose_parts(question.hunks, _print_diff, lines.read_next)


def show(question: Question) -> None:
    """Write the whole question with its diff to stderr, in colour on a terminal."""
    _print_diff(wording.format_document(question))


def _print_diff(text: str) -> None:
    """Write `text` to stderr, coloured as a diff on a terminal."""
    terminal.get_stderr().print(colour(text), soft_wrap=True)


def colour(text: str) -> Text:
    """Return the text of a question coloured as a diff, with control characters escaped."""
    from rich.text import Text  # noqa: PLC0415 (60 ms, which commands without a question save)

    whole = Text()
    for number, line in enumerate(terminal.escape(text).split("\n")):
        style = next((style for begin, style in STYLES.items() if line.startswith(begin)), "")
        whole.append(f"{line}\n" if line else "\n", style="bold" if number == 0 else style)
    whole.right_crop(1)
    return whole


def find_kinds(question: Question) -> frozenset[Kind]:
    """Return the kinds of change that an approval of `question` would allow."""
    if question.proposal is None:
        return frozenset({_KIND_OF_TOOL.get(question.tool, Kind.RUN)})
    table = {CreateFile: Kind.CREATE, RenameFile: Kind.RENAME, DeleteFile: Kind.DELETE}
    return frozenset(table.get(type(change), Kind.EDIT) for change in question.proposal.changes)


@dataclass
class Lines:
    """The lines that a person enters, read in a thread, so that the program can end while a question is open.

    A line entered before a question, or after its end, does not answer it.
    """

    source: TextIO
    _waiting: asyncio.Future[str] | None = None
    _reading: bool = field(default=False)

    def discard(self) -> None:
        """Discard all input so far, so that it does not answer the next question."""
        self._waiting = None
        if termios is not None and self.source.isatty():
            termios.tcflush(self.source.fileno(), termios.TCIFLUSH)

    async def read_next(self) -> str:
        """Wait for the next line and return it with its line end; "" at the end of the input."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()

        def read_line() -> None:
            """Read a line in this thread, and hand it to the event loop."""
            line = self.source.readline()
            with contextlib.suppress(RuntimeError):  # the event loop was closed meanwhile
                loop.call_soon_threadsafe(self._receive, line)

        if not self._reading:
            self._reading = True
            threading.Thread(target=read_line, name="terminal", daemon=True).start()
        line: str = await waiting
        return line

    def _receive(self, line: str) -> None:
        """Hand `line` to the question that waits for a line; drop it if none does."""
        self._reading = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(line)
