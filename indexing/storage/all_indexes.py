"""All indexes of a user below one folder: their sizes and last use, and deletion of one that no process uses.

A deleted index is made again when its workspace is opened. Start at `measure` and `delete`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.storage import use_marks
from indexing.storage.index_files import MARK_ENDING, IndexPaths
from indexing.storage.storage_errors import DAMAGE
from indexing.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(.+-[0-9a-f]{16}-v\d+)\.(.+)")  # of a file of an index: its key, and the rest


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """The index of one workspace folder on the disk.

    Attributes:
        key: start of the names of its files.
        paths: its files, without its lock and marks of use.
        size: of these files in bytes.
        used: when it was last used or written, in seconds since the epoch.
    """

    key: str
    paths: tuple[Path, ...]
    size: int
    used: float

    @property
    def digest(self) -> str:
        """Hash of the path of the workspace folder."""
        return self.key.rsplit("-", 2)[1]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of indexes, their size and the size of the source in them, both in bytes."""

    indexes: int
    index_bytes: int
    source_bytes: int


def list_indexes(storage: Path) -> list[StoredIndex]:
    """Return the indexes in the folder `storage`, the least recently used first; [] if it is missing."""
    found: dict[str, list[tuple[Path, int, float]]] = {}
    with suppress(OSError), os.scandir(storage) as entries:
        for entry in entries:
            if (name := _NAME.fullmatch(entry.name)) is None or name[2].endswith(MARK_ENDING):
                continue
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                found.setdefault(name[1], []).append((storage / entry.name, state.st_size, state.st_mtime))
    indexes = []
    for key, files in found.items():
        paths = tuple(sorted(path for path, _, _ in files if path.suffix != ".lock"))
        if paths:
            used = max(changed for _, _, changed in files)
            indexes.append(StoredIndex(key, paths, sum(size for _, size, _ in files), used))
    return sorted(indexes, key=lambda each: (each.used, each.key))


def measure(storage: Path) -> Sizes:
    """Return the sizes of all indexes in the folder `storage`; the source of a damaged one counts 0 bytes."""
    indexes = list_indexes(storage)
    source = sum(_measure_source(IndexPaths(storage, each.key)) for each in indexes)
    return Sizes(len(indexes), sum(each.size for each in indexes), source)


def _measure_source(paths: IndexPaths) -> int:
    """Return the bytes of the indexed files in an index; 0 if it cannot be read."""
    store = Store.open_for_reading(paths)
    if store is None:
        return 0
    with store:
        try:
            return store.count().bytes_indexed
        except (sqlite3.Error, *DAMAGE):
            return 0


def delete(storage: Path, index: StoredIndex) -> bool:
    """Delete the files of an index but its lock; return False if it is in use or a file cannot be deleted."""
    taken = use_marks.lock_unused(storage, index.key)
    if taken is None:
        return False
    with taken:
        try:
            for path in sorted(index.paths, key=lambda each: each.suffix != ".sqlite3"):  # without it, nothing is read
                path.unlink(missing_ok=True)
        except OSError:
            return False
    return True
