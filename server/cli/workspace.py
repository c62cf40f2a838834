"""The core of one workspace for a command: settings, index and model, and a progress bar for indexing.

Start at `open_core`.
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

TICK_S = 0.1  # between two redraws of the bar, when Ctrl-C is noticed, too


@dataclass
class IndexingProgress:
    """The progress of indexing; written by the index's thread.

    Attributes:
        done: number of files read.
        total: number of files to read.
        finished: set once all are done.
    """

    done: int = 0
    total: int = 0
    finished: threading.Event = field(default_factory=threading.Event)

    def report(self, progress: IndexProgress) -> None:
        """Store the progress that the index reports."""
        self.done, self.total = progress.done, progress.total
        if progress.finished:
            self.finished.set()


@contextlib.contextmanager
def open_core(root: Path) -> Iterator[Core]:
    """Yield the core of the workspace `root` (settings, index, model, generator) and close it afterwards.

    Starts nothing; writes problems of the settings and models to stderr.

    Raises:
        Failure: no folder for the index can be written.
    """
    from server.assembly import core  # noqa: PLC0415 (pydantic, numpy and tree-sitter; `--help` starts without)
    from server.assembly.observation import switching  # noqa: PLC0415 (as above)

    storage = paths.ensure_writable(paths.index_dir())
    if storage.path is None:
        raise Failure(storage.problem)
    built = core.build([root], None, None, foreground=True)
    for problem in (*built.problems, *switching.apply(built.settings, metrics=False)):
        terminal.note(problem)
    built.chats.set_listener(terminal.note)
    try:
        yield built
    finally:
        built.close()


def check_rules(core: Core) -> None:
    """Check that all rules which deny or ask about calls could be read.

    Raises:
        Failure: some could not, so that agents must not work.
    """
    from server.assembly.policies import build_rules  # noqa: PLC0415 (as above)

    if refusal := build_rules(core.settings).explain_unreadable():
        raise Failure(refusal)


def bring_up_to_date(index: Index, *, wait_s: float | None, show: bool = True) -> IndexingProgress:
    """Start `index`, wait until it is up to date, and return the progress.

    Waits at most `wait_s` seconds, None for no limit. Shows a bar on stderr if that is a terminal and `show` is set.
    """
    work = IndexingProgress()
    deadline = None if wait_s is None else time.monotonic() + wait_s
    console = terminal.get_stderr()
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


def embed_code(index: Index) -> None:
    """Embed the code of `index` that has no vector, with a bar if stderr is a terminal; nothing without a model.

    Raises:
        Failure: the model cannot compute, or the vectors cannot be written.
    """
    if not index.vectors.is_on:
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    from indexing.vectors.text_embedder import EmbeddingError  # noqa: PLC0415 (with an embedding model alone)

    columns = (TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TextColumn("pieces"), TimeElapsedColumn())
    console = terminal.get_stderr()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("embedding", total=None)
        index.load()
        try:
            index.vectors.embed_all(
                lambda: True, lambda found: bar.update(task, completed=found.embedded, total=found.pieces)
            )
        except (EmbeddingError, OSError) as error:
            raise Failure(str(error)) from error
