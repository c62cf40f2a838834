"""Reviews of files that are not open, for clients that ask for the workspace: a file is looked at when it changed.

One thread, file by file, standing back for completions; at most `review.workspaceFiles` files. What is open is left to
`server.lsp.session.reviews`. Start at `WorkspaceReviews.reports`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.reviewer.layers import QUICK
from server.lsp.conversion.diagnostics import diagnostics_of, result_id
from server.lsp.conversion.file_report import FileReport
from server.lsp.session.open_documents import OpenText
from server.lsp.session.reviews import Held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from lsprotocol import types

    from indexing.syntax.documents import Document
    from server.assembly.core import Core, Cores
    from server.lsp.session.open_documents import Documents


BATCH = 20  # files of one partial result


START_WAIT_S = 120.0


HOLD_S = 5.0  # how long a client that has everything is kept waiting for news, instead of asking again at once


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found in a file when it looked like this."""

    mtime_ns: int
    size: int
    identity: str
    items: tuple[types.Diagnostic, ...]


class WorkspaceReviews:
    """The files of one session's workspace folders."""

    def __init__(
        self,
        cores: Cores,
        documents: Documents,
        *,
        busy: Callable[[], bool],
        send_part: Callable[[int | str, object], None],
    ) -> None:
        """`busy`: whether a completion is being computed; `send_part`: sends a part of a result, by its token."""
        self._cores = cores
        self._documents = documents
        self._busy = busy
        self.send_part = send_part
        self._kept: dict[Path, _Kept] = {}
        self._for: object = None  # what the kept ones depend on beside the files
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="workspace-review")
        self._closed = False
        self._news: asyncio.Event | None = None

    async def reports(
        self, roots: tuple[Path, ...], previous: Mapping[str, str], encoding: str
    ) -> AsyncIterator[list[FileReport]]:
        """Batches of reports; `previous` are the identities that the client has, by URI."""
        core = await self._cores.ready(START_WAIT_S)
        if core is None or core.reviewer is None or not core.settings.review.workspace:
            return
        self._news = news = asyncio.Event()
        stopped = asyncio.Event()
        held = Held(lambda: self._closed or stopped.is_set(), self._busy)
        opened = frozenset(document.uri for document in self._documents)
        look = _Look(self, core, roots, opened, encoding, held)
        work = iter(look.batches())
        loop = asyncio.get_running_loop()
        unchanged: list[FileReport] = []
        fresh = False
        try:
            while batch := await loop.run_in_executor(self._pool, next, work, None):
                new = [one for one in batch if previous.get(one.uri) != one.identity]
                unchanged += [FileReport(one.uri, one.identity, None) for one in batch if one not in new]
                fresh = fresh or bool(new)
                if new:
                    yield new
        finally:
            stopped.set()
        gone = [uri for uri in previous if uri not in look.seen and uri not in opened]
        if gone:
            yield [FileReport(uri, result_id(()), ()) for uri in gone]
        elif previous and not fresh:
            await _wait(news)
        yield unchanged

    def touched(self) -> None:
        """Files or settings have changed: who waits for news is answered."""
        if self._news is not None:
            self._news.set()

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self.touched()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def report(self, core: Core, path: Path, state: tuple[int, int], encoding: str, held: Held) -> FileReport | None:
        """The report of a file in that state (mtime in ns, size); None where its content is not reviewed. Blocking."""
        depends = (core.reviewer, core.settings.review, encoding)
        if self._for != depends:
            self._kept, self._for = {}, depends
        kept = self._kept.get(path)
        if kept is None or (kept.mtime_ns, kept.size) != state:
            items = _found(core, path, encoding, held)
            if items is None or held():
                return None
            if len(self._kept) > 2 * core.settings.review.workspace_files:  # most are of files that have gone
                self._kept.clear()
            kept = self._kept[path] = _Kept(*state, result_id(items), items)
        return FileReport(path.as_uri(), kept.identity, kept.items)


@dataclass
class _Look:
    """One look at the workspace, in the thread."""

    of: WorkspaceReviews
    core: Core
    roots: tuple[Path, ...]
    opened: frozenset[str]
    encoding: str
    held: Held

    def __post_init__(self) -> None:
        self.seen: set[str] = set()

    def batches(self) -> Iterator[list[FileReport]]:
        """The reports of all files, in batches."""
        batch: list[FileReport] = []
        for path, state in self._files():
            uri = path.as_uri()
            if uri in self.opened:
                continue
            report = self.of.report(self.core, path, state, self.encoding, self.held)
            if report is not None:
                self.seen.add(uri)
                batch.append(report)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _files(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        from agents.reviewer import reviewed_files  # noqa: PLC0415 (the index's parts, which nobody needs before)

        for root in self.roots:
            try:
                for path, found in reviewed_files.list_files(root, self.core.review_limits, cancelled=self.held):
                    if self.held():
                        return
                    yield path, (found.mtime_ns, found.size)
            except OSError:
                continue  # the folder is gone; the client will say so


def _found(core: Core, path: Path, encoding: str, held: Held) -> tuple[types.Diagnostic, ...] | None:
    from agents.reviewer import reviewed_files  # noqa: PLC0415

    document: Document | str = reviewed_files.read_document(path, core.review_limits)
    if isinstance(document, str) or core.reviewer is None:
        return None
    findings = core.reviewer.review(document, layers=QUICK, cancelled=held)
    opened = OpenText.of(document.uri, document.path, document.language, 0, document.text)
    return tuple(diagnostics_of(findings, opened, encoding))


async def _wait(news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(HOLD_S):
            await news.wait()
    except TimeoutError:
        return
