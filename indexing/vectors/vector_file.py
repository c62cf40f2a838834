"""The vectors of one workspace folder on the disk: records of fixed size, appended as they are computed.

A record names the file and the piece by hashes, so that unchanged pieces keep their vectors, and has a checksum. The
signs are kept in memory; the rest is read when a search needs it. The file may be deleted at any time: what is missing
is computed again. Start at `VectorFile`.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from indexing.vectors import codes
from starling_files import make_folder, open_private, open_regular_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1  # in the file's name; raise it when what is stored changes its meaning
ENDING = ".vectors"
MOST_RECORDS = 400_000  # 180 MB with 384 components; further pieces get no vector
MOST_COMPONENTS = 8192
_HEAD = struct.Struct("<8sI")  # magic, number of components
_MAGIC = b"STARLVC1"
_BLOCK = 4096  # records that are read at once
_CHECK_BYTES = 4


def make_record_type(width: int) -> np.dtype[Any]:
    """Return the type of a record of a vector with `width` components."""
    return np.dtype([
        ("path", "<u8"),
        ("piece", "<u8"),
        ("ordinal", "<u4"),
        ("scale", "<f4"),
        ("signs", "<u8", (codes.count_words(width),)),
        ("levels", "i1", (width,)),
        ("check", "<u4"),
    ])  # fmt: skip


class VectorFile:
    """The vectors of the pieces of one workspace folder. Thread-safe; one process writes, others read.

    Attributes:
        path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        """Forget what was read."""
        self._width = 0
        self._state = (0, 0)  # inode and bytes that were read
        self._rows: dict[int, int] = {}  # row by hash of the piece
        self._paths = np.zeros(0, np.uint64)
        self._pieces = np.zeros(0, np.uint64)
        self._ordinals = np.zeros(0, np.uint32)
        self._places = np.zeros(0, np.int64)  # number of the record in the file
        self._signs = np.zeros((0, 0), np.uint64)

    def __len__(self) -> int:
        """Return the number of vectors that were read."""
        return len(self._rows)

    def refresh(self) -> None:
        """Read what was appended since the last call; everything if the file was replaced; nothing if it is gone."""
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        """Do the work of `refresh`; the lock is held."""
        try:
            found = self.path.stat()
            if (found.st_ino, found.st_size) == self._state:
                return
            if found.st_ino != self._state[0] or found.st_size < self._state[1]:
                self._forget()
            with open_regular_file(self.path) as file:
                self._read_new(file, found.st_ino)
        except OSError:
            self._forget()

    def _read_new(self, file: BinaryIO, inode: int) -> None:
        """Read the records from the place up to which the file was read before."""
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        magic, width = _HEAD.unpack(head)
        if magic != _MAGIC or not 0 < width <= MOST_COMPONENTS:
            return
        self._width, kind = width, make_record_type(width)
        first = max(0, (self._state[1] - _HEAD.size) // kind.itemsize)
        file.seek(_HEAD.size + first * kind.itemsize)
        read = first
        while read < MOST_RECORDS and (block := file.read(_BLOCK * kind.itemsize)):
            whole = len(block) // kind.itemsize
            records = np.frombuffer(block, dtype=kind, count=whole)
            self._take(records, read)
            read += whole
            if whole < _BLOCK:
                break
        self._state = (inode, _HEAD.size + read * kind.itemsize)

    def _take(self, records: NDArray[Any], first: int) -> None:
        """Keep the intact ones of `records`, the first of which is the record number `first` in the file."""
        size = records.dtype.itemsize
        data = records.tobytes()
        intact = [
            zlib.crc32(data[size * number : size * (number + 1) - _CHECK_BYTES]) == check
            for number, check in enumerate(records["check"].tolist())
        ]
        kept = np.flatnonzero(np.array(intact, dtype=np.bool_))
        for number, piece in enumerate(records["piece"][kept].tolist(), len(self._pieces)):
            self._rows[piece] = number
        chosen = records[kept]
        self._paths = np.concatenate([self._paths, chosen["path"]])
        self._pieces = np.concatenate([self._pieces, chosen["piece"]])
        self._ordinals = np.concatenate([self._ordinals, chosen["ordinal"]])
        self._places = np.concatenate([self._places, kept + first])
        signs = np.ascontiguousarray(chosen["signs"].astype(np.uint64).T)  # shape (words, vectors)
        self._signs = np.concatenate([self._signs, signs], axis=1) if len(self._signs) else signs

    def list_missing(self, pieces: Sequence[int]) -> list[int]:
        """Return the positions in `pieces`, which are hashes, of those that have no vector."""
        with self._lock:
            return [position for position, piece in enumerate(pieces) if piece not in self._rows]

    @property
    def is_full(self) -> bool:
        """Whether no more records fit."""
        return len(self._pieces) >= MOST_RECORDS

    def append(
        self, paths: Sequence[int], pieces: Sequence[int], ordinals: Sequence[int], vectors: NDArray[np.float32]
    ) -> None:
        """Write vectors, shape (pieces, width), with the hashes of their files and pieces and their chunks' ordinals.

        A damaged file, and one with vectors of another width, is replaced.

        Raises:
            OSError: the file cannot be written.
        """
        width = vectors.shape[1]
        kind, made = make_record_type(width), codes.quantize(vectors)
        records = np.zeros(len(pieces), dtype=kind)
        records["path"], records["piece"], records["ordinal"] = paths, pieces, ordinals
        records["scale"], records["signs"], records["levels"] = made.scales, made.signs, made.levels
        data = records.tobytes()
        records["check"] = [
            zlib.crc32(data[kind.itemsize * number : kind.itemsize * (number + 1) - _CHECK_BYTES])
            for number in range(len(records))
        ]
        with self._lock:
            self._refresh()
            if self._width != width:
                make_folder(self.path.parent)
                self.path.unlink(missing_ok=True)
                self._forget()
                with open_private(self.path, "wb") as file:
                    file.write(_HEAD.pack(_MAGIC, width) + records.tobytes())
            else:
                with open_private(self.path, "r+b") as file:
                    file.seek(self._state[1])  # after the last whole record
                    file.write(records.tobytes())
                    file.truncate()
            self._refresh()

    def find_nearest(self, query: NDArray[np.float32], count: int) -> list[tuple[float, int, int, int]]:
        """Return up to `count` pieces nearest to the vector `query`: score, hashes of file and piece, and ordinal.

        The nearest comes first; none if the file is gone or has vectors of another width.
        """
        with self._lock:
            self._refresh()
            if self._width != len(query) or not len(self._pieces):
                return []
            (signs,) = codes.quantize(query[None, :]).signs
            rows = codes.find_candidates(self._signs, signs, 4 * count)
            rows = rows[np.argsort(self._places[rows])]
            records = self._read_records(rows)
            fresh = (records["path"] == self._paths[rows]) & (records["piece"] == self._pieces[rows])
            records = records[fresh]
        scores = codes.score(records["levels"], records["scale"], query)
        order = np.argsort(-scores, kind="stable")[:count]
        return [
            (float(scores[at]), int(records["path"][at]), int(records["piece"][at]), int(records["ordinal"][at]))
            for at in order.tolist()
        ]

    def _read_records(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the records of `rows`; zeros for those that cannot be read."""
        kind = make_record_type(self._width)
        data = bytearray(len(rows) * kind.itemsize)
        with suppress(OSError), open_regular_file(self.path) as file:
            for number, place in enumerate(self._places[rows].tolist()):
                file.seek(_HEAD.size + place * kind.itemsize)
                record = file.read(kind.itemsize)
                data[number * kind.itemsize : number * kind.itemsize + len(record)] = record
        return np.frombuffer(bytes(data), dtype=kind)

    def drop_unused(self, used: NDArray[np.uint64]) -> bool:
        """Write the file anew with the pieces in `used` if that halves it; return whether that was done.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            self._refresh()
            last = np.zeros(len(self._pieces), dtype=np.bool_)
            last[list(self._rows.values())] = True  # of several records of a piece, the last
            kept = np.flatnonzero(last & np.isin(self._pieces, used))
            if len(self._pieces) <= _BLOCK or 2 * len(kept) > len(self._pieces):
                return False
            name = self.path.with_suffix(".part")
            try:
                with open_private(name, "wb") as file:
                    file.write(_HEAD.pack(_MAGIC, self._width))
                    for start in range(0, len(kept), _BLOCK):
                        file.write(self._read_records(kept[start : start + _BLOCK]).tobytes())
                os.replace(name, self.path)  # noqa: PTH105 - os.replace is the atomic one on every system
            finally:
                name.unlink(missing_ok=True)
            self._forget()
            self._refresh()
            return True
