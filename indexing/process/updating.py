"""Brings the stored index of one root up to date: a full pass, or the files somebody touched.

The writer's side of `indexing.storage.store`; runs in the indexing process, under the root's lock. Start at `Updater`.
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
from indexing.storage.index_files import Places
from indexing.storage.store import Entry, Store, Stored, StoredState
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.ignore_rules import DECIDING_FILES
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from indexing.limits import IndexLimits
    from indexing.process.analysers import Analysers

_COMMIT_FILES = 256
_COMMIT_BYTES = 8 * 1024 * 1024
_COMMIT_S = 2.0  # at most so much work is lost when we are killed
_FIRST_FILES = 20_000  # a larger first pass takes minutes: segments are then built in between
_FIRST_BUILD_S = 10.0  # a long first pass can be searched from then on
_BUILD_SHARE = 10  # time between two builds, in times of the last build
_TELL_S = 0.1
_MANY_PATHS = 500  # so many touched files are found faster by a full pass


@dataclass(slots=True)
class _Batch:
    """What is to be committed next."""

    entries: list[Entry] = field(default_factory=list)
    times: list[tuple[int, int, int]] = field(default_factory=list)
    size: int = 0
    since: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        late = time.monotonic() - self.since > _COMMIT_S
        return len(self.entries) >= _COMMIT_FILES or self.size >= _COMMIT_BYTES or (late and bool(self.entries))


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of an update.

    Attributes:
        progress: told how many files are done, of how many.
        changed: told when readers will find something new.
        stopping: asked often; true ends the work early, with what is done stored.
    """

    progress: Callable[[int, int], None]
    changed: Callable[[], None]
    stopping: Callable[[], bool]


class Updater:
    """Updates one root.

    Args:
        root: the workspace folder.
        storage: where indexes lie.
        limits: bounds of indexing.
        analysers: does the parsing.
        listener: hears of it, and may stop it.
    """

    def __init__(
        self,
        root: Path,
        storage: Path,
        limits: IndexLimits,
        analysers: Analysers,
        listener: Listener,
    ) -> None:
        self.places = Places.of(storage, root)
        self._limits = limits
        self._analysers = analysers
        self._progress = listener.progress
        self._changed = listener.changed
        self._stopping = listener.stopping
        self._exclusion = Exclusion(root, limits)
        self._withdrawn = False  # whether a file that is still there may no longer be kept
        self._identity: tuple[int, int] | None = None

    def full(self) -> None:
        """Walk the root and index what is new or changed; forget what is gone.

        Raises:
            indexing.storage.storage_errors.StorageError: the index cannot be written.
            OSError: the root cannot be read.
        """
        self.places.discard_older()
        with self._opened() as store:
            known = store.read_states()
            seen = WalkCounts()
            requests: list[Request] = []
            alive: set[str] = set()
            for found in walk(self._exclusion, self._limits, seen, self._stopping):
                alive.add(found.relative)
                before = known.get(found.relative)
                changed = before is None or before.mtime_ns != found.mtime_ns or before.size != found.size
                if changed or (before is not None and before.reason in found.waived):
                    requests.append(self._request(found.relative, found.mtime_ns, before, found.waived))
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
        """Read the whole index, whose reader has met damage; return whether it is whole.

        What is missing in the database, and a segment that is damaged, is made anew by `full`.

        Raises:
            sqlite3.DatabaseError, ValueError: the database is damaged.
            indexing.storage.storage_errors.StorageError: the index cannot be written.
        """
        from indexing.storage import blobs  # noqa: PLC0415  # numpy

        _intact.cache_clear()
        with self._opened() as store:
            store.check(blobs.check)
            name = store.read_meta("segment")
            return bool(store.read_meta("indexed_at")) and _usable(self.places.storage / name, verify=True)

    def is_whole(self) -> bool:
        """Return whether the index holds what a full pass found; a deleted or damaged one does not."""
        store = Store.read(self.places)
        if store is None:
            return False
        with store:
            try:
                return bool(store.read_meta("indexed_at"))
            except sqlite3.Error:
                return False

    def stands(self) -> bool:
        """Whether the index that was worked on is still the one at its place, and was not taken away meanwhile."""
        return self._identity is not None and self.places.identity() == self._identity

    @property
    def opened(self) -> bool:
        """Whether the index could be opened at all."""
        return self._identity is not None

    def _opened(self) -> Store:
        self._identity = None
        store = Store.write(self.places)
        self._identity = self.places.identity()
        return store

    def touch(self, paths: Collection[Path]) -> None:
        """Index the files among `paths` anew, whatever their times say; forget those that are gone.

        Raises:
            indexing.storage.storage_errors.StorageError: the index cannot be written.
        """
        if len(paths) > _MANY_PATHS or any(path.name in DECIDING_FILES or path.is_dir() for path in paths):
            self.full()
            return
        with self._opened() as store:
            known: dict[str, StoredState] = {}
            requests: list[Request] = []
            gone: list[int] = []
            kept_back = False
            for path in paths:
                relative = self._relative(path)
                if not relative:
                    continue
                before = store.read_states_under(relative)
                known |= before
                there = path.exists() and not path.is_symlink()
                reason = self._exclusion.reason(path) if there else ""
                if there and not reason:
                    waived = self._exclusion.waived_reasons_at(path)
                    requests.append(self._request(relative, 0, before.get(relative), waived))
                    continue
                gone.extend(each.id for each in before.values())
                kept_back |= there and (bool(before) or reason == "secret")
            self._withdrawn |= kept_back and bool(gone)  # a file that is a secret by its new name was gone by its old
            if gone:
                store.put((), gone)
            self._index(store, requests, known)
            self._build_if_due(store)
            if gone or requests:
                self._changed()

    def _relative(self, path: Path) -> str:
        """Root-relative name of `path`, "" when it is not inside."""
        try:
            real = Path(os.path.realpath(path.parent)) / path.name
            relative = real.relative_to(self._exclusion.root).as_posix()
            relative.encode()
        except (ValueError, OSError):  # UnicodeEncodeError is a ValueError
            return ""
        return "" if relative == "." else relative

    def _request(self, relative: str, mtime_ns: int, before: StoredState | None, waived: tuple[str, ...]) -> Request:
        path = str(self._exclusion.root / relative)
        known = before is not None and not before.reason  # a file that was left out is judged anew
        return Request(path, relative, mtime_ns, before.digest.hex() if before and known else "", waived=waived)

    def _index(self, store: Store, requests: list[Request], known: dict[str, StoredState]) -> None:
        """Analyse `requests` and store the results as they come."""
        built_at, took, built, done = time.monotonic(), 0.0, 0, 0
        for batch in self._stored(store, requests, known):
            done += len(batch)
            now = time.monotonic()
            if now - built_at > max(_FIRST_BUILD_S, took * _BUILD_SHARE) and done > 2 * built:
                store.build(_build)
                took, built_at, built = time.monotonic() - now, time.monotonic(), done
                self._changed()

    def _index_first(self, store: Store, requests: list[Request]) -> None:
        """As `_index` for the first pass: the segment is built beside the analysis, from what it gives."""
        results = self._stored(store, requests, {})
        store.build(_build, (each for batch in results for each in batch))

    def _stored(self, store: Store, requests: list[Request], known: dict[str, StoredState]) -> Iterator[list[Stored]]:
        """Analyse `requests` and store the results batch by batch; yields what was stored to be searched."""
        batch = _Batch()
        total, done, told = len(requests), 0, 0.0
        for result in self._analysers.analyze(requests, self._stopping):
            done += 1
            self._add(batch, result, known.get(result.request.relative))
            now = time.monotonic()
            if now - told > _TELL_S:
                told = now
                self._progress(done, total)
            if batch.due():
                yield self._commit(store, batch)
                batch = _Batch()
        yield self._commit(store, batch)
        if total:
            self._progress(done, total)

    def _add(self, batch: _Batch, result: Result, before: StoredState | None) -> None:
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
    def _commit(store: Store, batch: _Batch) -> list[Stored]:
        if batch.times:
            store.refresh(batch.times)
        ids = store.put(batch.entries) if batch.entries else []
        pairs = zip(ids, batch.entries, strict=True)
        return [Stored(each, it.relative, it.mtime_ns / 1e9, it.blob) for each, it in pairs if not it.reason]

    def _build_if_due(self, store: Store, *, verify: bool = False) -> None:
        name = store.read_meta("segment")
        pending = store.count_pending()
        usable = bool(name) and _usable(self.places.storage / name, verify=verify)
        if not usable or self._withdrawn or pending > self._limits.pending_files:
            store.build(_build)
        self._withdrawn = False


def _build(target: Path, files: Iterator[Stored]) -> None:
    from indexing.segments import build  # noqa: PLC0415  # numpy
    from indexing.storage.segment_files import SegmentFile  # noqa: PLC0415  # numpy

    build(target, (SegmentFile(each.id, each.relative, each.mtime, each.blob) for each in files))


def _usable(path: Path, *, verify: bool) -> bool:
    """Whether there is a segment; with `verify` read to its end, once for each state of the file."""
    try:
        found = path.stat()
    except OSError:
        return False
    return not verify or _intact(path, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=64)
def _intact(path: Path, state: tuple[int, int, int]) -> bool:
    from indexing.storage import arrays  # noqa: PLC0415  # numpy

    del state
    return arrays.is_intact(path)
