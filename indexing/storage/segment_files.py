"""Records of files: one to be merged into a segment, and one that replaces a file of a segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexing.storage.blobs import Packed


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A file to be merged into a segment.

    Attributes:
        file_id: the store's id.
        relative: root-relative path.
        mtime: time of the last change in seconds since the epoch.
        blob: the file as `blobs.pack` or `blobs.unpack` returns it.
    """

    file_id: int
    relative: str
    mtime: float
    blob: bytes | Packed


@dataclass(frozen=True, slots=True)
class OverlayFile:
    """A file that is open or has changed since the segment was built; replaces the segment's version."""

    relative: str
    mtime: float
    blob: bytes
