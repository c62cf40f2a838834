"""The index of a workspace, for completion and search: the facade over the store, the indexing process and the search.

Cheap to create: heavy work happens in the indexing process, in a background thread, or at the first query. Queries are
answered from immutable snapshots, so that any thread may ask at any time. Never writes a workspace file. Start at
`Index`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing.limits import IndexLimits
from indexing.process.supervisor import IndexProcess
from indexing.records import Hit, IndexProgress, IndexStatus, Recalled
from indexing.syntax.texts import decode, line_of, line_starts
from indexing.workspace import left_out
from indexing.workspace.access import ALONE, AccessCache, decide, decide_relative
from indexing.workspace.exclusion import Exclusion, Outside
from indexing.workspace.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from indexing.records import Chunk, Query
    from indexing.segments import Ranked
    from indexing.snapshots import Snapshot, Sources
    from indexing.syntax.documents import Document

logger = logging.getLogger(__name__)

__all__ = ["Index", "IndexLimits"]

DEFAULT_LIMITS = IndexLimits()

_SETTLE_S = 0.3  # after the last edit of an open document it is analysed, or earlier at a search
_CHECK_S = 2.0  # between two checks for changes by another server, at queries
_IDLE_CHECK_S = 5.0  # between two such checks without queries
_REPAIR_AGAIN_S = 10.0  # between two repairs; doubled each time that a repair fails
_REPAIR_LATEST_S = 600.0
_SPARE_HITS = 2  # searched beyond the limit, to replace hits whose file has changed


class Index:
    """The index of some workspace folders. Thread-safe.

    Args:
        roots: workspace folders; one inside another is part of the outer one.
        storage: folder of the index files, which may be deleted at any time.
        limits: bounds of indexing.
    """

    def __init__(self, roots: Sequence[Path], *, storage: Path, limits: IndexLimits = DEFAULT_LIMITS) -> None:
        self._storage = storage
        self._limits = limits
        self._process = IndexProcess(storage, limits, self._handle_event)
        self._on_progress: Callable[[IndexProgress], None] | None = None
        self._last = IndexProgress(0, 0)
        self._state = "off"
        self._set_roots(roots)
        self._documents: dict[str, Document] = {}
        self._dirty: dict[str, Document | None] = {}  # None: closed
        self._working = threading.Lock()  # around making a snapshot
        self._loading = threading.Lock()  # around creating and closing `_sources`; taken inside `_working`
        self._snapshot: Snapshot | None = None
        self._ready = threading.Event()  # set while there is a snapshot
        self._checked_at = 0.0
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._repair_at = 0.0
        self._repair_after_s = _REPAIR_AGAIN_S
        self._rebuild_reported = False
        self._passes = 0  # number of finished ones
        self._tell: Callable[[str], None] = lambda _: None

    def _set_roots(self, roots: Sequence[Path]) -> None:
        real = {Path(os.path.realpath(root)) for root in roots}
        self._roots = sorted(root for root in real if not any(parent in real for parent in root.parents))
        self._exclusions = {root: Exclusion(root, self._limits) for root in self._roots}
        self._outside = Outside()
        self._access = AccessCache(self.exclusion)
        self._sources: Sources | None = None

    @property
    def limits(self) -> IndexLimits:
        """Bounds of indexing."""
        return self._limits

    # Lifetime

    def start(self, on_progress: Callable[[IndexProgress], None] | None = None) -> None:
        """Start indexing in a separate process; `on_progress` is called from another thread."""
        self._on_progress = on_progress
        self._state = "indexing"
        self._process.submit("pass", self._roots)
        self._wake_thread()

    def listen(self, tell: Callable[[str], None]) -> None:
        """Call `tell`, from any thread, with a sentence for a person when the index has to be rebuilt."""
        self._tell = tell

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all work is done; return False after `timeout_s`."""
        return self._process.wait(timeout_s)

    def close(self) -> None:
        """End the process and the threads. Idempotent."""
        self._closed.set()
        self._wake.set()
        self._process.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._working:
            self._snapshot = None
            with self._loading:
                if self._sources is not None:
                    self._sources.close()
                    self._sources = None
        if self._documents:
            from indexing.syntax import relexing  # noqa: PLC0415 (numpy, loaded at the first search)

            relexing.forget()

    @property
    def roots(self) -> Sequence[Path]:
        """Real paths of the workspace folders, none inside another."""
        return tuple(self._roots)

    def set_roots(self, roots: Sequence[Path]) -> None:
        """Replace the workspace folders."""
        with self._working:
            with self._loading:
                old = self._sources
                self._set_roots(roots)
            self._snapshot = None
            self._ready.clear()
            self._dirty = {**self._dirty, **self._documents}
            if old is not None:
                old.close()
        if self._state != "off":
            self._process.submit("pass", self._roots)
        self._wake_thread()

    def put(self, document: Document) -> None:
        """Use the editor's text of `document` in searches from now on; it is analysed later."""
        self._documents[document.uri] = document
        self._dirty[document.uri] = document
        self._wake_thread()

    def prepare(self, document: Document) -> None:
        """Tokenise a document that was just opened, so that its first key need not wait for it. Blocks."""
        from indexing.syntax.relexing import read_ahead  # noqa: PLC0415  # numpy: not before `initialize` is answered

        if len(document.text) <= self._limits.open_bytes:
            read_ahead(document.text)

    def drop(self, uri: str) -> None:
        """Forget a closed document, so that its file on disk is searched again."""
        self._access.forget(uri)
        if self._documents.pop(uri, None) is not None:
            self._dirty[uri] = None
            self._wake_thread()

    def touch(self, paths: Collection[Path]) -> None:
        """Index files again that were created, changed or deleted on disk."""
        inside = [path for path in paths if self._find_exclusion(path) is not None]
        if inside:
            if self._state != "off":
                self._state = "indexing"
            self._process.submit("touch", self._roots, inside)

    # Queries

    def exclusion(self, path: Path) -> str:
        """Return why `path` may be neither indexed nor sent to a model, "" if it may; answers are cached."""
        if not path.is_absolute():
            return decide_relative(path, [each.reason for each in self._exclusions.values()], list(self._exclusions))
        exclusion = self._find_exclusion(path)
        if exclusion is not None:
            return exclusion.reason(path)
        return self._outside.reason(path, self._exclusions)

    def find_withholding(self, document: Document) -> str:
        """Return why no model may see `document`, "" if one may; answers are cached."""
        reason = self._access.reason(document)
        return "" if reason in ALONE else reason

    def is_shared(self, document: Document) -> bool:
        """Return whether `document` may be searched and be part of prompts about other documents."""
        return not self._access.reason(document)

    def find_waived_reasons(self, path: Path) -> tuple[str, ...]:
        """Return the reasons of the content of `path` that do not exclude it, because a rule includes it."""
        exclusion = self._find_exclusion(path)
        return exclusion.find_waived_reasons_at(path) if exclusion is not None else ()

    def explain(self, path: Path) -> str:
        """Return a sentence that says why `path` is excluded and how to include it; "" if it is not excluded."""
        exclusion = self._find_exclusion(path) if path.is_absolute() else None
        reason, what = exclusion.locate_reason(path) if exclusion is not None else (self.exclusion(path), path.name)
        return left_out.explain(path.name, reason, what) if reason else ""

    def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        """Return up to `limit` pieces of the workspace for `query`, best first.

        After `deadline` (a moment of `time.monotonic`) the search ends with what it has.
        """
        snapshot = self._get_snapshot(deadline, analyse=True)
        if snapshot is None:
            return ()
        own = self._find_key(snapshot, query.path)
        ranked = snapshot.view.search(query, own=own, limit=limit + _SPARE_HITS, deadline=deadline)
        return self._make_hits(snapshot, ranked, limit)

    def recall(
        self,
        document: Document,
        offset: int,
        *,
        whole_block: bool = False,
        limit: int = 5,
        deadline: float | None = None,
    ) -> tuple[Recalled, ...]:
        """Return continuations found after the same tokens as those before `offset` (code points), best first."""
        snapshot = self._get_snapshot(deadline, analyse=deadline is None)
        if snapshot is None:
            return ()
        own = snapshot.keys.get(document.uri) or self._find_key(snapshot, document.path)
        prefix, suffix = document.text[:offset], document.text[offset:]
        matches = snapshot.view.recall(
            prefix,
            suffix,
            language=document.language,
            own=own,
            whole_block=whole_block,
            limit=limit,
            deadline=deadline,
        )
        result = []
        for match in matches:
            same = match.key is None or match.key == own
            source = snapshot.view.relative(match.key) if match.key is not None else _name_document(document)
            result.append(
                Recalled(
                    match.text,
                    match.matched_tokens,
                    match.agreement,
                    match.votes,
                    same,
                    source,
                    match.confidence,
                    match.column,
                )
            )
        return tuple(result)

    def find_definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Return definitions of `names` in other files, first in those that `document` imports the names from."""
        snapshot = self._get_snapshot(deadline, analyse=True)
        if snapshot is None:
            return ()
        own = snapshot.keys.get(document.uri) or self._find_key(snapshot, document.path)
        ranked = snapshot.view.find_definitions(
            names,
            imported_modules=self._list_modules(document, names),
            own=own,
            limit=limit + _SPARE_HITS,
            deadline=deadline,
        )
        return self._make_hits(snapshot, ranked, limit)

    def status(self) -> IndexStatus:
        """Return state and figures of the index."""
        files = chunks = symbols = bytes_indexed = 0
        skipped: dict[str, int] = {}
        by_language: dict[str, int] = {}
        passes: list[float] = []
        store_bytes = 0
        for places, counts, indexed_at in self._load_sources().count():
            store_bytes += sum(_measure_size(path) for path in places.list_files())
            if indexed_at:
                passes.append(float(indexed_at))
            if counts is not None:
                files += counts.files
                chunks += counts.chunks
                symbols += counts.symbols
                bytes_indexed += counts.bytes_indexed
                _add(skipped, counts.skipped)
                _add(by_language, counts.by_language)
        problem = self._process.problem
        busy = self._process.busy  # also until its results are loaded, so that a search finds them
        return IndexStatus(
            "failed" if problem and not busy else "indexing" if busy and self._state == "ready" else self._state,
            files,
            chunks,
            symbols,
            bytes_indexed,
            skipped=skipped,
            by_language=by_language,
            store_bytes=store_bytes,
            indexed_at=min(passes) if passes else None,
            problem=problem,
        )

    # Snapshots

    def _handle_event(self, event: dict[str, Any]) -> None:
        """Handle an event of the indexing process; runs in its reading thread."""
        kind = event["event"]
        if kind == "waiting":
            self._state = "waiting"
        elif kind == "working":
            self._state = "indexing"
        elif kind == "changed":
            self._make_snapshot(load=True)
        elif kind == "anew":
            self._report_rebuild(event["why"])
        elif kind == "progress":
            self._last = IndexProgress(event["done"], event["total"])
            self._report(self._last)
        elif kind == "finished":
            self._state = "ready"
            self._report(IndexProgress(self._last.total, self._last.total, finished=True))
            if (sources := self._sources) is not None and sources.is_stale():  # deleted or replaced meanwhile
                self._make_snapshot(load=True)
            self._rebuild_reported = self._rebuild_reported and bool(event.get("problem"))
            self._passes += 1

    def _repair(self) -> None:
        """Rebuild an index that was deleted or damaged, after longer and longer pauses while that fails."""
        now, passes = time.monotonic(), self._passes
        damage = self._load_sources().find_damage()
        if not damage:
            self._repair_at, self._repair_after_s = 0.0, _REPAIR_AGAIN_S
        elif passes != self._passes:
            pass  # a pass has ended since and may have repaired it
        elif self._state != "off" and not self._process.busy and now >= self._repair_at:
            self._repair_at = now + self._repair_after_s
            self._repair_after_s = min(2 * self._repair_after_s, _REPAIR_LATEST_S)
            if damage == "missing":
                self._report_rebuild("was deleted")
            self._state = "indexing"
            self._process.submit("check" if damage == "damaged" else "pass", self._roots)

    def _report_rebuild(self, why: str) -> None:
        """Report that the index is being rebuilt, once until it is complete again."""
        if self._rebuild_reported:
            return
        self._rebuild_reported = True
        sentence = f"The index of this workspace {why}; it is being rebuilt."
        logger.warning("%s", sentence)
        self._tell(sentence)

    def _report(self, progress: IndexProgress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)

    def _load_sources(self) -> Sources:
        if (sources := self._sources) is not None:
            return sources
        from indexing.snapshots import Sources  # noqa: PLC0415  # numpy: not before `initialize` is answered

        with self._loading:  # a second instance would lack the documents opened in the first
            if (sources := self._sources) is None:
                sources = Sources(self._roots, self._storage, self._limits)
                sources.load()
                self._sources = sources
        return sources

    def _make_snapshot(self, *, load: bool = False) -> Snapshot:
        """Analyse changed open documents and make a new snapshot; loads the stored index again if `load`."""
        with self._working:
            sources = self._load_sources()
            if load:
                sources.load()
            for uri in list(self._dirty):
                document = self._dirty.pop(uri)
                if document is None:
                    sources.close_document(uri)
                else:
                    sources.open(document, shared=not decide(document, self.exclusion))
            snapshot = sources.make_snapshot()
            snapshot.view.prepare()  # here, so that the next key need not wait for it
            self._snapshot = snapshot
            self._ready.set()
            return snapshot

    def _get_snapshot(self, deadline: float | None, *, analyse: bool) -> Snapshot | None:
        """Return the snapshot to answer from; with `analyse`, one with all open documents if there is time for it.

        None if there is no snapshot yet and making one takes longer than until the deadline.
        """
        snapshot = self._snapshot
        now = time.monotonic()
        if now - self._checked_at > _CHECK_S:
            self._checked_at = now
            self._wake_thread()
        if deadline is None:
            return self._make_snapshot() if snapshot is None or (analyse and self._dirty) else snapshot
        if snapshot is None:
            self._wake_thread()
            self._ready.wait(max(0.0, deadline - now))
            return self._snapshot
        in_time = self._estimate_analysis_s() < (deadline - now) / 2 and not self._working.locked()
        return self._make_snapshot() if analyse and self._dirty and in_time else snapshot

    def _estimate_analysis_s(self) -> float:
        """Return the seconds that analysing the changed documents will take, at 2.5 MB/s (half of a bare parse)."""
        return sum(len(each.text) for each in list(self._dirty.values()) if each is not None) / 2.5e6

    def _wake_thread(self) -> None:
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._follow_changes, name="index-documents", daemon=True)
            self._thread.start()
        self._wake.set()

    def _follow_changes(self) -> None:
        """Analyse documents some time after their last edit, and load what other servers indexed; runs in a thread."""
        while True:
            self._wake.wait(_IDLE_CHECK_S)
            until = time.monotonic() + _IDLE_CHECK_S  # also while edits never pause
            while not self._closed.is_set() and self._wake.is_set() and time.monotonic() < until:
                self._wake.clear()
                if self._snapshot is not None:
                    self._closed.wait(_SETTLE_S)
            if self._closed.is_set():
                return
            is_stale = self._load_sources().is_stale()
            settled = not self._wake.is_set()
            if (self._dirty and settled) or is_stale or self._snapshot is None:
                self._make_snapshot(load=is_stale)
            self._repair()

    # Results

    def _find_exclusion(self, path: Path) -> Exclusion | None:
        """Return the filter of the root that contains `path`; None for none."""
        for root, exclusion in self._exclusions.items():
            if path.is_relative_to(root):
                return exclusion
        real = Path(os.path.realpath(path))
        return next((found for root, found in self._exclusions.items() if real.is_relative_to(root)), None)

    def _find_key(self, snapshot: Snapshot, path: Path | None) -> tuple[str, int] | None:
        if path is None:
            return None
        for key, opened in snapshot.opened.items():
            if opened.document.path == path:
                return key
        if path not in snapshot.known:
            snapshot.known[path] = self._load_sources().find_file_key(path)
        return snapshot.known[path]

    def _list_modules(self, document: Document, names: Collection[str]) -> list[str]:
        """Return the modules that `document` imports, those that provide `names` first."""
        opened = self._load_sources().get_open_document(document.uri)
        if opened is not None:
            imports = opened.analysis.imports
        else:
            from indexing.syntax.syntax import Syntax  # noqa: PLC0415  # tree-sitter

            imports = Syntax.of(document).imports
        wanted = set(names)
        ordered = sorted(imports, key=lambda each: wanted.isdisjoint(each.names))
        return list(dict.fromkeys(each.module for each in ordered))

    def _make_hits(self, snapshot: Snapshot, ranked: Sequence[Ranked], limit: int) -> tuple[Hit, ...]:
        """Return hits for ranked chunks that may be shown and are still in their file; indexes stale files again."""
        hits: list[Hit] = []
        stale: list[Path] = []
        texts: dict[tuple[str, int], str | None] = {}
        for each in ranked:
            if len(hits) == limit:
                break
            chunk = snapshot.view.chunk(each.key, each.chunk)
            piece = snapshot.view.text(each.key, chunk.span)
            path = snapshot.resolve_path(each.key)
            if not self._is_shown(snapshot, each.key, path):
                continue  # the rules have changed since it was indexed
            if each.key not in texts:
                texts[each.key] = self._read_text(snapshot, each.key, path)
            first_line = _find_line(texts[each.key], chunk, piece)
            if first_line is None:
                stale.append(path)
                continue
            last_line = first_line + chunk.last_line - chunk.first_line
            relative = snapshot.view.relative(each.key)
            hits.append(Hit(path, relative, first_line, last_line, piece, each.score, chunk.name))
        if stale and self._state != "off":
            self.touch(stale)
        return tuple(hits)

    def _is_shown(self, snapshot: Snapshot, key: tuple[str, int], path: Path) -> bool:
        """Return whether an indexed file may still be part of prompts about other documents."""
        opened = snapshot.opened.get(key)
        return self.is_shared(opened.document) if opened is not None else not self.exclusion(path)

    def _read_text(self, snapshot: Snapshot, key: tuple[str, int], path: Path) -> str | None:
        """Return the current text of a file, from the editor or from disk; None if it is gone."""
        opened = snapshot.opened.get(key)
        if opened is not None:
            return self._documents.get(opened.document.uri, opened.document).text
        try:
            data, _ = read_regular(path, self._limits.max_file_bytes + 1)
        except OSError:
            return None
        return decode(data) if len(data) <= self._limits.max_file_bytes else None


def _find_line(text: str | None, chunk: Chunk, piece: str) -> int | None:
    """Return the line of the chunk's text `piece` in the current `text`; None if it is no longer there."""
    if text is None:
        return None
    if text.startswith(piece, chunk.span.start):
        before = chunk.span.start
        if before == 0 or text[before - 1] in "\r\n":
            return line_of(line_starts(text[: before + 1]), before)
    at = text.find(piece)
    while at > 0 and text[at - 1] not in "\r\n":
        at = text.find(piece, at + 1)
    if at < 0:
        return None
    return line_of(line_starts(text[: at + 1]), at)


def _name_document(document: Document) -> str:
    return document.path.name if document.path is not None else document.uri


def _measure_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _add(totals: dict[str, int], more: dict[str, int]) -> None:
    for key, count in more.items():
        totals[key] = totals.get(key, 0) + count
