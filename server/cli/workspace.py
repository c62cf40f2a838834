"""An index of one workspace for the length of a command, with a progress bar while it is made.

Start at `opened`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from server.cli import terminal
from server.cli.terminal import Failure
from server.state import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from indexing.index import Index
    from indexing.records import IndexProgress
    from server.assembly.core import Core

TICK_S = 0.1  # how often a bar is redrawn and Ctrl-C is looked for


@dataclass
class Work:
    """What indexing did so far; written by the index's thread.

    Attributes:
        done: files looked at.
        total: files found.
        finished: set once nothing is left to do.
    """

    done: int = 0
    total: int = 0
    finished: threading.Event = field(default_factory=threading.Event)

    def report(self, progress: IndexProgress) -> None:
        """Take in what the index reports."""
        self.done, self.total = progress.done, progress.total
        if progress.finished:
            self.finished.set()


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Core]:
    """Settings, index, model and generator for `root`, nothing started yet; what is wrong with them goes to stderr.

    Raises:
        Failure: there is no place to keep an index.
    """
    from server.assembly import core  # noqa: PLC0415 (pydantic, numpy and tree-sitter, which --help need not pay)

    storage = paths.writable(paths.index_dir())
    if storage.path is None:
        raise Failure(storage.problem)
    built = core.build([root], None, None, foreground=True)
    for problem in built.problems:
        terminal.note(problem)
    built.chats.listen(terminal.note)
    try:
        yield built
    finally:
        built.close()


def bring_up_to_date(index: Index, *, wait_s: float | None, show: bool = True) -> Work:
    """Start `index` and wait until it is done, at most `wait_s`; on a terminal, with a bar on stderr."""
    work = Work()
    deadline = None if wait_s is None else time.monotonic() + wait_s
    console = terminal.err()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("indexing"), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not (show and console.is_terminal))
    with bar:
        task = bar.add_task("indexing", total=None)
        index.start(work.report)
        while not index.wait(TICK_S):
            bar.update(task, completed=work.done, total=work.total or None)
            if deadline is not None and time.monotonic() > deadline:
                break
    return work
