"""Asking on the terminal: the diff in colour, then one question; a client of the gate like any editor.

Without a terminal nobody can be asked, and nothing is written unless `--yes` named every kind of change that a proposal
holds. Everything is written to stderr, for stdout is the command's answer. What an agent wrote cannot drive the
terminal. Start at `TerminalAsker`.
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
from agents.tools import GIT_COMMIT
from server.cli import terminal
from server.gate.ports import Answer
from server.gate.question import wording

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.text import Text

    from server.gate.ports import Question


class Kind(StrEnum):
    """A kind of change, as `--yes` names it."""

    EDIT = "edit"
    CREATE = "create"
    RENAME = "rename"
    DELETE = "delete"
    RUN = "run"
    COMMIT = "commit"


Yes = Annotated[
    list[Kind] | None,
    typer.Option(
        "--yes",
        metavar="KIND",
        help=f"Make changes of this kind without a question: {', '.join(Kind)}; may be given several times.",
    ),
]

KEYS = {Answer.APPROVE: "y", Answer.APPROVE_TASK: "a", Answer.REJECT: "n", None: "s"}
STYLES = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red", "Warning:": "bold yellow"}


class TerminalAsker:
    """Asks the person at the terminal.

    Args:
        yes: kinds of change that need no question.
        entered: where answers come from; a test hands in its own.
    """

    def __init__(self, yes: Collection[Kind] = (), entered: TextIO | None = None) -> None:
        self._yes = frozenset(yes)
        self._entered = entered or sys.stdin
        self._lines: Lines | None = None
        self._turn = asyncio.Lock()

    def asks_while_applying(self, question: Question) -> bool:  # noqa: ARG002 (a terminal applies nothing)
        """Nothing but a question asks here."""
        return False

    def find_obstacle(self, question: Question) -> str:
        """Why nobody can be asked, and which `--yes` would do."""
        missing = kinds_of(question) - self._yes
        if not missing or (self._entered.isatty() and sys.stderr.isatty()):
            return ""
        wanted = " ".join(f"--yes {kind}" for kind in Kind if kind in missing)
        return f"There is no terminal to ask on, so nothing is written; run it in one, or allow it with {wanted}."

    async def ask(self, question: Question) -> Answer:
        """Show the diff and ask, unless `--yes` has answered; who wants to see it again decides after that."""
        async with self._turn:
            show(question)
            if kinds_of(question) <= self._yes:
                terminal.note("allowed by --yes.")
                return Answer.APPROVE
            if self._lines is None:
                self._lines = Lines(self._entered)
            self._lines.forget()
            while (answer := await self._choose(question, self._lines)) is None:
                show(question)
            return answer

    async def _choose(self, question: Question, lines: Lines) -> Answer | None:
        """What a person entered, None for seeing it again; an empty line is a no, and so is the end of the input."""
        offered = wording.list_answers(question, showing=True)
        prompt = ", ".join(f"{KEYS[answer]}: {title.lower()}" for title, answer in offered.items())
        chosen = {KEYS[answer]: answer for answer in offered.values()}
        while True:
            sys.stderr.write(f"{terminal.printable(wording.phrase_line(question))}\n[{prompt}] ")
            sys.stderr.flush()
            line = await lines.next()
            entered = line.strip().lower()
            if not entered:
                return Answer.REJECT
            if (key := {"yes": "y", "no": "n"}.get(entered, entered)) in chosen:
                return chosen[key]


def show(question: Question) -> None:
    """Write the diff and all there is to know, in colour where there is a terminal."""
    console = terminal.err()
    console.print(coloured(wording.phrase_document(question)), soft_wrap=True)


def coloured(text: str) -> Text:
    """A diff and its head for a terminal; control characters are shown, not sent."""
    from rich.text import Text  # noqa: PLC0415 (60 ms that commands without a question need not pay)

    whole = Text()
    for number, line in enumerate(terminal.printable(text).split("\n")):
        style = next((style for begin, style in STYLES.items() if line.startswith(begin)), "")
        whole.append(f"{line}\n" if line else "\n", style="bold" if number == 0 else style)
    whole.right_crop(1)
    return whole


def kinds_of(question: Question) -> frozenset[Kind]:
    """All kinds of change that a yes would allow."""
    if question.proposal is None:
        return frozenset({Kind.COMMIT if question.tool == GIT_COMMIT else Kind.RUN})
    table = {CreateFile: Kind.CREATE, RenameFile: Kind.RENAME, DeleteFile: Kind.DELETE}
    return frozenset(table.get(type(change), Kind.EDIT) for change in question.proposal.changes)


@dataclass
class Lines:
    """Lines that a person enters, read in a thread: a question that is over does not hold the program up.

    What was entered before a question, or for one that is over, answers nothing.
    """

    source: TextIO
    _waiting: asyncio.Future[str] | None = None
    _reading: bool = field(default=False)

    def forget(self) -> None:
        """Whatever was entered so far, or for an earlier question that nobody waits for, is dropped."""
        self._waiting = None
        if termios is not None and self.source.isatty():
            termios.tcflush(self.source.fileno(), termios.TCIFLUSH)

    async def next(self) -> str:
        """The next line; "" at the end of the input."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()

        def read() -> None:
            line = self.source.readline()
            with contextlib.suppress(RuntimeError):  # the program ended meanwhile
                loop.call_soon_threadsafe(self._came, line)

        if not self._reading:
            self._reading = True
            threading.Thread(target=read, name="terminal", daemon=True).start()
        line: str = await waiting
        return line

    def _came(self, line: str) -> None:
        self._reading = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(line)
