"""Failures of an index on the disk: sentences for a person where it cannot be written, and how damage is recognised.

Start at `explained` and `broken`.
"""

from __future__ import annotations

import errno
import sqlite3
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL = frozenset(
    {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE", "SQLITE_IOERR_SHMSIZE"}
)
_BROKEN = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_VTAB", "SQLITE_CORRUPT_INDEX", "SQLITE_SCHEMA"}
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, struct.error)
"""What reading a damaged index may raise besides SQLite's own errors."""


class StorageError(Exception):
    """The index cannot be written; the message is one sentence for a person: what happened, and the next step.

    Attributes:
        full: whether there was no room for it.
    """

    def __init__(self, sentence: str, *, full: bool = False) -> None:
        super().__init__(sentence)
        self.full = full


@contextmanager
def explained(storage: Path) -> Iterator[None]:
    """Turn a failed write (full disk, no permission) into a `StorageError` that says so; let others through."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in FULL:
            raise StorageError(_full_sentence(storage), full=True) from error
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_IOERR")):
            raise StorageError(_unwritable_sentence(storage, str(error))) from error
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StorageError(_full_sentence(storage), full=True) from error
        raise StorageError(_unwritable_sentence(storage, error.strerror or str(error))) from error


def broken(error: Exception) -> bool:
    """Whether what is stored is damaged, so that it has to be made anew.

    Damage that SQLite does not see comes as values of other types, and as rows that fit nothing.
    """
    if isinstance(error, sqlite3.DatabaseError):
        name = getattr(error, "sqlite_errorname", "") or ""
        said = str(error)
        return name in _BROKEN or name.startswith("SQLITE_CONSTRAINT") or "malformed" in said or "decode" in said
    return isinstance(error, DAMAGE)


def _full_sentence(storage: Path) -> str:
    return f"The disk is full: the index in {storage} could not be written; free some space there, then save any file."


def _unwritable_sentence(storage: Path, why: str) -> str:
    return f"The index in {storage} could not be written ({why}); make the folder writable or set another one."
