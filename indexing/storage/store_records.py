"""Records of the store: files as they are written and read, changes since the last segment, and figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state of a file when it was stored, to tell whether it has changed.

    Attributes:
        id: the store's id of the file.
        mtime_ns: time of the last change.
        size: in bytes.
        digest: hash of the content.
        reason: why the file is excluded; "" if it is indexed.
    """

    id: int
    mtime_ns: int
    size: int
    digest: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to be stored.

    Attributes:
        relative: root-relative path.
        mtime_ns: time of the last change.
        size: in bytes.
        digest: hash of the content.
        language: name of its language.
        reason: why it is excluded; "" if it is indexed.
        chunks: number of chunks.
        symbols: number of symbols.
        plain: whether it was cut without syntax.
        blob: result of `blobs.pack`; empty if it is excluded.
    """

    relative: str
    mtime_ns: int
    size: int
    digest: bytes
    language: str
    reason: str
    chunks: int
    symbols: int
    plain: bool
    blob: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An indexed file as it is read for a segment or an overlay.

    Attributes:
        id: the store's id of the file.
        relative: root-relative path.
        mtime: time of the last change in seconds since the epoch.
        blob: result of `blobs.pack`; empty if the segment alone holds the file.
    """

    id: int
    relative: str
    mtime: float
    blob: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between the segment and the current state of the store.

    Attributes:
        born: random name of the database; another database of the same name has other ids.
        generation: number of the last change.
        segment: name of the segment file.
        changed: files that changed after the segment was built.
        gone: ids of files that are no longer indexed.
    """

    born: str
    generation: int
    segment: str
    changed: tuple[StoredFile, ...]
    gone: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of one root for the status; `skipped` counts excluded files by reason, and those "without syntax"."""

    files: int
    chunks: int
    symbols: int
    bytes_indexed: int
    skipped: dict[str, int]
    by_language: dict[str, int]
