"""Hard links: checks whether all names of a file are in the workspace.

A file with several names is written in place, which changes it under all its names. Reads folders, follows no link.
Start at `has_names_outside`.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_ENTRIES = 300_000  # searched for the other names


def has_names_outside(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether the file at `path` has more names (hard links) than its folder and `roots` hold; blocking.

    Also returns True if the search ends after `MOST_ENTRIES` files and folders; False if the file does not exist.
    """
    try:
        found = path.lstat()
    except OSError:
        return False
    missing = found.st_nlink
    if missing <= 1:
        return False
    for entry in _walk([_resolve(path.parent), *map(_resolve, roots)]):
        if entry.inode() == found.st_ino and _is_same(entry, found):
            missing -= 1
            if missing == 0:
                return False
    return True


def _walk(folders: Sequence[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the files in and below `folders`, the first folder first; stop after `MOST_ENTRIES` files and folders.

    Follows no link; skips folders that cannot be read.
    """
    waiting: deque[str] = deque(folders[1:])
    first = folders[0]
    seen: set[str] = set()
    left = MOST_ENTRIES
    waiting.appendleft(first)
    while waiting:
        folder = waiting.popleft()
        if folder in seen:
            continue
        seen.add(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        return
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry
        except OSError:
            continue


def _is_same(entry: os.DirEntry[str], found: os.stat_result) -> bool:
    """Return whether `entry` is the file with the status `found`."""
    try:
        return os.path.samestat(os.lstat(entry.path), found)
    except OSError:
        return False


def _resolve(folder: Path) -> str:
    """Return the path of `folder` with all links resolved, so that no folder is searched under two names."""
    return os.path.realpath(folder)
