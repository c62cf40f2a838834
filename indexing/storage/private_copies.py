"""Memory maps of private copies of files, because a process dies if a file that it has mapped is truncated.

A copy has no name, so no other program can open it. It lies on disk, costs only the memory of the pages that are read,
and ends with its last reader. Copying computes the checksum, so that damage is found when a file is opened and not in
the middle of a search. Start at `map_copy`.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import zlib
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PIECE_BYTES = 1 << 20
_HELD_BYTES = 64 << 20  # a file up to this size is copied to memory if no disk has room


def map_copy(path: Path, tail_bytes: int) -> tuple[mmap.mmap, int]:
    """Map a private copy of the file at `path`, read-only.

    Returns:
        The map, and the checksum of all of it but the last `tail_bytes`.

    Raises:
        ValueError: the file is too short, or was truncated meanwhile.
        OSError: it cannot be read, or there is no room for the copy.
    """
    with path.open("rb", buffering=0) as source:
        size = os.fstat(source.fileno()).st_size
        if size <= tail_bytes:
            raise ValueError(f"{path.name} is too short")
        for folder in (path.parent, None):
            try:
                with tempfile.TemporaryFile(dir=folder, buffering=0) as target:
                    checksum = _copy(source, target, size - tail_bytes)
                    return mmap.mmap(target.fileno(), size, access=mmap.ACCESS_READ), checksum
            except OSError:
                source.seek(0)
        if size > _HELD_BYTES:
            raise OSError(f"there is no room for a copy of {path.name}")
        held = mmap.mmap(-1, size)
        return held, _copy(source, held, size - tail_bytes)


def compute_checksum(path: Path, tail_bytes: int) -> int:
    """Return the checksum of a file without its last `tail_bytes`.

    Raises:
        ValueError: the file is too short, or was truncated meanwhile.
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as source:
        size = os.fstat(source.fileno()).st_size
        if size <= tail_bytes:
            raise ValueError(f"{path.name} is too short")
        result = 0
        for piece in _read_pieces(source, size - tail_bytes):
            result = zlib.crc32(piece, result)
        return result


def _copy(source: IO[bytes], target: IO[bytes] | mmap.mmap, summed_bytes: int) -> int:
    """Copy `source` to its end; return the checksum of the first `summed_bytes`."""
    result = 0
    for piece in _read_pieces(source, summed_bytes):
        result = zlib.crc32(piece, result)
        _write(target, piece)
    _write(target, source.read())
    return result


def _write(target: IO[bytes] | mmap.mmap, piece: bytes) -> None:
    """Write all of `piece`, in several writes if needed."""
    while piece:
        piece = piece[target.write(piece) :]


def _read_pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes in pieces.

    Raises:
        ValueError: the file was truncated.
    """
    while size:
        piece = source.read(min(size, _PIECE_BYTES))
        if not piece:
            raise ValueError("it was shortened meanwhile")
        size -= len(piece)
        yield piece
