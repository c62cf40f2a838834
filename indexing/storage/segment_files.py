"""Files on their way into a segment, and those that stand in for a file of one."""

from __future__ import annotations

from dataclasses import dataclass


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
