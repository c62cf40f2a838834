"""The index of a workspace, for completion and search: the facade over the store, the indexing process and the search.

Cheap to create: heavy work happens in the indexing process, in a background thread, or at the first query. Queries are
answered from immutable snapshots, so that any thread may ask at any time. Never writes a workspace file. Start at
`Index`.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing import hits, status
from indexing.libraries.discovery import DEPENDENCY_FILES
from indexing.limits import IndexLimits
from indexing.process.sharing import LIBRARIES, IndexingClient
from indexing.records import IndexProgress
from indexing.repair import Repair
from indexing.turns import Turns, take_slot
from indexing.vectors.vector_search import DEPTH, VectorSearch
from indexing.vectors.vector_store import IndexNote
from indexing.workspace import left_out
from indexing.workspace.access import ALONE, AccessCache, find_reason, find_relative_reason
from indexing.workspace.exclusion import Exclusion, Outside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from indexing.records import Hit, IndexStatus, Query, Recalled
    from indexing.resolution.names import DocumentNames
    from indexing.resolution.records import FoundDefinition
    from indexing.segments import FileKey, Ranked
    from indexing.snapshots import Snapshot, Sources
    from indexing.syntax.documents import Document
    from indexing.vectors.text_embedder import TextEmbedder
    from indexing.vectors.vector_store import VectorStore

DEFAULT_LIMITS = IndexLimits()

_SETTLE_S = 0.3  # after the last edit of an open document it is analysed, or earlier at a search
_CHECK_S = 2.0  # between two checks for changes by another server, at queries
_IDLE_CHECK_S = 5.0  # between two such checks without queries
_LIBRARIES_AGAIN_S = 60.0  # between two looks at the installed packages
_LIBRARIES_FAILED_S = 600.0  # the same after they could not be indexed
_turns = Turns(rest=9)  # of analysing open documents in the background: at most a tenth of the time
_SPARE_HITS = 2  # searched beyond the limit, to replace hits whose file has changed


class Index:
    """The index of some workspace folders. Thread-safe.

    Args:
        roots: workspace folders; one inside another is part of the outer one.
        storage: folder of the index files, which may be deleted at any time.
        limits: bounds of indexing.
        embedder: model for search by meaning; None for none.
        store: vectors that other servers computed; None for none.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        storage: Path,
        limits: IndexLimits = DEFAULT_LIMITS,
        embedder: TextEmbedder | None = None,
        store: VectorStore | None = None,
    ) -> None:
        self._storage = storage
        self.vectors = VectorSearch(
            storage, embedder, lambda: self._snapshot, self._is_file_shown, store=store, describe=self._describe
        )
        self._limits = limits
        self._process = IndexingClient(storage, limits, self._handle_event)
        self._on_progress: Callable[[IndexProgress], None] = lambda _: None
        self._last = IndexProgress(0, 0)
        self._state = "off"
        self._set_roots(roots)
        self._documents: dict[str, Document] = {}
        self._dirty: dict[str, Document | None] = {}  # None: closed
        self._working = threading.Lock()  # around making a snapshot
        self._loading = threading.Lock()  # around creating and closing `_sources`; taken inside `_working`
        self._snapshot: Snapshot | None = None
        self._ready = threading.Event()  # set while there is a snapshot
        self._has_news = False  # whether the stored index has changed since it was loaded
        self._checked_at = 0.0
        self._libraries_at = 0.0
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._repair = Repair()

    def _set_roots(self, roots: Sequence[Path]) -> None:
        """Set the workspace folders, without those inside another one, and their filters; forget the loaded indexes."""
        real = {Path(os.path.realpath(root)) for root in roots}
        self._roots = sorted(root for root in real if not any(parent in real for parent in root.parents))
        self._exclusions = {root: Exclusion(root, self._limits) for root in self._roots}
        self._outside = Outside()
        self._access = AccessCache(self.find_exclusion_reason)
        self.vectors.set_roots(self._roots)
        self._sources: Sources | None = None

    @property
    def limits(self) -> IndexLimits:
        """Bounds of indexing."""
        return self._limits

    def start(self, on_progress: Callable[[IndexProgress], None] | None = None) -> None:
        """Start indexing all roots in a separate process; `on_progress` is called from another thread."""
        self._on_progress = on_progress or (lambda _: None)
        self._state = "indexing"
        self._submit_pass()
        self._wake_thread()

    def _submit_pass(self) -> None:
        """Have all roots indexed, then their installed libraries unless they are turned off."""
        self._process.submit("pass", self._roots)
        self._index_libraries()

    def _index_libraries(self) -> None:
        """Have the installed libraries of all roots indexed, unless they are turned off."""
        if self._limits.library_bytes:
            self._libraries_at = time.monotonic()
            self._process.submit(LIBRARIES, self._roots)

    def set_rebuild_listener(self, notify: Callable[[str], None]) -> None:
        """Have `notify` called, from any thread, with a sentence for a person when the index has to be rebuilt."""
        self._repair.notify = notify

    def wait(self, timeout_s: float | None = None, *, libraries: bool = False) -> bool:
        """Wait until no indexing work is left; return whether that was so within `timeout_s` (None: no limit).

        The work on installed libraries is waited for with `libraries` only. What was indexed is found from then on.
        """
        done = self._process.wait(timeout_s, libraries=libraries)
        if self._has_news and not self._closed.is_set():
            self._make_snapshot(load=True)
        return done

    def close(self) -> None:
        """End the indexing process and the threads, close the loaded indexes, and drop cached tokens. Idempotent."""
        self._closed.set()
        self._wake.set()
        self._process.close()
        self.vectors.close()
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
        """Replace the workspace folders; if indexing has started, have the new ones indexed."""
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
            self._submit_pass()
        self._wake_thread()

    def open_document(self, document: Document) -> None:
        """Have searches use the editor's text of `document`, which is analysed in the background or by a search."""
        self.vectors.note_edit()
        self._documents[document.uri] = document
        self._dirty[document.uri] = document
        self._wake_thread()

    def cache_tokens(self, document: Document) -> None:
        """Tokenise a document that was just opened and cache the tokens, so that its first completion is quick.

        Does nothing for a short or large document. Blocks.
        """
        from indexing.syntax.relexing import cache_tokens  # noqa: PLC0415  # numpy: not before `initialize` is answered

        if len(document.text) <= self._limits.open_bytes:
            cache_tokens(document.text)

    def close_document(self, uri: str) -> None:
        """Forget a closed document, so that its file on disk is searched again."""
        self._access.forget(uri)
        if self._documents.pop(uri, None) is not None:
            self._dirty[uri] = None
            self._wake_thread()

    def reindex(self, paths: Collection[Path]) -> None:
        """Have files indexed again that were created, changed or deleted on disk; ignores those in no root.

        Does nothing before `start`.
        """
        inside = [path for path in paths if self._find_exclusion(path) is not None]
        if inside and self._state != "off":
            self._state = "indexing"
            self._process.submit("touch", self._roots, inside)
            if any(path.name in DEPENDENCY_FILES for path in inside):
                self._index_libraries()

    # Queries

    def find_exclusion_reason(self, path: Path) -> str:
        """Return the reason why `path` may be neither indexed nor sent to a model, "" if it may; answers are cached."""
        if not path.is_absolute():
            return find_relative_reason(path, {root: each.find_reason for root, each in self._exclusions.items()})
        exclusion = self._find_exclusion(path)
        if exclusion is not None:
            return exclusion.find_reason(path)
        return self._outside.find_reason(path, self._exclusions)

    def find_withholding_reason(self, document: Document) -> str:
        """Return the reason why no model may see `document`, "" if models may see it; answers are cached."""
        reason = self._access.find_reason(document)
        return "" if reason in ALONE else reason

    def is_shared(self, document: Document) -> bool:
        """Return whether `document` may be searched and be part of prompts about other documents."""
        return not self._access.find_reason(document)

    def find_waived_reasons(self, path: Path) -> tuple[str, ...]:
        """Return the reasons to exclude `path` by content that do not apply, because a rule includes it."""
        exclusion = self._find_exclusion(path)
        return exclusion.find_waived_reasons_at(path) if exclusion is not None else ()

    def explain(self, path: Path) -> str:
        """Return a sentence that says why `path` is excluded and how to include it; "" if it is not excluded."""
        exclusion = self._find_exclusion(path) if path.is_absolute() else None
        reason, what = (
            exclusion.locate_reason(path) if exclusion is not None else (self.find_exclusion_reason(path), path.name)
        )
        return left_out.explain(path.name, reason, what) if reason else ""

    def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        """Return up to `limit` pieces of the workspace for `query`, best first.

        After `deadline` (a moment of `time.monotonic`) the search ends with what it has; () if no index is loaded by
        then. Files that no longer contain the text found are left out and indexed again.
        """
        snapshot = self._get_snapshot(deadline, analyse=True)
        if snapshot is None:
            return ()
        own = self._load_sources().find_key(snapshot, query.path)
        most = limit + _SPARE_HITS
        is_fused = query.meaning and self.vectors.is_on
        depth = max(most, DEPTH) if is_fused else most
        ranked: Sequence[Ranked] = snapshot.view.search(query, own=own, limit=depth, deadline=deadline)
        if is_fused:
            ranked = self.vectors.fuse(snapshot.view, query.text, ranked, most)
        return self._make_hits(snapshot, ranked, limit)

    def load(self) -> None:
        """Load the stored index, if that has not been done; blocks."""
        self._get_snapshot(None, analyse=True)

    def recall(
        self,
        document: Document,
        offset: int,
        *,
        whole_block: bool = False,
        limit: int = 5,
        deadline: float | None = None,
    ) -> tuple[Recalled, ...]:
        """Return up to `limit` continuations found after the same tokens as before `offset` (code points), best first.

        `whole_block` adds the lines that belong to the line found. After `deadline` the search ends with what it has;
        () if no index is loaded by then, or if many other searches of this process are under way.
        """
        snapshot = self._get_snapshot(deadline, analyse=deadline is None)
        if snapshot is None:
            return ()
        own = self._load_sources().find_document_key(snapshot, document)
        prefix, suffix = document.text[:offset], document.text[offset:]
        with take_slot(deadline) as has_slot:
            if not has_slot:
                return ()
            matches = snapshot.view.recall(
                prefix,
                suffix,
                own=own,
                whole_block=whole_block,
                limit=limit,
                deadline=deadline,
            )
        return hits.make_recalled(snapshot, matches, document, own)

    def find_definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Return up to `limit` definitions of `names` in other files, best first.

        First what imported names mean, in the order of `names`; then definitions of the other names, those in files
        that `document` imports before others. After `deadline` the search ends with what it has; () if no index is
        loaded by then. Files that no longer contain the text found are left out and indexed again.
        """
        snapshot = self._get_snapshot(deadline, analyse=self._have_others_changed(document))
        if snapshot is None:
            return ()
        own = self._load_sources().find_document_key(snapshot, document)
        meant = self._find_meanings(snapshot, names, document, deadline)
        others = [name for name in names if name not in meant]
        ranked = snapshot.view.find_definitions(
            others,
            imported_modules=self._load_sources().list_imported_modules(document, others),
            own=own,
            limit=limit + _SPARE_HITS,
            deadline=deadline,
        )
        return self._make_hits(snapshot, [*(each for chunks in meant.values() for each in chunks), *ranked], limit)

    def _find_meanings(
        self, snapshot: Snapshot, names: Collection[str], document: Document, deadline: float | None
    ) -> dict[str, list[Ranked]]:
        """Return, by name, the chunks of what each of `names` means in other files; leaves out names without any."""
        opened = self.open_names(document, len(document.text), deadline=deadline)
        if opened is None:
            return {}
        from indexing.resolution.workspace_names import list_chunks  # noqa: PLC0415  # numpy

        found = {name: list_chunks(snapshot.view, opened.find_meanings(name)) for name in names}
        return {name: chunks for name, chunks in found.items() if chunks}

    def open_names(
        self, document: Document, offset: int, *, deadline: float | None = None, libraries: bool = False
    ) -> DocumentNames | None:
        """Return the names of `document` as they are seen at `offset` (code points): see `DocumentNames`.

        None if its language has no resolution, or if no index is loaded by `deadline` (a moment of `time.monotonic`).
        After the deadline files are no longer parsed: answers come from the tables that are cached. With `libraries`,
        what is imported from the libraries installed for the document's root is known, too.
        """
        if not document.entry.resolution:
            return None
        snapshot = self._get_snapshot(deadline, analyse=self._have_others_changed(document))
        if snapshot is None:
            return None
        sources = self._load_sources()
        return sources.names.open(
            snapshot.view,
            document,
            offset,
            home=sources.locate_document(document),
            key=sources.find_document_key(snapshot, document),
            deadline=deadline,
            libraries=libraries,
        )

    def find_related_definitions(
        self, document: Document, offset: int, *, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Return up to `limit` definitions of other files that the code at `offset` uses or may use next, best first.

        They are what names mean, not what is similar; () if the document's language has no resolution, or no index is
        loaded by `deadline`. Files that no longer contain the text found are left out and indexed again.
        """
        names = self.open_names(document, offset, deadline=deadline)
        snapshot = self._snapshot
        if names is None or snapshot is None:
            return ()
        from indexing.resolution import likely, workspace_names  # noqa: PLC0415  # numpy

        own = self._load_sources().find_document_key(snapshot, document)
        found = likely.list_related(names, snapshot.view, own=own, limit=limit, deadline=deadline)
        return self._make_hits(snapshot, workspace_names.list_chunks(snapshot.view, found), limit)

    def find_used_library_definitions(
        self, document: Document, offset: int, *, limit: int, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Return up to `limit` definitions of installed libraries that the code before `offset` uses, nearest first.

        The function that is called around `offset` comes before all. () as for `find_related_definitions`.
        """
        names = self.open_names(document, offset, deadline=deadline, libraries=True) if limit > 0 else None
        snapshot = self._snapshot
        if names is None or snapshot is None:
            return ()
        from indexing.resolution import likely, workspace_names  # noqa: PLC0415  # numpy

        found = likely.list_used_libraries(names, limit)
        return self._make_hits(snapshot, workspace_names.list_chunks(snapshot.view, found), limit)

    def find_qualified(self, written: str, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        """Return up to `limit` definitions that a qualified name ("Class.method") means anywhere in the workspace.

        Of a name that means nothing there, those in the installed libraries, where it has to begin with a module.
        () for a plain name, for one that is not known, and if no index is loaded by `deadline`.
        """
        snapshot = self._get_snapshot(deadline, analyse=True)
        if snapshot is None:
            return ()
        from indexing.resolution.workspace_names import list_chunks  # noqa: PLC0415  # numpy

        found = self._load_sources().names.find_qualified(snapshot.view, written, deadline=deadline)
        return self._make_hits(snapshot, list_chunks(snapshot.view, found), limit)

    def read_definitions(self, found: Sequence[FoundDefinition], *, limit: int = 10) -> tuple[Hit, ...]:
        """Return the code of up to `limit` definitions of other files that resolution has found, in the same order.

        Files that no longer contain the text found are left out and indexed again.
        """
        from indexing.resolution.workspace_names import list_chunks  # noqa: PLC0415  # numpy

        snapshot = self._get_snapshot(None, analyse=False)
        if snapshot is None:
            return ()
        return self._make_hits(snapshot, list_chunks(snapshot.view, found), limit)

    def read_status(self) -> IndexStatus:
        """Return the state of the indexing, with the figures of the stored index of all roots."""
        sources = self._load_sources()
        problem = self._process.problem
        busy = self._process.is_busy  # also until its results are loaded, so that a search finds them
        state = "failed" if problem and not busy else "indexing" if busy and self._state == "ready" else self._state
        libraries = status.measure_libraries(
            sources.list_libraries(),
            self._storage if self._limits.library_bytes else None,
            is_indexing=self._process.is_indexing_libraries,
            problem=self._process.library_problem,
        )
        measured = status.measure_status(sources, state, problem, libraries, found=self._last.total if busy else 0)
        lag_s = 0.0 if state == "waiting" else round(self._process.compute_lag_s(), 3)
        return replace(measured, lag_s=lag_s, vectors=self.vectors.measure())

    def _describe(self) -> IndexNote:
        """Return what this server tells others about its index."""
        found = self.read_status()
        return IndexNote(
            platform.node()[:200] or "unnamed",
            found.indexed_at,
            found.files,
            found.chunks,
            found.vectors.model,
            found.vectors.share,
        )

    # Snapshots

    def _handle_event(self, event: dict[str, Any]) -> None:
        """Update state, snapshot and progress for an event of the indexing process; runs in its reading thread."""
        kind = event["event"]
        if kind == "waiting":
            self._state = "waiting"
        elif kind == "working":
            self._state = "indexing"
        elif kind == "changed":
            self._load_news()
        elif kind == "anew":
            self._repair.report_rebuild(event["why"])
        elif kind == "progress":
            self._last = IndexProgress(event["done"], event["total"])
            self._on_progress(self._last)
        elif kind == "finished":
            self._state = "ready"
            self._on_progress(IndexProgress(self._last.total, self._last.total, finished=True))
            if (sources := self._sources) is not None and sources.is_stale():  # deleted or replaced meanwhile
                self._load_news()
            self._repair.note_finished_pass(has_failed=bool(event.get("problem")))

    def _load_news(self) -> None:
        """Load what has changed in the stored index: at once, or in turns where many sessions share the workspace.

        In the second case, the thread that follows changes does it, or the next search that has the time.
        """
        if not self._process.is_crowded:
            self._make_snapshot(load=True)
            return
        self._has_news = True
        self._wake_thread()

    def _start_repair(self) -> None:
        """Have a deleted or damaged index rebuilt, unless indexing is off or busy, or the last repair is recent."""
        job = self._repair.choose_job(
            lambda: self._load_sources().find_damage(), lambda: self._state != "off" and not self._process.is_busy
        )
        if job:
            self._state = "indexing"
            self._process.submit(job, self._roots)

    def _load_sources(self) -> Sources:
        """Return the stored indexes and open documents; the first call loads the indexes."""
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
        """Analyse changed open documents, then store and return a new snapshot; `load` reads the stored index again."""
        with self._working:
            sources = self._load_sources()
            if load:
                self._has_news = False  # before it is read, so that what changes meanwhile counts as news
                sources.load()
            for uri in list(self._dirty):
                document = self._dirty.pop(uri)
                if document is None:
                    sources.close_document(uri)
                else:
                    sources.open_document(document, shared=not find_reason(document, self.find_exclusion_reason))
            snapshot = sources.make_snapshot()
            snapshot.view.prepare()  # here, so that the next key need not wait for it
            sources.names.prepare(snapshot.view)
            self._snapshot = snapshot
            self._ready.set()
            return snapshot

    def _get_snapshot(self, deadline: float | None, *, analyse: bool) -> Snapshot | None:
        """Return the snapshot to answer from; None only if there is none by `deadline`, a moment of `time.monotonic`.

        A missing snapshot is waited for, or made here if `deadline` is None. With `analyse`, the snapshot has all
        changes of open documents: always if `deadline` is None, else if analysing them seems to take less than half of
        the time left, and no other thread makes a snapshot.
        """
        snapshot = self._snapshot
        now = time.monotonic()
        if now - self._checked_at > _CHECK_S:
            self._checked_at = now
            self._wake_thread()
        if deadline is None:
            if snapshot is None or self._has_news or (analyse and self._dirty):
                return self._make_snapshot(load=self._has_news)
            return snapshot
        if snapshot is None:
            self._wake_thread()
            self._ready.wait(max(0.0, deadline - now))
            return self._snapshot
        in_time = self._estimate_analysis_s() < (deadline - now) / 2 and not self._working.locked()
        return self._make_snapshot() if analyse and self._dirty and in_time else snapshot

    def _have_others_changed(self, document: Document) -> bool:
        """Return whether an open document other than `document` has changed since the snapshot was made.

        What is looked up for a document comes from the others; its own text is read by who asks.
        """
        return any(uri != document.uri for uri in tuple(self._dirty))

    def _estimate_analysis_s(self) -> float:
        """Return the seconds that analysing the changed documents will take, at 2.5 MB/s (half of a bare parse)."""
        return sum(len(each.text) for each in list(self._dirty.values()) if each is not None) / 2.5e6

    def _wake_thread(self) -> None:
        """Wake the thread that follows changes; starts it at the first call."""
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._follow_changes, name="index-documents", daemon=True)
            self._thread.start()
        self._wake.set()

    def _follow_changes(self) -> None:
        """Analyse documents after their last edit, load what other servers indexed, and repair; runs in a thread."""
        while True:
            self._wake.wait(_IDLE_CHECK_S)
            until = time.monotonic() + _IDLE_CHECK_S  # also while edits never pause
            while not self._closed.is_set() and self._wake.is_set() and time.monotonic() < until:
                self._wake.clear()
                if self._snapshot is not None and not self._has_news:
                    self._closed.wait(_SETTLE_S)
            if self._closed.is_set():
                return
            self._has_news = self._has_news or self._load_sources().is_stale()
            settled = not self._wake.is_set()
            if self._snapshot is None:
                self._make_snapshot(load=self._has_news)
            elif self._has_news or (self._dirty and settled):
                with _turns.take(self._closed) as has_turn:
                    if has_turn and (self._has_news or self._dirty):  # a search may have been first
                        self._make_snapshot(load=self._has_news)
            self._start_repair()
            self._update_libraries()

    def _update_libraries(self) -> None:
        """Have libraries indexed again if packages changed, an index is damaged, or they could not be indexed.

        Looks once a minute at most, and less often if they could not be indexed.
        """
        has_failed = bool(self._process.library_problem)
        pause = _LIBRARIES_FAILED_S if has_failed else _LIBRARIES_AGAIN_S
        if self._state == "off" or time.monotonic() - self._libraries_at < pause:
            return
        if self._limits.library_bytes and not self._process.is_indexing_libraries:
            self._libraries_at = time.monotonic()
            if has_failed or self._load_sources().need_libraries():
                self._index_libraries()

    def _find_exclusion(self, path: Path) -> Exclusion | None:
        """Return the filter of the root that contains `path`; None if no root does."""
        for root, exclusion in self._exclusions.items():
            if path.is_relative_to(root):
                return exclusion
        real = Path(os.path.realpath(path))
        return next((found for root, found in self._exclusions.items() if real.is_relative_to(root)), None)

    def _make_hits(self, snapshot: Snapshot, ranked: Sequence[Ranked], limit: int) -> tuple[Hit, ...]:
        """Return up to `limit` hits for ranked chunks; has files indexed again whose chunk is no longer in them."""
        found, stale = hits.make_hits(snapshot, ranked, limit, is_shown=self._is_shown, read_text=self._read_text)
        if stale and self._state != "off":
            self.reindex(stale)
        return found

    def _is_shown(self, path: Path, opened: Document | None) -> bool:
        """Return whether an indexed file may still be in prompts about others; `opened` is its document, if open."""
        return self.is_shared(opened) if opened is not None else not self.find_exclusion_reason(path)

    def _is_file_shown(self, snapshot: Snapshot, key: FileKey) -> bool:
        """Return whether a model may see the file `key` of `snapshot`."""
        opened = snapshot.opened.get(key)
        return self._is_shown(snapshot.resolve_path(key), opened.document if opened is not None else None)

    def _read_text(self, path: Path, opened: Document | None) -> str | None:
        """Return the current text of a file: of its document `opened` if it is open, else from disk.

        Returns None if the file cannot be read or is too large.
        """
        if opened is not None:
            return self._documents.get(opened.uri, opened).text
        return hits.read_file(path, self._limits.max_file_bytes)
