"""The limit for all indexes on the disk together, those of workspaces and those of libraries.

Start at `keep_within_limit`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from indexing.libraries.library_files import LibraryFiles
from indexing.storage import all_indexes, use_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


def keep_within_limit(storage: Path, limit_bytes: int, kept: Collection[str]) -> list[str]:
    """Delete the least recently used indexes and library files until the rest takes `limit_bytes` or less.

    Never deletes what a process uses or writes: the index of its workspace, and the libraries that it searches; so the
    rest may take more.

    Args:
        storage: folder of the indexes.
        limit_bytes: limit for the indexes of all workspaces and of libraries together.
        kept: keys of indexes in use besides those with a mark (`use_marks`).

    Returns:
        The keys of the deleted indexes and the names of the deleted library files, in the order of deletion.
    """
    indexes, libraries = all_indexes.list_indexes(storage), LibraryFiles(storage)
    total = sum(each.size for each in indexes) + libraries.measure()
    if total <= limit_bytes:
        return []
    used = {each.key for each in indexes if each.key in kept or use_marks.is_in_use(storage, each.key)}
    entries: list[tuple[float, str, int, Callable[[], bool]]] = [
        (each.used, each.key, each.size, partial(all_indexes.delete, storage, each))
        for each in indexes
        if each.key not in used
    ]
    entries += [
        (at, path.name, size, partial(_delete_file, path))
        for path, at, size in libraries.list_unused(each.digest for each in indexes if each.key in used)
    ]
    deleted = []
    for _, name, size, delete in sorted(entries, key=lambda entry: entry[:2]):
        if total <= limit_bytes:
            break
        if delete():
            total -= size
            deleted.append(name)
    return deleted


def _delete_file(path: Path) -> bool:
    """Delete a file; return whether that succeeded."""
    try:
        path.unlink()
    except OSError:  # mapped by another server (Windows): deleted the next time
        return False
    return True
