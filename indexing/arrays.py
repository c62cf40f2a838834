"""A file of named arrays, written by appending and read through a memory map.

Layout: magic, then each array at a multiple of 64 bytes, then a JSON directory, then the directory's place. Written to
a temporary folder beside the target and moved over it as a whole. Knows nothing of what the arrays mean.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from starling_files import make_folder, open_private

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

MAGIC = b"STARLSG1"
_TAIL = struct.Struct("<QQ8s")  # directory offset, directory length, magic
_ALIGNMENT = 64
_BUFFER_BYTES = 8 * 2**20  # what all spools of a writer hold in memory before they go to disk


class FormatError(ValueError):
    """The file is damaged, cut off, or of another format."""


class ArrayWriter:
    """Arrays that grow on disk. Use as a context manager; without `finish` nothing is left behind."""

    def __init__(self, target: Path) -> None:
        """Write to `target` in the end; its folder is created."""
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
        """Add to the end of the array `name`; all pieces have one type."""
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = open_private(self._folder / name, "w+b")
            self._types[name] = array.dtype.str
        array.tofile(file)

    def spool(self, name: str, partition: int, array: NDArray[np.uint64]) -> None:
        """Put numbers aside for `drain`, out of memory when there are many."""
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
        """All numbers put aside for this partition, sorted; they are gone afterwards."""
        spool = f"{name}-{partition}.spool"
        path = self._folder / spool
        data = path.read_bytes() if path.exists() else b""
        path.unlink(missing_ok=True)
        data += b"".join(self._spooled.pop(spool, ()))
        numbers = np.frombuffer(data, dtype=np.uint64).copy()
        numbers.sort()
        return numbers

    def finish(self, meta: dict[str, Any]) -> None:
        """Put all arrays and `meta` into the target, atomically."""
        directory: dict[str, tuple[str, int, int]] = {}
        whole = self._folder / "whole"
        with open_private(whole, "wb") as out:
            out.write(MAGIC)
            for name, file in self._files.items():
                out.write(b"\x00" * (-out.tell() % _ALIGNMENT))
                size = file.tell()
                directory[name] = (self._types[name], out.tell(), size // np.dtype(self._types[name]).itemsize)
                file.seek(0)
                shutil.copyfileobj(file, out, 2**20)
                file.close()
                (self._folder / name).unlink()
            listing = json.dumps({"arrays": directory, "meta": meta}).encode()
            out.write(listing + _TAIL.pack(out.tell(), len(listing), MAGIC))
        os.replace(whole, self._target)  # noqa: PTH105 - os.replace is the atomic one on every system


class MemoryWriter:
    """The same as `ArrayWriter` in memory, readable like `MappedArrays` after `finish`."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self.bytes = 0
        self._pieces: dict[str, list[NDArray[Any]]] = {}
        self._arrays: dict[str, NDArray[Any]] = {}

    def append(self, name: str, array: NDArray[Any]) -> None:
        """As `ArrayWriter.append`."""
        self._pieces.setdefault(name, []).append(array)

    def spool(self, name: str, partition: int, array: NDArray[np.uint64]) -> None:
        """As `ArrayWriter.spool`."""
        self.append(f"{name}-{partition}.spool", array)

    def drain(self, name: str, partition: int) -> NDArray[np.uint64]:
        """As `ArrayWriter.drain`."""
        pieces = self._pieces.pop(f"{name}-{partition}.spool", [])
        return np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, dtype=np.uint64)

    def finish(self, meta: dict[str, Any]) -> None:
        """Make the arrays readable."""
        self._arrays = {name: np.concatenate(pieces) for name, pieces in self._pieces.items()}
        self._pieces.clear()
        self.meta = meta
        self.bytes = sum(array.nbytes for array in self._arrays.values())

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The array of this name."""
        return self._arrays[name]

    def forget_pages(self) -> None:
        """Nothing: this memory is its only place."""


class MappedArrays:
    """The arrays of a file, mapped read-only; pages come in when they are touched."""

    def __init__(self, path: Path) -> None:
        """Map `path`.

        Raises:
            FormatError: it is no such file.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(MAGIC) + _TAIL.size:
                raise FormatError(f"{path.name} is too short")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        offset, length, magic = _TAIL.unpack_from(self._map, size - _TAIL.size)
        if magic != MAGIC or self._map[: len(MAGIC)] != MAGIC or offset + length + _TAIL.size != size:
            raise FormatError(f"{path.name} is damaged or of another format")
        listing = json.loads(self._map[offset : offset + length])
        self.meta: dict[str, Any] = listing["meta"]
        self.bytes = size
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.frombuffer(self._map, dtype=dtype, count=count, offset=start)
            for name, (dtype, start, count) in listing["arrays"].items()
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The array of this name."""
        return self._arrays[name]

    def forget_pages(self) -> None:
        """Let the system take back the memory of pages read so far; they are read again when needed."""
        if hasattr(self._map, "madvise"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
