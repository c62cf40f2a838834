"""The searchable form of an indexed root: one memory-mapped file, and views over it with what changed since.

`analyze` turns one file into a compact blob (the store keeps it), `build` merges blobs into a segment, `Segment` maps
it read-only, `View` answers searches over segments and in-memory overlays. Never reads workspace files. Imports numpy:
import this module where it is needed, not at start-up. Start at `View`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from indexing import ranking
from indexing.recall import recall
from indexing.recall.pools import Origin, Place, Pool, SegmentPool
from indexing.storage import blobs, building
from indexing.storage.segment import Segment
from indexing.storage.segment_files import OverlayFile, SegmentFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from indexing.records import Chunk, Query
    from indexing.syntax.documents import Import, Span, Symbol


__all__ = [
    "FORMAT",
    "FileKey",
    "OverlayFile",
    "Ranked",
    "RecallMatch",
    "Segment",
    "SegmentFile",
    "View",
    "analyze",
    "build",
]


FileKey = tuple[str, int]  # (root key, file id)


RecallMatch = recall.RecallMatch


FORMAT = building.FORMAT  # part of the file's name: a segment of another format is deleted and built anew


# Overlays are indexed in bundles, so that a keystroke re-indexes one bundle and a search visits few of them.
_BUNDLES = 8


@dataclass(frozen=True, slots=True)
class Ranked:
    """A found chunk: its file, its ordinal among the chunks given to `analyze`, and a score (higher is better)."""

    key: FileKey
    chunk: int
    score: float


def analyze(
    text: str, chunks: Sequence[Chunk], symbols: Sequence[Symbol], imports: Sequence[Import], language: str
) -> bytes:
    """Pack what searching needs to know of one file. Fast: tokenising is done in bulk by `build`."""
    del imports  # what a file imports is asked of its syntax when it is the asking file; nothing ranks by it yet
    return blobs.pack(text, chunks, symbols, language)


def build(target: Path, files: Iterable[SegmentFile]) -> None:
    """Write the segment of `files` to `target`, atomically (temporary folder and `os.replace`) and in bounded memory.

    Raises:
        OSError: the disk is full or cannot be written; `target` is as it was.
        indexing.storage.blobs.BlobError: a blob is damaged.
    """
    building.build(target, files)


# Bundles by their files, shared between views and freed with the last view that holds them: each version of a document
# that is typed in makes one, several times as large as the text.
_bundles: WeakValueDictionary[tuple[tuple[FileKey, OverlayFile], ...], Segment] = WeakValueDictionary()


def _bundle(files: tuple[tuple[FileKey, OverlayFile], ...]) -> Segment:
    """Return the in-memory segment of `files`, built unless a view has it; its file ids are positions in `files`."""
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
    """A segment in a view: which of its files count, and the key of each; `is_open` for overlays."""

    segment: Segment
    keys: Sequence[FileKey]
    alive: NDArray[np.bool_]
    is_open: bool


class View:
    """What is searched: a frozen set of segments, with overlays in place of what changed. Thread-safe."""

    def __init__(
        self,
        segments: Sequence[tuple[str, Segment]],
        overlays: Mapping[FileKey, OverlayFile],
        hidden: Collection[FileKey],
    ) -> None:
        """Hold `segments` by root key; `hidden` files are as if not there; overlays hide the segment's version."""
        self._segments = tuple(segments)
        self._overlays = dict(overlays)
        self._hidden = frozenset(hidden)

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        """Segments and bundles of overlays, made at the first question."""
        parts = []
        gone = self._hidden | self._overlays.keys()
        for root, segment in self._segments:
            keys = [(root, file_id) for file_id in segment.file_ids]
            alive = np.ones(len(keys), dtype=np.bool_)
            for key_root, file_id in gone:
                if key_root == root and file_id in segment.file_ids:
                    alive[segment.index_of(file_id)] = False
            parts.append(_Part(segment, keys, alive, is_open=False))
        bundles: dict[int, list[tuple[FileKey, OverlayFile]]] = {}
        for key, file in sorted(self._overlays.items(), key=lambda item: item[0]):
            if key not in self._hidden:
                bundles.setdefault(zlib.crc32(repr(key).encode()) % _BUNDLES, []).append((key, file))
        for files in bundles.values():
            alive = np.ones(len(files), dtype=np.bool_)
            parts.append(_Part(_bundle(tuple(files)), [key for key, _ in files], alive, is_open=True))
        return tuple(parts)

    def prepare(self) -> None:
        """Do now what the first question would wait for: bundle the overlays."""
        _ = self._parts

    def _find(self, key: FileKey) -> tuple[Segment, int]:
        for part in self._parts:
            if part.is_open:
                if key in part.keys:
                    return part.segment, part.segment.index_of(part.keys.index(key))
            elif part.keys and part.keys[0][0] == key[0] and key[1] in part.segment.file_ids:
                index = part.segment.index_of(key[1])
                if part.alive[index]:
                    return part.segment, index
        raise KeyError(key)

    def chunk(self, key: FileKey, ordinal: int) -> Chunk:
        """The chunk as it was given to `analyze`. Raises KeyError for an unknown file or chunk."""
        segment, index = self._find(key)
        return segment.chunk(index, ordinal)

    def chunk_count(self, key: FileKey) -> int:
        """Number of the file's chunks. Raises KeyError for an unknown file."""
        segment, index = self._find(key)
        return segment.count_chunks(index)

    def text(self, key: FileKey, span: Span | None = None) -> str:
        """Text of the file as it was given to `analyze`, or a part of it. Raises KeyError for an unknown file."""
        segment, index = self._find(key)
        return segment.text(index, span)

    def relative(self, key: FileKey) -> str:
        """Root-relative path of the file. Raises KeyError for an unknown file."""
        segment, index = self._find(key)
        return segment.relative(index)

    def _without(self, own: FileKey | None) -> list[tuple[_Part, NDArray[np.bool_]]]:
        """All parts with the files that count, the asking file taken out."""
        parts = []
        for part in self._parts:
            part.segment.note_query()
            alive = part.alive
            if own is not None:
                index = -1
                if part.is_open and own in part.keys:
                    index = part.segment.index_of(part.keys.index(own))
                elif not part.is_open and part.keys and part.keys[0][0] == own[0] and own[1] in part.segment.file_ids:
                    index = part.segment.index_of(own[1])
                if index >= 0:
                    alive = alive.copy()
                    alive[index] = False
            parts.append((part, alive))
        return parts

    def search(self, query: Query, *, own: FileKey | None = None, limit: int, deadline: float | None) -> list[Ranked]:
        """Chunks for `query`, best first. The asking file `own` is left out, or with `query.near` only that span."""
        wanted = ranking.Wanted.of(query.text, query.imported, query.modules)
        parts = self._without(None if query.near is not None else own)
        shelves = [ranking.Shelf(part.segment.arrays, alive) for part, alive in parts]
        extra = 8 if query.near is not None else 0  # that many chunks may overlap the place that asks
        ranked = self._ranked(parts, ranking.rank(shelves, wanted, limit=limit + extra, deadline=deadline))
        if query.near is not None and own is not None:
            near = query.near
            ranked = [hit for hit in ranked if hit.key != own or not _overlap(self.chunk(own, hit.chunk).span, near)]
        return ranked[:limit]

    def _ranked(self, parts: Sequence[tuple[_Part, NDArray[np.bool_]]], found: Sequence[ranking.Found]) -> list[Ranked]:
        ranked = []
        for hit in found:
            part = parts[hit.shelf][0]
            index, ordinal = part.segment.locate_chunk(hit.chunk)
            ranked.append(Ranked(part.keys[index], ordinal, hit.score))
        return ranked

    def definitions(
        self,
        names: Collection[str],
        *,
        imported_modules: Collection[str],
        own: FileKey | None,
        limit: int,
        deadline: float | None,
    ) -> list[Ranked]:
        """Chunks that define one of `names`, those in files of `imported_modules` first."""
        parts = self._without(own)
        shelves = [ranking.Shelf(part.segment.arrays, alive) for part, alive in parts]
        found = ranking.rank_definitions(shelves, list(names), imported_modules, limit=limit, deadline=deadline)
        return self._ranked(parts, found)

    def recall(  # noqa: PLR0913 - the border's full question
        self,
        prefix: str,
        suffix: str,
        *,
        language: str,
        own: FileKey | None,
        whole_block: bool,
        limit: int,
        deadline: float | None,
    ) -> list[RecallMatch]:
        """What was written after the same tokens as those at the end of `prefix`, best first.

        The asking file is searched as `prefix` and `suffix`, in place of its stored version `own`.
        """
        del language  # the lexer is the same for all, and equal tokens speak for themselves
        place = Place.of(prefix, suffix)
        return recall.find_best(place, self.pools(own), whole_block=whole_block, limit=limit, deadline=deadline)

    def pools(self, own: FileKey | None) -> list[Pool]:
        """What is recalled from besides the asking file: open files first, so that a deadline cuts the rest."""
        parts = sorted(self._without(own), key=lambda item: not item[0].is_open)
        return [
            SegmentPool(part.segment, part.keys, alive, Origin.OPEN if part.is_open else Origin.WORKSPACE)
            for part, alive in parts
            if alive.any()  # else it holds the asking file alone
        ]


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
