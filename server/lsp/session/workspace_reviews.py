"""Reviews of files that are not open, for clients that pull diagnostics of the workspace.

One thread reviews file by file and waits while a completion is computed. Files whose size and time have not changed are
not reviewed again; at most `review.workspaceFiles` files are reviewed. Open documents are left to
`server.lsp.session.reviews`. Start at `WorkspaceReviews.iterate_reports`.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.findings import QUICK
from server.lsp.conversion.diagnostics import build_diagnostics, compute_result_id
from server.lsp.conversion.file_report import FileReport
from server.lsp.session.open_documents import OpenText
from server.lsp.session.reviews import StopCheck

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from lsprotocol import types

    from indexing.syntax.documents import Document
    from indexing.workspace.walk import WalkedFile
    from server.assembly.core import Core, CoreHolder
    from server.lsp.session.open_documents import Documents


BATCH = 20  # files of one partial result
START_WAIT_S = 120.0  # for the program to load
HOLD_S = 5.0  # the answer to a client that knows all findings is held back, or it would ask again at once


@dataclass(frozen=True, slots=True)
class _CachedReport:
    """The diagnostics of a file, with the state of the file that they are valid for."""

    state: WalkedFile
    identity: str
    items: tuple[types.Diagnostic, ...]


class WorkspaceReviews:
    """Reviews the files of one session's workspace folders."""

    def __init__(
        self,
        cores: CoreHolder,
        documents: Documents,
        *,
        busy: Callable[[], bool],
        send_part: Callable[[int | str, object], None],
    ) -> None:
        """Prepare to review.

        Args:
            cores: gives the core, once it is loaded.
            documents: the open documents.
            busy: returns whether a completion is being computed; called from any thread.
            send_part: sends a partial result, given its token.
        """
        self._cores = cores
        self._documents = documents
        self._busy = busy
        self.send_part = send_part
        self._cached: dict[Path, _CachedReport] = {}
        self._cache_key: object = None  # of all cached reviews: the reviewer, its settings, and the encoding
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="workspace-review")
        self._closed = False
        self._changed: asyncio.Event | None = None

    async def iterate_reports(
        self, roots: tuple[Path, ...], previous: Mapping[str, str], encoding: str
    ) -> AsyncIterator[list[FileReport]]:
        """Yield the reports of files that are not open, in batches: changed ones as they come, then unchanged ones.

        A file of `previous` that is gone gets an empty report. If the client has results and none has changed, the
        last batch is held back for `HOLD_S`, or until files or settings change. Yields nothing without a reviewer, or
        if the settings turn reviews of the workspace off.

        Args:
            roots: the workspace folders.
            previous: result ids that the client has, by URI.
            encoding: unit of the client's positions.
        """
        core = await self._cores.wait(START_WAIT_S)
        if core is None or core.reviewer is None or not core.settings.review.workspace:
            return
        self._changed = changed = asyncio.Event()
        stopped = asyncio.Event()
        should_stop = StopCheck(lambda: self._closed or stopped.is_set(), self._busy)
        opened = frozenset(document.uri for document in self._documents)
        scan = _Scan(self, core, roots, opened, encoding, should_stop)
        work = iter(scan.iterate_batches())
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
        gone = [uri for uri in previous if uri not in scan.seen and uri not in opened]
        if gone:
            yield [FileReport(uri, compute_result_id(()), ()) for uri in gone]
        elif previous and not fresh:
            await _wait_for_change(changed)
        yield unchanged

    def answer_waiting(self) -> None:
        """Answer a waiting request now, because files or settings have changed."""
        if self._changed is not None:
            self._changed.set()

    def close(self) -> None:
        """Cancel the running review and accept no more."""
        self._closed = True
        self.answer_waiting()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def get_report(
        self, core: Core, path: Path, state: WalkedFile, encoding: str, should_stop: StopCheck
    ) -> FileReport | None:
        """Return the report of the file at `path`; reviews the file if the cache has no report for `state`. Blocking.

        Args:
            core: the core.
            path: the file.
            state: its modification time and size, and the reasons for exclusion that a rule waives for it.
            encoding: unit of the client's positions.
            should_stop: the check for cancellation.

        Returns:
            The report; None if the file's content excludes it from review, or the review was cancelled.
        """
        key = (core.reviewer, core.settings.review, encoding)
        if self._cache_key != key:
            self._cached, self._cache_key = {}, key
        cached = self._cached.get(path)
        if cached is None or cached.state != state:
            items = _review_file(core, path, state.waived, encoding, should_stop)
            if items is None or should_stop():
                return None
            if len(self._cached) > 2 * core.settings.review.workspace_files:  # most belong to deleted files
                self._cached.clear()
            cached = self._cached[path] = _CachedReport(state, compute_result_id(items), items)
        return FileReport(path.as_uri(), cached.identity, cached.items)


@dataclass
class _Scan:
    """One pass over the files of the workspace, run in the thread.

    Attributes:
        owner: reviews the files and caches their reports.
        core: the core.
        roots: the workspace folders.
        opened: URIs of open documents, which are skipped.
        encoding: unit of the client's positions.
        should_stop: the check for cancellation.
        seen: URIs of the files that were reported.
    """

    owner: WorkspaceReviews
    core: Core
    roots: tuple[Path, ...]
    opened: frozenset[str]
    encoding: str
    should_stop: StopCheck

    def __post_init__(self) -> None:
        self.seen: set[str] = set()

    def iterate_batches(self) -> Iterator[list[FileReport]]:
        """Yield the reports of the files that are neither open nor excluded, in batches of `BATCH`. Blocking."""
        batch: list[FileReport] = []
        for path, state in self._walk_files():
            uri = path.as_uri()
            if uri in self.opened:
                continue
            report = self.owner.get_report(self.core, path, state, self.encoding, self.should_stop)
            if report is not None:
                self.seen.add(uri)
                batch.append(report)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _walk_files(self) -> Iterator[tuple[Path, WalkedFile]]:
        """Yield the path and state of each file to review."""
        from agents.reviewer import reviewed_files  # noqa: PLC0415 (imports much of the index)

        for root in self.roots:
            try:
                for path, found in reviewed_files.list_files(root, self.core.review_limits, cancelled=self.should_stop):
                    if self.should_stop():
                        return
                    yield path, found
            except OSError:
                continue  # the folder does not exist any more; the client will notify us


def _review_file(
    core: Core, path: Path, waived: Collection[str], encoding: str, should_stop: StopCheck
) -> tuple[types.Diagnostic, ...] | None:
    """Return the diagnostics of the saved file at `path`, None if it is not reviewed.

    The reasons in `waived` do not exclude it.
    """
    from agents.reviewer import reviewed_files  # noqa: PLC0415

    document: Document | str = reviewed_files.read_document(path, core.review_limits, waived)
    if isinstance(document, str) or core.reviewer is None:
        return None
    findings = core.reviewer.review(document, layers=QUICK, cancelled=should_stop)
    opened = OpenText.of(document.uri, document.path, document.language, 0, document.text)
    return tuple(build_diagnostics(findings, opened, encoding))


async def _wait_for_change(changed: asyncio.Event) -> None:
    """Wait until `changed` is set, at most `HOLD_S` seconds."""
    try:
        async with asyncio.timeout(HOLD_S):
            await changed.wait()
    except TimeoutError:
        return
