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
from indexing.libraries.packages import STDLIB, list_contents, make_import_path, read_contents
from indexing.libraries.python_packages import STDLIB_TESTS
from indexing.process.analysers import Analysers, Request
from indexing.storage.index_files import IndexPaths
from indexing.storage.segment_files import SegmentFile
from indexing.storage.store import Store
from starling_files import FILE_MODE, repair_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from indexing.libraries.discovery import Discovery
    from indexing.libraries.packages import Contents, Listing, Package
    from indexing.limits import IndexLimits

MOST_BYTES = 100_000_000  # of a workspace's libraries
MOST_FILES = 20_000
_DISK_PER_SOURCE = 3  # bytes on disk for a byte of source, package file and segment together; rounded up
_BATCH_FILES = 32
_LARGE_BYTES = 8_000_000  # a package from this size on has a segment of its own, which more workspaces share
_MOST_LARGE = 3  # segments of single packages: each one costs time at every key
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

    def index(self, root: Path) -> None:
        """Bring the libraries of the workspace folder `root` up to date.

        Raises:
            StoppedError: the process has to end; what was finished is kept.
            OSError: the shared index cannot be written.
            LibraryFileError: a package file is damaged; it is deleted, and made again by the next call.
        """
        repair_folder(self._files.folder, own=3)
        discovery = discover(root, list_imported_names(self._read_texts(root)), os.environ)
        before = self._files.read_manifest(root) or Manifest()
        manifest = self._index_packages(discovery, before)
        if manifest != before:
            self._files.write_manifest(root, manifest)
        names = [*manifest.segments, *(f"{each.key}.package" for each in manifest.packages)]
        self._files.note_use([*names, self._files.find_manifest(root).name])
        with self._lock():
            self._files.evict(self._limits.library_bytes, [*names, self._files.find_manifest(root).name])

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
        known = {(each.place, each.signature): each for each in before.packages}
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
        segments = [self._build_segment(group) for group in _group(packages)]
        return Manifest(tuple(segments), tuple(packages), discovery.watched, dict(sorted(left_out.items())))

    def _index_package(self, package: Package, listing: Listing, known: IndexedPackage | None) -> IndexedPackage | None:
        """Return the indexed `package`; analyses its files unless that was done before. None if it has no files.

        `known` is the package as the manifest lists it, with the same signature; None for none.
        """
        if known is not None and self._files.find_package(known.key).exists():
            return known
        if not listing.files:
            return None
        contents = read_contents(package, listing, self._limits)
        key = self._files.make_key(package, contents.digest)
        if not self._files.find_package(key).exists():
            with self._lock():
                if not self._files.find_package(key).exists():  # another server may have made it meanwhile
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
                    yield IndexedFile(relative, result.blob)

    def _build_segment(self, packages: Sequence[IndexedPackage]) -> str:
        """Return the name of the segment of `packages`; builds it unless it exists."""
        name = self._files.make_segment_name(each.key for each in packages)
        target = self._files.folder / name
        if target.exists():
            return name
        from indexing.segments import build  # noqa: PLC0415  # numpy

        with self._lock():
            if not target.exists():
                build(target, self._read_files(packages))
        return name

    def _read_files(self, packages: Iterable[IndexedPackage]) -> Iterator[SegmentFile]:
        """Yield the files of `packages` for a segment; deletes a damaged package file, which is made again next time.

        Raises:
            LibraryFileError: a package file is damaged.
        """
        number = 0
        for package in packages:
            try:
                for each in self._files.read_package(package.key):
                    if number % _BATCH_FILES == 0:
                        self._pause()
                    path = make_import_path(package.ecosystem, package.name, each.relative)
                    yield SegmentFile(number, path, 0.0, each.blob)
                    number += 1
            except LibraryFileError:
                self._files.find_package(package.key).unlink(missing_ok=True)
                raise

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


def _group(packages: Sequence[IndexedPackage]) -> list[list[IndexedPackage]]:
    """Return the packages of each segment: the standard library and a few large packages alone, the rest together."""
    alone = [each for each in packages if each.name in {STDLIB, STDLIB_TESTS}]
    others = [each for each in packages if each not in alone]
    large = sorted((each for each in others if each.size >= _LARGE_BYTES), key=lambda each: -each.size)[:_MOST_LARGE]
    rest = sorted((each for each in others if each not in large), key=lambda each: each.key)
    return [[each] for each in (*alone, *large)] + ([rest] if rest else [])
