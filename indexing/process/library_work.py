"""Indexing of a workspace's installed libraries, in the indexing process: analyses what is not analysed yet.

Writes only files of the shared index (`indexing.libraries.library_files`), under its lock. Between two batches of files
it lets other jobs of the process run. Start at `LibraryWork.index`.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from indexing.libraries.choosing import list_imported_names
from indexing.libraries.discovery import discover
from indexing.libraries.library_files import (
    IndexedFile,
    IndexedPackage,
    LibraryFileError,
    LibraryFiles,
    Manifest,
)
from indexing.libraries.packages import list_contents, make_import_path, read_contents
from indexing.process.analysers import Analysers, Request
from indexing.process.library_building import SegmentBuilder
from indexing.storage.index_files import IndexPaths
from indexing.storage.storage_errors import FULL_DISK
from indexing.storage.store import Store
from starling_files import FILE_MODE, repair_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from indexing.libraries.discovery import Discovery
    from indexing.libraries.packages import Contents, Listing, Package
    from indexing.limits import IndexLimits

MOST_BYTES = 100_000_000  # of a workspace's libraries
MOST_FILES = 20_000
_DISK_PER_SOURCE = 3  # bytes on disk for a byte of source while a segment is built from package files; rounded up
_BATCH_FILES = 32
_ATTEMPTS = 3  # at packages of which a file turns out to be damaged
_LOCK_POLL_S = 0.2


class StoppedError(Exception):
    """The process has to end."""


class LibraryWork:
    """The work on libraries of one indexing process.

    Args:
        storage: folder of the workspaces' indexes.
        limits: bounds of indexing; `library_bytes` is the limit for all libraries on the disk.
        analysers: parse the files.
        stopping: returns whether the process has to end.
        do_other_jobs: is called often, and does the jobs that have arrived meanwhile.
    """

    def __init__(
        self,
        storage: Path,
        limits: IndexLimits,
        analysers: Analysers,
        stopping: Callable[[], bool],
        do_other_jobs: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._limits = limits
        self._analysers = analysers
        self._stopping = stopping
        self._do_other_jobs = do_other_jobs
        self._files = LibraryFiles(storage)
        self._builder = SegmentBuilder(self._files, self._pause, self._lock)

    def index(self, root: Path) -> None:
        """Bring the libraries of the workspace folder `root` up to date.

        Raises:
            StoppedError: the process has to end; what was finished is kept.
            OSError: the shared index cannot be written; on a full disk, the packages on their way to a segment are
                deleted, so that other programs have room.
            LibraryFileError: files of it were damaged again and again.
        """
        repair_folder(self._files.folder, own=3)
        with self._lock():  # so that no other process writes what looks like remains
            self._files.remove_remains()
        discovery = discover(root, lambda: list_imported_names(self._read_texts(root)), os.environ)
        before = self._files.read_manifest(root) or Manifest()
        try:
            manifest = self._index_undamaged(discovery, before)
            if manifest != before:
                self._files.write_manifest(root, manifest)
        except OSError as error:
            if error.errno in FULL_DISK:
                with self._lock():
                    self._files.remove_remains(packages=True)
            raise
        kept = [*manifest.segments, self._files.find_manifest(root).name]
        self._files.note_use(kept)
        with self._lock():
            self._files.evict(
                self._limits.library_bytes,
                kept,
                held=self._builder.packages.list_held(),
                replaced=frozenset(before.segments),
            )

    def _index_undamaged(self, discovery: Discovery, before: Manifest) -> Manifest:
        """Index the packages of `discovery`, again if a file of the shared index is damaged; return the manifest.

        Raises as `index`.
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                return self._index_packages(discovery, before)
            except LibraryFileError:  # it was deleted, and its packages are analysed again
                if not left:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _read_texts(self, root: Path) -> Iterator[bytes]:
        """Yield the texts of the indexed files of `root` as the last segment has them; none without an index."""
        from indexing.storage.segment import Segment  # noqa: PLC0415  # numpy

        index_paths = IndexPaths.of(self._storage, root)
        store = Store.open_for_reading(index_paths)
        if store is None:
            return
        with store:
            name = store.read_meta("segment")
        if not name:
            return
        segment = Segment.open(index_paths.storage / name)
        try:
            for file_id in segment.file_ids:
                yield segment.read_text(segment.find_index(file_id)).encode("utf-8", "surrogatepass")
        finally:
            segment.close()

    def _index_packages(self, discovery: Discovery, before: Manifest) -> Manifest:
        """Index the packages of `discovery` that the bounds admit, and return their manifest."""
        listed = [*self._files.list_packages(), *before.packages]  # of all workspaces, which may share an environment
        known = {(each.place, each.signature): each for each in listed}
        left_out: Counter[str] = Counter()
        packages: list[IndexedPackage] = []
        most = min(MOST_BYTES, self._limits.library_bytes // _DISK_PER_SOURCE)
        size = files = 0
        for package in discovery.packages:
            self._pause()
            listing = list_contents(package, self._limits)
            if size + listing.size > most or files + len(listing.files) > MOST_FILES:
                left_out["packages over the limit"] += 1
                continue
            indexed = self._index_package(package, listing, known.get((package.place, listing.signature)))
            left_out.update(listing.left_out)
            if indexed is not None and indexed.files:
                packages.append(indexed)
                size += listing.size
                files += len(listing.files)
        packages = list({each.key: each for each in packages}.values())  # the same content may be installed twice
        segments = self._builder.make_segments(packages, before.segments)
        return Manifest(tuple(segments), tuple(packages), discovery.watched, dict(sorted(left_out.items())))

    def _index_package(self, package: Package, listing: Listing, known: IndexedPackage | None) -> IndexedPackage | None:
        """Return the indexed `package`; analyses its files unless that was done before. None if it has no files.

        `known` is the package as a manifest lists it, with the same signature; None for none.
        """
        if known is not None and self._builder.is_held(known.key):
            return known
        if not listing.files:
            return None
        contents = read_contents(package, listing, self._limits)
        key = self._files.make_key(package, contents.digest)
        if not self._builder.is_held(key):
            with self._lock():
                if not self._builder.is_held(key):  # another server may have made it meanwhile
                    self._files.write_package(key, self._analyze(package, contents))
        return IndexedPackage(
            package.ecosystem,
            package.name,
            package.version,
            package.place,
            listing.signature,
            key,
            len(contents.digests),
            contents.size,
        )

    def _analyze(self, package: Package, contents: Contents) -> Iterator[IndexedFile]:
        """Yield the analysed files of `package`; leaves out changed files and those excluded by their content."""
        names = sorted(contents.digests)
        for begin in range(0, len(names), _BATCH_FILES):
            self._pause()
            batch = names[begin : begin + _BATCH_FILES]
            requests = [Request(str(package.folder / relative), relative) for relative in batch]
            done = list(self._analysers.analyze(requests, self._stopping))
            if self._stopping():
                raise StoppedError
            for result in sorted(done, key=lambda each: each.request.relative):
                relative, analysis = result.request.relative, result.analysis
                if not analysis.reason and analysis.digest == contents.digests[relative]:
                    path = make_import_path(package.ecosystem, package.name, relative)
                    yield IndexedFile(path, result.blob)

    def _pause(self) -> None:
        """Do the jobs that have arrived meanwhile. Raises StoppedError if the process has to end."""
        if not self._stopping():
            self._do_other_jobs()
        if self._stopping():
            raise StoppedError

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock of the shared index in the block; does other jobs while another server holds it."""
        from filelock import FileLock, Timeout  # noqa: PLC0415  # not needed before there is work

        lock = FileLock(self._files.lock, mode=FILE_MODE)
        while True:
            self._pause()
            try:
                lock.acquire(timeout=_LOCK_POLL_S)
                break
            except Timeout:
                continue
        try:
            yield
        finally:
            lock.release()
