"""Marks of indexes that are in use, so that none is deleted under a server that searches it.

A mark is a file beside the index that its server holds locked; the system releases the lock when the server ends, also
if it is killed. Start at `UseMark` and `is_in_use`.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from indexing.storage.index_files import MARK_ENDING
from starling_files import FILE_MODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from filelock import FileLock

    from indexing.storage.index_files import IndexPaths

_NOTE_S = 3_600.0  # between two records of the last use
_numbers = itertools.count()


class UseMark:
    """The mark of one user of an index; it ends with `release` or with the process."""

    def __init__(self, paths: IndexPaths) -> None:
        self._paths = paths
        self._path = paths.storage / f"{paths.key}.{os.getpid()}-{next(_numbers)}{MARK_ENDING}"
        self._lock: FileLock | None = None

    def hold(self) -> None:
        """Make the mark unless it is there, and record the time of use; errors leave the index without a mark."""
        with suppress(OSError):  # filelock's Timeout is one, too
            self._note_time()
            if self._lock is None or not self._path.exists():
                self.release()
                self._lock = _make_lock(self._path)
                self._lock.acquire(timeout=0)

    def _note_time(self) -> None:
        """Set the time of the index's lock file, the time of the last use, at most once an hour."""
        if time.time() - self._paths.lock.stat().st_mtime > _NOTE_S:
            os.utime(self._paths.lock)

    def release(self) -> None:
        """Delete the mark. Idempotent."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            with suppress(OSError):
                self._path.unlink()


def _make_lock(path: Path) -> FileLock:
    """Return the lock on the file at `path`, which any thread may release."""
    from filelock import FileLock  # noqa: PLC0415  # not needed before there is an index

    return FileLock(path, mode=FILE_MODE, thread_local=False)


def _try(path: Path) -> AbstractContextManager[object] | None:
    """Return the lock on the file at `path`, taken; None if another process holds it or it cannot be taken."""
    lock = _make_lock(path)
    try:
        return lock.acquire(timeout=0)
    except OSError:
        return None


def is_in_use(storage: Path, key: str) -> bool:
    """Return whether a living process has marked the index `key`; deletes marks of processes that have ended."""
    found = False
    for path in _list_marks(storage, key):
        taken = _try(path)
        if taken is None:
            found = True
            continue
        with taken, suppress(OSError):
            path.unlink()
    return found


def _list_marks(storage: Path, key: str) -> Iterator[Path]:
    """Yield the paths of all marks of the index `key`."""
    yield from storage.glob(f"{key}.*{MARK_ENDING}")


def lock_unused(storage: Path, key: str) -> AbstractContextManager[object] | None:
    """Return the writer's lock of the index `key`, taken; None if a process writes or uses that index."""
    taken = _try(storage / f"{key}.lock")
    if taken is not None and is_in_use(storage, key):
        with taken:
            return None
    return taken
