"""The resources of a task, built from a core: models, index, reviewer, files and test runs.

Reads through the one exclusion filter; writes nothing. Start at `build_resources`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.tasks.task import Resources
from agents.traced_chat import TracedChat
from indexing.syntax.texts import decode
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.files import read_regular
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from agents.edits import Change
    from agents.findings import Finding
    from agents.tasks.task import TestRun
    from indexing.syntax.documents import Document
    from server.assembly.core import Core

_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Files:
    """The files that tasks may read; for any thread.

    Attributes:
        core: the core, whose exclusions apply.
        roots: workspace folders.
        find_open_text: returns the text of an open document by its URI, None if it is not open.
    """

    core: Core
    roots: tuple[Path, ...]
    find_open_text: Callable[[str], str | None] = lambda _: None

    @property
    def test_command(self) -> str:
        """The command for the tests from the user's settings, "" for none."""
        return self.core.settings.review.test_command

    @property
    def test_timeout_s(self) -> float:
        """The longest duration of one run of the tests, in seconds."""
        return self.core.settings.review.test_timeout_s

    def read(self, path: Path) -> str | None:
        """Return the current text of a file, from the editor if it is open.

        Returns None if it is excluded, missing, unreadable, or larger than `_LARGEST` bytes.
        """
        if self.core.index.find_exclusion_reason(path):
            return None
        text = self.find_open_text(path.as_uri())
        if text is not None:
            return text
        try:
            data, _ = read_regular(path, _LARGEST + 1)
        except OSError:
            return None
        return decode(data) if len(data) <= _LARGEST else None

    def list_files(self) -> Iterator[Path]:
        """Yield the files that may be read, folder by folder; in each root at most as many as the index takes."""
        limits = self.core.index_limits
        for root in self.roots:
            if os.access(root, os.R_OK):
                for found in walk(Exclusion(root, limits), limits, WalkCounts()):
                    yield root / found.relative


def build_resources(
    files: Files,
    *,
    cancelled: Callable[[], bool],
    report: Callable[[str], None],
    run_tests: Callable[[Sequence[Sequence[Change]], Path], Sequence[TestRun]],
    stream: Callable[[str], None] | None = None,
) -> Resources:
    """Return the resources of one run of a task.

    Args:
        files: the files that the task may read.
        cancelled: returns whether the task was cancelled.
        report: shows a message about the progress.
        run_tests: runs a test file with each of several changes; returns a result for each run.
        stream: receives the pieces of a model's answer; None if nobody shows them.
    """
    core = files.core

    return Resources(
        core.index,
        core.model,
        TracedChat(core.chat) if core.chat is not None else None,
        review=lambda document: review_statically(core, document, cancelled),
        read=files.read,
        files=files.list_files,
        roots=files.roots,
        run_tests=run_tests,
        cancelled=cancelled,
        report=report,
        stream=stream,
    )


def review_statically(
    core: Core, document: Document, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Finding, ...]:
    """Return the static layer's findings in `document`; () if no model may see it, or there is no reviewer."""
    if core.reviewer is None or core.index.find_withholding_reason(document):
        return ()
    return core.reviewer.review(document, layers=frozenset({Layer.STATIC}), cancelled=cancelled)
