"""Updates of the stored index of one root: a full pass, or the files that were touched.

The only writer of `indexing.storage.store`; runs in the indexing process under the root's lock. Start at `Updater`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.process.analysers import Request, Result
from indexing.storage.index_files import IndexPaths
from indexing.storage.store import Store
from indexing.storage.store_records import Entry, StoredFile, StoredState
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.ignore_rules import DECIDING_FILES
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from indexing.limits import IndexLimits
    from indexing.process.analysers import Analysers
    from indexing.storage.blobs import Packed
    from indexing.storage.segment import Segment

_COMMIT_FILES = 256
_COMMIT_BYTES = 8 * 1024 * 1024
_COMMIT_S = 2.0  # at most so much work is lost if the process is killed
_FIRST_FILES = 20_000  # a larger first pass takes minutes, so that segments are built in between
_FIRST_BUILD_S = 10.0  # after which a long first pass can be searched
_BUILD_SHARE = 10  # time between two builds, as a multiple of the last build's
_TELL_S = 0.1
_MANY_PATHS = 500  # for more touched files a full pass is faster


@dataclass(slots=True)
class _Batch:
    """Results to be committed next."""

    entries: list[Entry] = field(default_factory=list)
    times: list[tuple[int, int, int]] = field(default_factory=list)
    size: int = 0
    since: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Return whether the batch is large or old enough to be committed."""
        late = time.monotonic() - self.since > _COMMIT_S
        return len(self.entries) >= _COMMIT_FILES or self.size >= _COMMIT_BYTES or (late and bool(self.entries))


@dataclass(frozen=True, slots=True)
class Listener:
    """Callbacks of an update.

    Attributes:
        progress: is called with the numbers of files done and of all files.
        changed: is called when readers can find something new.
        stopping: is called often; the update ends early, with its results stored, once it returns true.
    """

    progress: Callable[[int, int], None]
    changed: Callable[[], None]
    stopping: Callable[[], bool]


class Updater:
    """Updates the index of one root.

    Args:
        root: the workspace folder.
        storage: folder of the indexes.
        limits: bounds of indexing.
        analysers: parse the files.
        listener: is told of progress and may stop the update.
    """

    def __init__(
        self,
        root: Path,
        storage: Path,
        limits: IndexLimits,
        analysers: Analysers,
        listener: Listener,
    ) -> None:
        self.index_paths = IndexPaths.of(storage, root)
        self._limits = limits
        self._analysers = analysers
        self._progress = listener.progress
        self._changed = listener.changed
        self._stopping = listener.stopping
        self._exclusion = Exclusion(root, limits)
        self._withdrawn = False  # an existing file must be removed from the index
        self._identity: tuple[int, int] | None = None

    def update_all(self) -> None:
        """Walk the root and update the index: add new and changed files, remove deleted and excluded ones.

        Deletes indexes in older formats. Ends early once the listener asks to stop.

        Raises:
            indexing.storage.storage_errors.StorageError: the index cannot be written.
            OSError: the root cannot be read.
        """
        self.index_paths.discard_older()
        with self._open() as store:
            known = store.read_states()
            seen = WalkCounts()
            requests: list[Request] = []
            alive: set[str] = set()
            for found in walk(self._exclusion, self._limits, seen, self._stopping):
                alive.add(found.relative)
                before = known.get(found.relative)
                changed = before is None or before.mtime_ns != found.mtime_ns or before.size != found.size
                if changed or (before is not None and before.reason in found.waived):
                    requests.append(self._make_request(found.relative, found.mtime_ns, before, found.waived))
            if self._stopping():
                return
            lost = {relative: each.id for relative, each in known.items() if relative not in alive}
            if lost:
                store.put((), lost.values())
                self._withdrawn |= any((self._exclusion.root / relative).exists() for relative in lost)
            if not known and len(requests) <= _FIRST_FILES:
                self._index_first(store, requests)
            else:
                self._index(store, requests, known)
            if self._stopping():
                return
            self._build_if_due(store, verify=True)
            store.set_meta(skipped=json.dumps(seen.skipped), indexed_at=str(time.time()))
            self._changed()

    def check(self) -> bool:
        """Read the whole index after a reader found damage; return whether it is complete and intact.

        `update_all` raises ValueError for a damaged segment, which alone holds most texts, so that all is rebuilt.

        Raises:
            sqlite3.DatabaseError, ValueError: the database is damaged.
            indexing.storage.storage_errors.StorageError: the index cannot be written.
        """
        from indexing.storage import blobs  # noqa: PLC0415  # numpy

        _check_segment.cache_clear()
        with self._open() as store:
            store.check(blobs.check)
            name = store.read_meta("segment")
            return bool(store.read_meta("indexed_at")) and _is_usable(self.index_paths.storage / name, verify=True)

    def is_complete(self) -> bool:
        """Return whether the index holds the result of a full pass and can be read."""
        store = Store.open_for_reading(self.index_paths)
        if store is None:
            return False
        with store:
            try:
                return bool(store.read_meta("indexed_at"))
            except sqlite3.Error:
                return False

    def is_in_place(self) -> bool:
        """Return whether the database that was updated is still the file at its path."""
        return self._identity is not None and self.index_paths.read_identity() == self._identity

    @property
    def was_opened(self) -> bool:
        """Whether the last attempt to open the index succeeded."""
        return self._identity is not None

    def _open(self) -> Store:
        """Return the store opened for writing, and remember which file it is."""
        self._identity = None
        store = Store.open_for_writing(self.index_paths)
        self._identity = self.index_paths.read_identity()
        return store

    def reindex(self, paths: Collection[Path]) -> None:
        """Index the files among `paths` again, whatever their timestamps are.

        Missing and excluded files are removed from the index.

        A folder, an ignore file, or very many paths lead to a full pass instead.

        Raises:
            indexing.storage.storage_errors.StorageError: the index cannot be written.
        """
        if len(paths) > _MANY_PATHS or any(path.name in DECIDING_FILES or path.is_dir() for path in paths):
            self.update_all()
            return
        with self._open() as store:
            known: dict[str, StoredState] = {}
            requests: list[Request] = []
            gone: list[int] = []
            excluded = False
            for path in paths:
                relative = self._make_relative(path)
                if not relative:
                    continue
                before = store.read_states_under(relative)
                known |= before
                there = path.exists() and not path.is_symlink()
                reason = self._exclusion.find_reason(path) if there else ""
                if there and not reason:
                    waived = self._exclusion.find_waived_reasons_at(path)
                    requests.append(self._make_request(relative, 0, before.get(relative), waived))
                    continue
                gone.extend(each.id for each in before.values())
                excluded |= there and (bool(before) or reason == "secret")
            # a file that was renamed to a secret name is missing under its old one
            self._withdrawn |= excluded and bool(gone)
            if gone:
                store.put((), gone)
            self._index(store, requests, known)
            self._build_if_due(store)
            if gone or requests:
                self._changed()

    def _make_relative(self, path: Path) -> str:
        """Return the root-relative path of `path`; "" for the root, for a path outside, or if it is not Unicode."""
        try:
            real = Path(os.path.realpath(path.parent)) / path.name
            relative = real.relative_to(self._exclusion.root).as_posix()
            relative.encode()
        except (ValueError, OSError):  # UnicodeEncodeError is a ValueError
            return ""
        return "" if relative == "." else relative

    def _make_request(
        self, relative: str, mtime_ns: int, before: StoredState | None, waived: tuple[str, ...]
    ) -> Request:
        """Return the request to analyse a file; if `before` holds its hash, unchanged content is not analysed."""
        path = str(self._exclusion.root / relative)
        known = before is not None and not before.reason  # an excluded file is always analysed again
        return Request(path, relative, mtime_ns, before.digest.hex() if before and known else "", waived=waived)

    def _index(self, store: Store, requests: list[Request], known: dict[str, StoredState]) -> None:
        """Analyse `requests` and store the results; while that takes long, build a segment from time to time."""
        built_at, took, built, done = time.monotonic(), 0.0, 0, 0
        for batch in self._store_results(store, requests, known):
            done += len(batch)
            now = time.monotonic()
            if now - built_at > max(_FIRST_BUILD_S, took * _BUILD_SHARE) and done > 2 * built:
                store.build(_build_segment)
                took, built_at, built = time.monotonic() - now, time.monotonic(), done
                self._changed()

    def _index_first(self, store: Store, requests: list[Request]) -> None:
        """Analyse and store all files of a first pass, and build the segment from the results as they come."""
        results = self._store_results(store, requests, {})
        store.build(_build_segment, (each for batch in results for each in batch))

    def _store_results(
        self, store: Store, requests: list[Request], known: dict[str, StoredState]
    ) -> Iterator[list[StoredFile]]:
        """Analyse `requests` and store the results in batches; yield the indexed files of each batch."""
        batch = _Batch()
        total, done, told = len(requests), 0, 0.0
        for result in self._analysers.analyze(requests, self._stopping):
            done += 1
            self._add_result(batch, result, known.get(result.request.relative))
            now = time.monotonic()
            if now - told > _TELL_S:
                told = now
                self._progress(done, total)
            if batch.is_due():
                yield self._commit(store, batch)
                batch = _Batch()
        yield self._commit(store, batch)
        if total:
            self._progress(done, total)

    def _add_result(self, batch: _Batch, result: Result, before: StoredState | None) -> None:
        """Add a result to `batch`: a whole entry, or time and size alone if the content is unchanged."""
        analysis, request = result.analysis, result.request
        self._withdrawn |= before is not None and analysis.reason == "secret"
        if analysis.unchanged and before is not None:
            batch.times.append((analysis.mtime_ns, analysis.size, before.id))
            return
        batch.size += len(result.blob)
        batch.entries.append(
            Entry(
                request.relative,
                analysis.mtime_ns,
                analysis.size,
                bytes.fromhex(analysis.digest),
                analysis.language,
                analysis.reason,
                analysis.chunks,
                analysis.symbols,
                request.plain,
                result.blob,
            )
        )

    @staticmethod
    def _commit(store: Store, batch: _Batch) -> list[StoredFile]:
        """Store `batch`; return its files that are indexed, without the excluded ones."""
        if batch.times:
            store.update_times(batch.times)
        ids = store.put(batch.entries) if batch.entries else []
        pairs = zip(ids, batch.entries, strict=True)
        return [StoredFile(each, it.relative, it.mtime_ns / 1e9, it.blob) for each, it in pairs if not it.reason]

    def _build_if_due(self, store: Store, *, verify: bool = False) -> None:
        """Build a segment if none is usable, if many files changed, or if a file must be removed from the segment.

        With `verify`, a segment with a wrong checksum is not usable.
        """
        name = store.read_meta("segment")
        pending = store.count_pending()
        usable = bool(name) and _is_usable(self.index_paths.storage / name, verify=verify)
        if not usable or self._withdrawn or pending > self._limits.pending_files:
            store.build(_build_segment)
        self._withdrawn = False


def _build_segment(target: Path, files: Iterator[StoredFile], old: Path | None) -> None:
    """Write the segment of `files` to `target`; those without a blob are read from the segment at `old`.

    Raises:
        ValueError, LookupError: the old segment is missing or damaged, or lacks a file.
        OSError: the disk is full or cannot be written.
    """
    from indexing.segments import build  # noqa: PLC0415  # numpy
    from indexing.storage.segment_files import SegmentFile  # noqa: PLC0415  # numpy

    build(target, (SegmentFile(each.id, each.relative, each.mtime, blob) for each, blob in _add_blobs(files, old)))


def _add_blobs(files: Iterator[StoredFile], old: Path | None) -> Iterator[tuple[StoredFile, bytes | Packed]]:
    """Yield `files`, each with its content, from the segment at `old` for those without a blob; errors as above."""
    segment: Segment | None = None
    for each in files:
        if each.blob:
            yield each, each.blob
            continue
        if segment is None:
            segment = _open_segment(old)
        yield each, segment.read_packed(segment.find_index(each.id))


def _open_segment(path: Path | None) -> Segment:
    """Open the segment at `path`.

    Raises:
        ValueError: it is missing or damaged.
        OSError: there is no room to read it.
    """
    from indexing.segments import Segment  # noqa: PLC0415  # numpy

    try:
        if path is not None and path.is_file():
            return Segment.open(path)
    except PermissionError as error:
        raise ValueError(f"{path} cannot be read") from error
    raise ValueError("the segment is missing")


def _is_usable(path: Path, *, verify: bool) -> bool:
    """Return whether there is a segment at `path`; with `verify`, also whether its checksum is right."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not verify or _check_segment(path, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=64)
def _check_segment(path: Path, state: tuple[int, int, int]) -> bool:
    """Return whether the segment's checksum is right; cached for each `state` (inode, size, time) of the file."""
    from indexing.storage import arrays  # noqa: PLC0415  # numpy

    del state
    return arrays.is_intact(path)
