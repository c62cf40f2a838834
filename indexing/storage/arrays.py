"""A file of named arrays, written by appending and read through a memory map.

Layout: magic, each array at a multiple of 64 bytes, a JSON directory, then the directory's offset and the checksum of
everything before. Written in a temporary folder beside the target and moved over it atomically; read from a private
copy (`indexing.storage.private_copies`). The meaning of the arrays is defined in `building`.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from indexing.storage import private_copies
from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

MAGIC = b"STARLSG2"
_TAIL = struct.Struct("<QQI8s")  # directory offset, directory length, checksum of all before this, magic
_ALIGNMENT = 64
_MOST_LISTING_BYTES = 64 * 2**20  # of the directory with `meta`
_BUFFER_BYTES = 8 * 2**20  # bytes that all spools of a writer keep in memory before they are written to disk


class FormatError(ValueError):
    """The file is damaged, truncated, or of another format."""


class ArrayWriter:
    """Arrays that grow on disk. A context manager: without `finish` it leaves no file."""

    def __init__(self, target: Path) -> None:
        """Take the path that `finish` writes to; creates its folder."""
        self._target = target
        make_folder(target.parent)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent))
        self._files: dict[str, BinaryIO] = {}
        self._types: dict[str, str] = {}
        self._spooled: dict[str, list[bytes]] = {}
        self._spooled_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def append(self, name: str, array: NDArray[Any]) -> None:
        """Append `array` to the array `name`; all pieces of an array have the same type."""
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = open_private(self._folder / name, "w+b")
            self._types[name] = array.dtype.str
        array.tofile(file)

    def spool(self, name: str, partition: int, array: NDArray[np.uint64]) -> None:
        """Keep the numbers of `array` until `drain` asks for this partition; larger amounts are kept on disk."""
        data = array.tobytes()
        self._spooled.setdefault(f"{name}-{partition}.spool", []).append(data)
        self._spooled_bytes += len(data)
        if self._spooled_bytes >= _BUFFER_BYTES:
            for spool, pieces in self._spooled.items():
                with open_private(self._folder / spool, "ab") as file:
                    file.writelines(pieces)
            self._spooled.clear()
            self._spooled_bytes = 0

    def drain(self, name: str, partition: int) -> NDArray[np.uint64]:
        """Return all numbers spooled for this partition, sorted, and delete them."""
        spool = f"{name}-{partition}.spool"
        path = self._folder / spool
        data = path.read_bytes() if path.exists() else b""
        path.unlink(missing_ok=True)
        data += b"".join(self._spooled.pop(spool, ()))
        numbers = np.frombuffer(data, dtype=np.uint64).copy()
        numbers.sort()
        return numbers

    def finish(self, meta: dict[str, Any]) -> None:
        """Write all arrays and `meta` to the target, atomically."""
        directory: dict[str, tuple[str, int, int]] = {}
        whole = self._folder / "whole"
        with open_private(whole, "wb") as file:
            out = _ChecksummedFile(file)
            out.write(MAGIC)
            for name, array in self._files.items():
                out.write(b"\x00" * (-out.size % _ALIGNMENT))
                size = array.tell()
                directory[name] = (self._types[name], out.size, size // np.dtype(self._types[name]).itemsize)
                array.seek(0)
                while piece := array.read(2**20):
                    out.write(piece)
                array.close()
                (self._folder / name).unlink()
            listing = json.dumps({"arrays": directory, "meta": meta}).encode()
            begin = out.size
            out.write(listing)
            file.write(_TAIL.pack(begin, len(listing), out.checksum, MAGIC))
        os.replace(whole, self._target)  # noqa: PTH105 - os.replace is the atomic one on every system


class _ChecksummedFile:
    """A file that is being written, with its size and checksum so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.checksum = 0

    def write(self, data: bytes) -> None:
        """Append `data`; update size and checksum."""
        self._file.write(data)
        self.size += len(data)
        self.checksum = zlib.crc32(data, self.checksum)


class MemoryWriter:
    """An `ArrayWriter` in memory, which can be read like `MappedArrays` after `finish`."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self.bytes = 0
        self._pieces: dict[str, list[NDArray[Any]]] = {}
        self._arrays: dict[str, NDArray[Any]] = {}

    def append(self, name: str, array: NDArray[Any]) -> None:
        """Append `array` to the array `name`; all pieces of an array have the same type."""
        self._pieces.setdefault(name, []).append(array)

    def spool(self, name: str, partition: int, array: NDArray[np.uint64]) -> None:
        """Keep the numbers of `array` until `drain` asks for this partition."""
        self.append(f"{name}-{partition}.spool", array)

    def drain(self, name: str, partition: int) -> NDArray[np.uint64]:
        """Return all numbers spooled for this partition, sorted, and release them."""
        pieces = self._pieces.pop(f"{name}-{partition}.spool", [])
        return np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, dtype=np.uint64)

    def finish(self, meta: dict[str, Any]) -> None:
        """Join the pieces of each array, so that the arrays can be read; keep `meta`."""
        self._arrays = {name: np.concatenate(pieces) for name, pieces in self._pieces.items()}
        self._pieces.clear()
        self.meta = meta
        self.bytes = sum(array.nbytes for array in self._arrays.values())

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array `name`."""
        return self._arrays[name]

    def release_pages(self) -> None:
        """Do nothing: the arrays are in memory only."""


def is_intact(path: Path) -> bool:
    """Return whether the file at `path` is of this format and its checksum is right; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(-_TAIL.size, os.SEEK_END)
            tail = _TAIL.unpack(file.read(_TAIL.size))
        return (private_copies.compute_checksum(path, _TAIL.size), MAGIC) == tail[2:]
    except (OSError, ValueError, struct.error):
        return False


def read_meta(path: Path) -> dict[str, Any]:
    """Return the `meta` of the file at `path` without reading its arrays, which may be damaged.

    Raises:
        FormatError: the file is of another format, or this part of it is damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL.size))
        tail = file.read(_TAIL.size)
        if len(tail) < _TAIL.size:
            raise FormatError(f"{path.name} is too short")
        offset, length, _, magic = _TAIL.unpack(tail)
        if magic != MAGIC or offset + length + _TAIL.size != size or length > _MOST_LISTING_BYTES:
            raise FormatError(f"{path.name} is damaged or of another format")
        file.seek(offset)
        try:
            meta = json.loads(file.read(length))["meta"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise FormatError(f"{path.name} is damaged") from error
    if not isinstance(meta, dict):
        raise FormatError(f"{path.name} is damaged")
    return meta


class MappedArrays:
    """The arrays of a file, mapped read-only; pages are read at their first use."""

    def __init__(self, path: Path) -> None:
        """Map a private copy of the file at `path`.

        Raises:
            FormatError: the file is damaged or of another format.
            OSError: it cannot be read.
        """
        try:
            self._map, checksum = private_copies.map_copy(path, _TAIL.size)
        except ValueError as error:
            raise FormatError(str(error)) from error
        size = len(self._map)
        offset, length, expected, magic = _TAIL.unpack_from(self._map, size - _TAIL.size)
        if (magic, expected, offset + length + _TAIL.size) != (MAGIC, checksum, size):
            raise FormatError(f"{path.name} is damaged or of another format")
        listing = json.loads(self._map[offset : offset + length])
        self.meta: dict[str, Any] = listing["meta"]
        self.bytes = size
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.frombuffer(self._map, dtype=dtype, count=count, offset=start)
            for name, (dtype, start, count) in listing["arrays"].items()
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array `name`."""
        return self._arrays[name]

    def release_pages(self) -> None:
        """Release the memory of the pages read so far; they are read again when needed."""
        if hasattr(self._map, "madvise"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
