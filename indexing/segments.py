"""The searchable form of an indexed root: one memory-mapped file, and views over it with what changed since.

`analyze` turns one file into a compact blob (the store keeps it), `build` merges blobs into a segment, `Segment` maps
it read-only, `View` answers searches over segments and in-memory overlays. Never reads workspace files. Imports numpy:
import this module where it is needed, not at start-up. Start at `View`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from indexing.records import Chunk, Import, Query, Span, Symbol

FileKey = tuple[str, int]  # (root key, file id)


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """One file to be merged into a segment; `mtime` in seconds since the epoch, `blob` from `analyze`."""

    file_id: int
    relative: str
    mtime: float
    blob: bytes


@dataclass(frozen=True, slots=True)
class OverlayFile:
    """A file that is open or changed since its segment was built; stands in for the segment's version of it."""

    relative: str
    mtime: float
    blob: bytes


@dataclass(frozen=True, slots=True)
class Ranked:
    """A found chunk: its file, its ordinal among the chunks given to `analyze`, and a score (higher is better)."""

    key: FileKey
    chunk: int
    score: float


@dataclass(frozen=True, slots=True)
class RecallMatch:
    """A continuation; `key` is None when the best match stands in the asking text itself. As `records.Recalled`."""

    key: FileKey | None
    start: int  # code-point offset of the continuation in that file (or in the asking text)
    text: str
    matched_tokens: int
    agreement: float
    votes: int
    confidence: float  # calibrated probability that the line is exactly right


def analyze(
    text: str, chunks: Sequence[Chunk], symbols: Sequence[Symbol], imports: Sequence[Import], language: str
) -> bytes:
    """Pack what searching needs to know of one file. Fast (no tokenising: that is done in bulk by `build`)."""
    raise NotImplementedError


def build(target: Path, files: Iterable[SegmentFile]) -> None:
    """Write the segment of `files` to `target`, atomically (temporary file and `os.replace`) and in bounded memory."""
    raise NotImplementedError


class Segment:
    """A segment file, mapped read-only."""

    file_ids: Collection[int]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map `path`. Raises ValueError when it is no segment of this format, OSError when it cannot be read."""
        raise NotImplementedError

    def close(self) -> None:
        """Unmap once no view uses it any more. Safe twice."""
        raise NotImplementedError


class View:
    """What is searched: a frozen set of segments, with overlays in place of what changed. Thread-safe."""

    def __init__(
        self,
        segments: Sequence[tuple[str, Segment]],
        overlays: Mapping[FileKey, OverlayFile],
        hidden: Collection[FileKey],
    ) -> None:
        """Hold `segments` by root key; `hidden` files are as if not there; overlays hide the segment's version."""
        raise NotImplementedError

    def chunk(self, key: FileKey, ordinal: int) -> Chunk:
        """The chunk as it was given to `analyze`. Raises KeyError for an unknown file."""
        raise NotImplementedError

    def text(self, key: FileKey, span: Span | None = None) -> str:
        """Text of the file as it was given to `analyze`, or a part of it. Raises KeyError for an unknown file."""
        raise NotImplementedError

    def relative(self, key: FileKey) -> str:
        """Root-relative path of the file. Raises KeyError for an unknown file."""
        raise NotImplementedError

    def search(
        self, query: Query, *, own: FileKey | None = None, limit: int, deadline: float | None
    ) -> list[Ranked]:
        """Chunks for `query`, best first. The asking file `own` is left out, or with `query.near` only that span of it."""
        raise NotImplementedError

    def recall(
        self,
        prefix: str,
        suffix: str,
        *,
        language: str,
        own: FileKey | None,
        names: Sequence[str],
        whole_block: bool,
        limit: int,
        deadline: float | None,
    ) -> list[RecallMatch]:
        """What was written after the same tokens as those at the end of `prefix`, best first.

        The asking file is searched as `prefix` and `suffix`, in place of its stored version `own`.
        `names` are identifiers in scope, nearest first: what renamed identifiers are adapted to.
        """
        raise NotImplementedError

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
        raise NotImplementedError
