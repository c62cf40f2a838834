"""The index of a workspace: what completion and search ask. Facade over the store, the process and the search.

Cheap to make; everything heavy happens in the indexing process, on a background thread, or at the first question.
Questions are answered from frozen snapshots, so any thread may ask at any time. Never writes a workspace file. Start at
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

_SETTLE_S = 0.3  # an open document is analysed once it has been left alone for so long, or at the next search
_LOOK_AGAIN_S = 2.0  # how often a question looks whether another server has changed the index
_LOOK_UNASKED_S = 5.0  # the same when there is no question
_REPAIR_AGAIN_S = 10.0  # doubled each time that a repair did not help
_REPAIR_LATEST_S = 600.0
_SPARE_HITS = 2  # asked for beyond the limit, in the place of those whose file has changed


class Index:
    """The index of some workspace folders. Thread-safe.

    Args:
        roots: workspace folders; one inside another is part of the outer one.
        storage: the folder for index files, in a folder of ours; both are deletable at any time.
        limits: bounds of indexing.
    """

    def __init__(self, roots: Sequence[Path], *, storage: Path, limits: IndexLimits = DEFAULT_LIMITS) -> None:
        self._storage = storage
        self._limits = limits
        self._process = IndexProcess(storage, limits, self._hear)
        self._on_progress: Callable[[IndexProgress], None] | None = None
        self._last = IndexProgress(0, 0)
        self._state = "off"
        self._set(roots)
        self._documents: dict[str, Document] = {}
        self._dirty: dict[str, Document | None] = {}  # None: closed
        self._working = threading.Lock()  # around making a snapshot
        self._loading = threading.Lock()  # around making or taking away what snapshots are made of; the inner one
        self._snapshot: Snapshot | None = None
        self._ready = threading.Event()  # there is a snapshot
        self._looked = 0.0
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._repair_at = 0.0
        self._repair_after_s = _REPAIR_AGAIN_S
        self._said_anew = False
        self._passes = 0  # finished ones
        self._tell: Callable[[str], None] = lambda _: None

    def _set(self, roots: Sequence[Path]) -> None:
        real = {Path(os.path.realpath(root)) for root in roots}
        self._roots = sorted(root for root in real if not any(parent in real for parent in root.parents))
        self._exclusions = {root: Exclusion(root, self._limits) for root in self._roots}
        self._outside = Outside()
        self._access = AccessCache(self.exclusion)
        self._sources: Sources | None = None

    @property
    def limits(self) -> IndexLimits:
        """The bounds of indexing."""
        return self._limits

    # life

    def start(self, on_progress: Callable[[IndexProgress], None] | None = None) -> None:
        """Begin indexing in a process of its own; `on_progress` is called from another thread."""
        self._on_progress = on_progress
        self._state = "indexing"
        self._process.submit("pass", self._roots)
        self._look_soon()

    def listen(self, tell: Callable[[str], None]) -> None:
        """Call `tell`, from any thread, with a sentence for a person when the index has to be built anew."""
        self._tell = tell

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until nothing is left to do; false when that took longer."""
        return self._process.wait(timeout_s)

    def close(self) -> None:
        """End the process and the threads. Safe twice."""
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
            from indexing.syntax import relexing  # noqa: PLC0415 (numpy, loaded by whoever searched)

            relexing.forget()

    @property
    def roots(self) -> Sequence[Path]:
        """The real paths of the workspace folders, none inside another."""
        return tuple(self._roots)

    def set_roots(self, roots: Sequence[Path]) -> None:
        """Serve other workspace folders from now on."""
        with self._working:
            with self._loading:
                old = self._sources
                self._set(roots)
            self._snapshot = None
            self._ready.clear()
            self._dirty = {**self._dirty, **self._documents}
            if old is not None:
                old.close()
        if self._state != "off":
            self._process.submit("pass", self._roots)
        self._look_soon()

    def put(self, document: Document) -> None:
        """Search `document` as it stands in the editor from now on. Costs nothing here: it is analysed later."""
        self._documents[document.uri] = document
        self._dirty[document.uri] = document
        self._look_soon()

    def prepare(self, document: Document) -> None:
        """Read a document that was just opened, so that its first key need not wait for it; blocking."""
        from indexing.syntax.relexing import read_ahead  # noqa: PLC0415  # numpy: not before `initialize` is answered

        if len(document.text) <= self._limits.open_bytes:
            read_ahead(document.text)

    def drop(self, uri: str) -> None:
        """The document is closed: what is on disk counts again."""
        self._access.forget(uri)
        if self._documents.pop(uri, None) is not None:
            self._dirty[uri] = None
            self._look_soon()

    def touch(self, paths: Collection[Path]) -> None:
        """Files were created, changed or deleted on disk."""
        inside = [path for path in paths if self._exclusion_of(path) is not None]
        if inside:
            if self._state != "off":
                self._state = "indexing"
            self._process.submit("touch", self._roots, inside)

    # questions

    def exclusion(self, path: Path) -> str:
        """Return why `path` may be neither indexed nor sent to a model, "" when it may; cheap when asked repeatedly."""
        if not path.is_absolute():
            return decide_relative(path, [each.reason for each in self._exclusions.values()], list(self._exclusions))
        exclusion = self._exclusion_of(path)
        if exclusion is not None:
            return exclusion.reason(path)
        return self._outside.reason(path, self._exclusions)

    def withheld(self, document: Document) -> str:
        """Return why no model may see `document`, "" when it may be asked about; cheap when asked at each key."""
        reason = self._access.reason(document)
        return "" if reason in ALONE else reason

    def is_shared(self, document: Document) -> bool:
        """Return whether `document` may be searched, and be shown to a model with what is asked about others."""
        return not self._access.reason(document)

    def waived(self, path: Path) -> tuple[str, ...]:
        """Reasons of the content of `path` that do not count, as somebody wants it in whatever it holds."""
        exclusion = self._exclusion_of(path)
        return exclusion.waived_reasons_at(path) if exclusion is not None else ()

    def explain(self, path: Path) -> str:
        """Why `path` is left out and how to get it in, as a sentence; "" when it is not left out."""
        exclusion = self._exclusion_of(path) if path.is_absolute() else None
        reason, what = exclusion.locate_reason(path) if exclusion is not None else (self.exclusion(path), path.name)
        return left_out.explain(path.name, reason, what) if reason else ""

    def search(self, query: Query, *, limit: int = 10, deadline: float | None = None) -> tuple[Hit, ...]:
        """Pieces of the workspace for `query`, best first, until `deadline` (`time.monotonic` seconds)."""
        snapshot = self._current(deadline, analyse=True)
        if snapshot is None:
            return ()
        own = self._key_of(snapshot, query.path)
        ranked = snapshot.view.search(query, own=own, limit=limit + _SPARE_HITS, deadline=deadline)
        return self._hits(snapshot, ranked, limit)

    def recall(
        self,
        document: Document,
        offset: int,
        *,
        whole_block: bool = False,
        limit: int = 5,
        deadline: float | None = None,
    ) -> tuple[Recalled, ...]:
        """What this workspace wrote after the same tokens as those before `offset`, best first."""
        snapshot = self._current(deadline, analyse=deadline is None)
        if snapshot is None:
            return ()
        own = snapshot.keys.get(document.uri) or self._key_of(snapshot, document.path)
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
            source = snapshot.view.relative(match.key) if match.key is not None else _own_name(document)
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

    def definitions(
        self, names: Collection[str], *, document: Document, limit: int = 10, deadline: float | None = None
    ) -> tuple[Hit, ...]:
        """Definitions of `names` in other files, those that `document` imports them from first."""
        snapshot = self._current(deadline, analyse=True)
        if snapshot is None:
            return ()
        own = snapshot.keys.get(document.uri) or self._key_of(snapshot, document.path)
        ranked = snapshot.view.definitions(
            names,
            imported_modules=self._modules(document, names),
            own=own,
            limit=limit + _SPARE_HITS,
            deadline=deadline,
        )
        return self._hits(snapshot, ranked, limit)

    def status(self) -> IndexStatus:
        """The state of the index in figures."""
        files = chunks = symbols = bytes_indexed = 0
        skipped: dict[str, int] = {}
        by_language: dict[str, int] = {}
        passes: list[float] = []
        store_bytes = 0
        for places, counts, indexed_at in self._loaded().counts():
            store_bytes += sum(_size(path) for path in places.list_files())
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
        busy = self._process.busy  # until what it stored is loaded, too: before that a search does not find it
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

    # making snapshots

    def _hear(self, event: dict[str, Any]) -> None:
        """An event of the indexing process, on its reading thread."""
        kind = event["event"]
        if kind == "waiting":
            self._state = "waiting"
        elif kind == "working":
            self._state = "indexing"
        elif kind == "changed":
            self._make(load=True)
        elif kind == "anew":
            self._say_anew(event["why"])
        elif kind == "progress":
            self._last = IndexProgress(event["done"], event["total"])
            self._report(self._last)
        elif kind == "finished":
            self._state = "ready"
            self._report(IndexProgress(self._last.total, self._last.total, finished=True))
            if (sources := self._sources) is not None and sources.outdated():  # taken away meanwhile, or replaced
                self._make(load=True)
            self._said_anew = self._said_anew and bool(event.get("problem"))
            self._passes += 1

    def _repair(self) -> None:
        """Have the index built anew that was taken away or damaged; less and less often where that does not help."""
        now, passes = time.monotonic(), self._passes
        damage = self._loaded().damage()
        if not damage:
            self._repair_at, self._repair_after_s = 0.0, _REPAIR_AGAIN_S
        elif passes != self._passes:
            pass  # a pass has ended since, and may have mended the damage
        elif self._state != "off" and not self._process.busy and now >= self._repair_at:
            self._repair_at = now + self._repair_after_s
            self._repair_after_s = min(2 * self._repair_after_s, _REPAIR_LATEST_S)
            if damage == "missing":
                self._say_anew("was taken away")
            self._state = "indexing"
            self._process.submit("check" if damage == "damaged" else "pass", self._roots)

    def _say_anew(self, why: str) -> None:
        """Say once that the index is being rebuilt, until it is there again."""
        if self._said_anew:
            return
        self._said_anew = True
        sentence = f"The index of this workspace {why}; it is being built anew."
        logger.warning("%s", sentence)
        self._tell(sentence)

    def _report(self, progress: IndexProgress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)

    def _loaded(self) -> Sources:
        if (sources := self._sources) is not None:
            return sources
        from indexing.snapshots import Sources  # noqa: PLC0415  # numpy: not before `initialize` is answered

        with self._loading:  # a second one would lack the documents that were opened in the first
            if (sources := self._sources) is None:
                sources = Sources(self._roots, self._storage, self._limits)
                sources.load()
                self._sources = sources
        return sources

    def _make(self, *, load: bool = False) -> Snapshot:
        """Make a new snapshot of all there is, open documents analysed."""
        with self._working:
            sources = self._loaded()
            if load:
                sources.load()
            for uri in list(self._dirty):
                document = self._dirty.pop(uri)
                if document is None:
                    sources.shut(uri)
                else:
                    sources.open(document, shared=not decide(document, self.exclusion))
            snapshot = sources.snapshot()
            snapshot.view.prepare()  # here, where nobody waits, and not on the next key's path
            self._snapshot = snapshot
            self._ready.set()
            return snapshot

    def _current(self, deadline: float | None, *, analyse: bool) -> Snapshot | None:
        """The snapshot to answer from; with `analyse` one that holds all open documents, if there is time.

        None when there is none yet and loading it (numpy, the first time) takes longer than until the deadline.
        """
        snapshot = self._snapshot
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN_S:
            self._looked = now
            self._look_soon()
        if deadline is None:
            return self._make() if snapshot is None or (analyse and self._dirty) else snapshot
        if snapshot is None:
            self._look_soon()
            self._ready.wait(max(0.0, deadline - now))
            return self._snapshot
        in_time = self._analysis_s() < (deadline - now) / 2 and not self._working.locked()
        return self._make() if analyse and self._dirty and in_time else snapshot

    def _analysis_s(self) -> float:
        """How long analysing the changed documents will take: half of a bare parse's speed, 2.5 MB/s."""
        return sum(len(each.text) for each in list(self._dirty.values()) if each is not None) / 2.5e6

    def _look_soon(self) -> None:
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._look, name="index-documents", daemon=True)
            self._thread.start()
        self._wake.set()

    def _look(self) -> None:
        """Analyse documents once they are left alone, and notice what other servers indexed."""
        while True:
            self._wake.wait(_LOOK_UNASKED_S)
            until = time.monotonic() + _LOOK_UNASKED_S  # whoever never rests must not keep us from looking
            while not self._closed.is_set() and self._wake.is_set() and time.monotonic() < until:
                self._wake.clear()
                if self._snapshot is not None:
                    self._closed.wait(_SETTLE_S)
            if self._closed.is_set():
                return
            outdated = self._loaded().outdated()
            settled = not self._wake.is_set()
            if (self._dirty and settled) or outdated or self._snapshot is None:
                self._make(load=outdated)
            self._repair()

    # answers

    def _exclusion_of(self, path: Path) -> Exclusion | None:
        """The filter of the root that `path` lies in."""
        for root, exclusion in self._exclusions.items():
            if path.is_relative_to(root):
                return exclusion
        real = Path(os.path.realpath(path))
        return next((found for root, found in self._exclusions.items() if real.is_relative_to(root)), None)

    def _key_of(self, snapshot: Snapshot, path: Path | None) -> tuple[str, int] | None:
        if path is None:
            return None
        for key, opened in snapshot.opened.items():
            if opened.document.path == path:
                return key
        if path not in snapshot.known:
            snapshot.known[path] = self._loaded().file_key(path)
        return snapshot.known[path]

    def _modules(self, document: Document, names: Collection[str]) -> list[str]:
        """Modules that `document` imports, those that give `names` first."""
        opened = self._loaded().opened(document.uri)
        if opened is not None:
            imports = opened.analysis.imports
        else:
            from indexing.syntax.syntax import Syntax  # noqa: PLC0415  # tree-sitter

            imports = Syntax.of(document).imports
        wanted = set(names)
        ordered = sorted(imports, key=lambda each: wanted.isdisjoint(each.names))
        return list(dict.fromkeys(each.module for each in ordered))

    def _hits(self, snapshot: Snapshot, ranked: Sequence[Ranked], limit: int) -> tuple[Hit, ...]:
        hits: list[Hit] = []
        stale: list[Path] = []
        texts: dict[tuple[str, int], str | None] = {}
        for each in ranked:
            if len(hits) == limit:
                break
            chunk = snapshot.view.chunk(each.key, each.chunk)
            piece = snapshot.view.text(each.key, chunk.span)
            path = snapshot.path(each.key)
            if not self._is_shown(snapshot, each.key, path):
                continue  # the rules have changed since it was indexed
            if each.key not in texts:
                texts[each.key] = self._text_now(snapshot, each.key, path)
            first_line = _line_now(texts[each.key], chunk, piece)
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
        """Return whether what was indexed may still be shown with other documents."""
        opened = snapshot.opened.get(key)
        return self.is_shared(opened.document) if opened is not None else not self.exclusion(path)

    def _text_now(self, snapshot: Snapshot, key: tuple[str, int], path: Path) -> str | None:
        """The text of a file as it stands in the editor or on disk; None when it is gone."""
        opened = snapshot.opened.get(key)
        if opened is not None:
            return self._documents.get(opened.document.uri, opened.document).text
        try:
            data, _ = read_regular(path, self._limits.max_file_bytes + 1)
        except OSError:
            return None
        return decode(data) if len(data) <= self._limits.max_file_bytes else None


def _line_now(text: str | None, chunk: Chunk, piece: str) -> int | None:
    """The line where the chunk's text stands now, None when it is not there any more."""
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


def _own_name(document: Document) -> str:
    return document.path.name if document.path is not None else document.uri


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _add(totals: dict[str, int], more: dict[str, int]) -> None:
    for key, count in more.items():
        totals[key] = totals.get(key, 0) + count
