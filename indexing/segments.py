"""Searching indexed files: views over memory-mapped segments and over the files that have changed since.

`analyze` packs one file into a blob, `build` merges blobs into a segment, and a `View` searches segments and in-memory
overlays. Never reads workspace files. Imports numpy, so import this module where it is needed and not at start-up.
Start at `View`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from indexing import occurrences, ranking
from indexing.recall import recall
from indexing.recall.pools import CursorText, Origin, Pool, SegmentPool
from indexing.storage import building
from indexing.storage.segment import Segment
from indexing.storage.segment_files import OverlayFile, SegmentFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.occurrences import Occurrences
    from indexing.records import Chunk, Query
    from indexing.syntax.documents import Span


__all__ = [
    "FORMAT",
    "FileKey",
    "OverlayFile",
    "Ranked",
    "RecallMatch",
    "Segment",
    "SegmentFile",
    "View",
    "build",
]


FileKey = tuple[str, int]  # (root key, file id)
RecallMatch = recall.RecallMatch
FORMAT = building.FORMAT
# Overlays are indexed in bundles, so that a keystroke re-indexes one bundle and a search visits few of them.
_BUNDLES = 8
# Ends of the paths in libraries that only say what other files hold; they are read for what names mean.
DECLARATIONS = (".pyi", ".d.ts", ".d.mts", ".d.cts", "package.json")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A result of a search: the file, the chunk's ordinal in it, and the score (higher is better)."""

    key: FileKey
    chunk: int
    score: float


def build(target: Path, files: Iterable[SegmentFile], describe: Callable[[], dict[str, Any]] = dict) -> None:
    """Write the segment of `files` to `target`, atomically (temporary folder and `os.replace`) and in bounded memory.

    `describe` returns what else stands in its meta, once all files have been read.

    Raises:
        OSError: the disk is full or cannot be written; `target` is unchanged.
        indexing.storage.blobs.BlobError: a blob is damaged.
    """
    building.build(target, files, describe)


# Bundles by their files, shared between views and freed with the last view that uses them: each edit of a document
# makes a new one, several times as large as the text.
_bundles: WeakValueDictionary[tuple[tuple[FileKey, OverlayFile], ...], Segment] = WeakValueDictionary()


def _get_bundle(files: tuple[tuple[FileKey, OverlayFile], ...]) -> Segment:
    """Return the in-memory segment of `files`, reused while a view holds it; file ids are positions in `files`."""
    segment = _bundles.get(files)
    if segment is None:
        segment = _bundles[files] = Segment(
            building.build_in_memory(
                SegmentFile(number, file.relative, file.mtime, file.blob) for number, (_, file) in enumerate(files)
            )
        )
    return segment


@dataclass(frozen=True, slots=True)
class _Part:
    """A segment in a view: the key of each file, and which files are searched; `is_open` for overlays."""

    segment: Segment
    keys: Sequence[FileKey]
    alive: NDArray[np.bool_]
    is_open: bool


class LibraryPart:
    """A segment of installed libraries in a view: its files have the keys (`key`, id).

    Recall searches all but `DECLARATIONS`.
    """

    def __init__(self, segment: Segment, key: str) -> None:
        self.segment = segment
        self.keys: Sequence[FileKey] = [(key, file_id) for file_id in segment.file_ids]
        self.alive = np.array([not each.endswith(DECLARATIONS) for each in segment.paths], dtype=np.bool_)


# The same while a view holds them: a view is made for each edit of a document, and a library may have 20,000 files.
_library_parts: WeakValueDictionary[tuple[str, int], LibraryPart] = WeakValueDictionary()


def _get_library_part(segment: Segment, key: str) -> LibraryPart:
    """Return the part of the library `segment` with the key `key`, reused while a view holds it."""
    part = _library_parts.get((key, segment.serial))
    if part is None:
        part = _library_parts[key, segment.serial] = LibraryPart(segment, key)
    return part


class View:
    """An immutable set of segments with overlays in place of changed files. Thread-safe."""

    def __init__(
        self,
        segments: Sequence[tuple[str, Segment]],
        overlays: Mapping[FileKey, OverlayFile],
        hidden: Collection[FileKey],
        libraries: Sequence[tuple[str, Segment]] = (),
        environments: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Take segments by root key, overlays that replace the segment's version of a file, and files to hide.

        `libraries` are segments of installed libraries by a key of their own; only recall searches them. `environments`
        are the keys of those that the code of each root can import, by root key; None for none.
        """
        self._segments = tuple(segments)
        self._libraries = {key: _get_library_part(segment, key) for key, segment in libraries}
        self._environments = dict(environments or {})
        self._overlays = dict(overlays)
        self._hidden = frozenset(hidden)

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        """Segments and bundles of overlays, made at the first query."""
        parts = []
        gone = self._hidden | self._overlays.keys()
        for root, segment in self._segments:
            keys = [(root, file_id) for file_id in segment.file_ids]
            alive = np.ones(len(keys), dtype=np.bool_)
            for key_root, file_id in gone:
                if key_root == root and file_id in segment.file_ids:
                    alive[segment.find_index(file_id)] = False
            parts.append(_Part(segment, keys, alive, is_open=False))
        bundles: dict[int, list[tuple[FileKey, OverlayFile]]] = {}
        for key, file in sorted(self._overlays.items(), key=lambda item: item[0]):
            if key not in self._hidden:
                bundles.setdefault(zlib.crc32(repr(key).encode()) % _BUNDLES, []).append((key, file))
        for files in bundles.values():
            alive = np.ones(len(files), dtype=np.bool_)
            parts.append(_Part(_get_bundle(tuple(files)), [key for key, _ in files], alive, is_open=True))
        return tuple(parts)

    def prepare(self) -> None:
        """Bundle the overlays now, so that the first query need not wait for it."""
        _ = self._parts

    @property
    def roots(self) -> Collection[str]:
        """Keys of the roots whose code can import libraries."""
        return self._environments.keys()

    def list_libraries(self, root: str) -> dict[str, int]:
        """Return the libraries that the code of `root` can import: the serial number of each segment by its key.

        For "", the root of documents outside of all roots, those of the only root; {} if there are several.
        """
        if not root and len(self._environments) == 1:
            root = next(iter(self._environments))
        found = [key for key in self._environments.get(root, ()) if key in self._libraries]
        return {key: self._libraries[key].segment.serial for key in found}

    def iterate_library_paths(self, library: str) -> Iterator[tuple[str, FileKey]]:
        """Yield the path, as code imports it, and the key of each file of a library. Raises KeyError without it."""
        part = self._libraries[library]
        return zip(part.segment.paths, part.keys, strict=True)

    def is_library(self, key: FileKey) -> bool:
        """Return whether the file `key` is one of an installed library."""
        return key[0] in self._libraries

    def _locate(self, key: FileKey) -> tuple[Segment, int]:
        """Return the segment that holds a file, and its index there. Raises KeyError for an unknown or hidden file."""
        if (library := self._libraries.get(key[0])) is not None:
            library.segment.note_query()
            return library.segment, library.segment.find_index(key[1])
        for part in self._parts:
            if part.is_open:
                if key in part.keys:
                    return part.segment, part.segment.find_index(part.keys.index(key))
            elif part.keys and part.keys[0][0] == key[0] and key[1] in part.segment.file_ids:
                index = part.segment.find_index(key[1])
                if part.alive[index]:
                    return part.segment, index
        raise KeyError(key)

    def identify(self, key: FileKey) -> Hashable:
        """Return a value that differs between versions of a file. Raises KeyError for an unknown file."""
        segment, index = self._locate(key)
        return segment.serial, index

    def read_chunk(self, key: FileKey, ordinal: int) -> Chunk:
        """Return a chunk of a file. Raises KeyError for an unknown file or chunk."""
        segment, index = self._locate(key)
        return segment.read_chunk(index, ordinal)

    def count_chunks(self, key: FileKey) -> int:
        """Return the number of chunks of a file. Raises KeyError for an unknown file."""
        segment, index = self._locate(key)
        return segment.count_chunks(index)

    def find_chunk(self, key: FileKey, line: int) -> int | None:
        """Return the ordinal of the smallest definition's chunk that contains `line`, else of a window; None for none.

        Raises KeyError for an unknown file.
        """
        segment, index = self._locate(key)
        best: tuple[bool, int, int] | None = None
        for ordinal in range(segment.count_chunks(index)):
            chunk = segment.read_chunk(index, ordinal)
            if chunk.first_line <= line < chunk.last_line:
                rank = (chunk.kind == "window", chunk.last_line - chunk.first_line, ordinal)
                best = rank if best is None else min(best, rank)
        return best[2] if best is not None else None

    def read_text(self, key: FileKey, span: Span | None = None) -> str:
        """Return the indexed text of a file, or the part in `span`. Raises KeyError for an unknown file."""
        segment, index = self._locate(key)
        return segment.read_text(index, span)

    def read_relative_path(self, key: FileKey) -> str:
        """Return the root-relative path of a file. Raises KeyError for an unknown file."""
        segment, index = self._locate(key)
        return segment.read_relative_path(index)

    @property
    def files_key(self) -> Hashable:
        """A value that is equal for views with the same files, whatever the texts of open ones."""
        return (*((root, segment.serial) for root, segment in self._segments), frozenset(self._overlays), self._hidden)

    def iterate_paths(self) -> Iterator[tuple[str, FileKey]]:
        """Yield the root-relative path and the key of each visible file, of open files first."""
        for part in sorted(self._parts, key=lambda part: not part.is_open):
            for index, key in enumerate(part.keys):
                if part.alive[index]:
                    yield part.segment.paths[index], key

    def _select_parts(self, own: FileKey | None) -> list[tuple[_Part, NDArray[np.bool_]]]:
        """Record a query in each part; return all parts, each with a mask of the visible files other than `own`."""
        parts = []
        for part in self._parts:
            part.segment.note_query()
            alive = part.alive
            if own is not None:
                index = -1
                if part.is_open and own in part.keys:
                    index = part.segment.find_index(part.keys.index(own))
                elif not part.is_open and part.keys and part.keys[0][0] == own[0] and own[1] in part.segment.file_ids:
                    index = part.segment.find_index(own[1])
                if index >= 0:
                    alive = alive.copy()
                    alive[index] = False
            parts.append((part, alive))
        return parts

    def search(self, query: Query, *, own: FileKey | None = None, limit: int, deadline: float | None) -> list[Ranked]:
        """Return up to `limit` chunks for `query`, best first.

        Args:
            query: the query.
            own: the edited file, which is not searched; with `query.near`, it is searched outside that span.
            limit: largest number of chunks.
            deadline: moment of `time.monotonic` after which terms not scored yet, the most common ones, are ignored.
        """
        wanted = ranking.ParsedQuery.of(query.text, query.imported, query.modules)
        parts = self._select_parts(None if query.near is not None else own)
        searched = [ranking.SearchedSegment(part.segment.arrays, alive) for part, alive in parts]
        extra = 8 if query.near is not None else 0  # so many chunks may overlap `query.near`
        ranked = self._resolve(parts, ranking.rank(searched, wanted, limit=limit + extra, deadline=deadline))
        if query.near is not None and own is not None:
            near = query.near
            ranked = [
                hit for hit in ranked if hit.key != own or not _do_overlap(self.read_chunk(own, hit.chunk).span, near)
            ]
        return ranked[:limit]

    def _resolve(
        self, parts: Sequence[tuple[_Part, NDArray[np.bool_]]], found: Sequence[ranking.RankedChunk]
    ) -> list[Ranked]:
        """Return `found` with the key of each chunk's file and the chunk's ordinal in it, in the same order."""
        ranked = []
        for hit in found:
            part = parts[hit.segment][0]
            index, ordinal = part.segment.locate_chunk(hit.chunk)
            ranked.append(Ranked(part.keys[index], ordinal, hit.score))
        return ranked

    def count_occurrences(
        self, names: Sequence[str], groups: Sequence[Sequence[str]], *, own: FileKey | None
    ) -> dict[str, Occurrences]:
        """Return where each of `names` occurs outside of the file `own`, and which words of `groups` occur with it."""
        searched = [ranking.SearchedSegment(part.segment.arrays, alive) for part, alive in self._select_parts(own)]
        return occurrences.count_occurrences(searched, names, groups)

    def find_definitions(
        self,
        names: Collection[str],
        *,
        imported_modules: Collection[str],
        own: FileKey | None,
        limit: int,
        deadline: float | None,
    ) -> list[Ranked]:
        """Return up to `limit` chunks that define one of `names`, best first; skips the file `own`.

        Files of `imported_modules` rank higher. After `deadline` the remaining names are ignored.
        """
        parts = self._select_parts(own)
        searched = [ranking.SearchedSegment(part.segment.arrays, alive) for part, alive in parts]
        found = ranking.rank_definitions(searched, list(names), imported_modules, limit=limit, deadline=deadline)
        return self._resolve(parts, found)

    def recall(  # noqa: PLR0913 - the full query
        self,
        prefix: str,
        suffix: str,
        *,
        own: FileKey | None,
        whole_block: bool,
        limit: int,
        deadline: float | None,
    ) -> list[RecallMatch]:
        """Return up to `limit` continuations found after the same tokens as at the end of `prefix`, best first.

        The edited file is searched as `prefix` and `suffix`, in place of its stored version `own`. `whole_block` adds
        the lines that belong to the line found; after `deadline` no further pool is searched.
        """
        cursor = CursorText.of(prefix, suffix)
        return recall.find_best(cursor, self.list_pools(own), whole_block=whole_block, limit=limit, deadline=deadline)

    def list_pools(self, own: FileKey | None) -> list[Pool]:
        """Return the pools of all files but `own`: those of open files first, those of libraries last.

        Leaves out pools without other files.
        """
        parts = sorted(self._select_parts(own), key=lambda item: not item[0].is_open)
        pools: list[Pool] = [
            SegmentPool(part.segment, part.keys, alive, Origin.OPEN if part.is_open else Origin.WORKSPACE)
            for part, alive in parts
            if alive.any()  # else it holds only the edited file
        ]
        for library in self._libraries.values():
            library.segment.note_query()
            pools.append(SegmentPool(library.segment, library.keys, library.alive, Origin.LIBRARY))
        return pools


def _do_overlap(one: Span, other: Span) -> bool:
    """Return whether two spans share a character."""
    return one.start < other.end and other.start < one.end
