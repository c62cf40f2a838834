"""Failures of the stored index: sentences for a person if it cannot be written, and the test for damage.

Start at `convert_errors` and `is_damage`.
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
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_VTAB", "SQLITE_CORRUPT_INDEX", "SQLITE_SCHEMA"}
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of an OSError of a write for which there is no room."""
DAMAGE = (ValueError, TypeError, AttributeError, LookupError, OverflowError, struct.error)
"""Errors that reading a damaged index may raise besides those of SQLite."""


class StorageError(Exception):
    """The index cannot be written; the message tells a person what happened and what to do.

    Attributes:
        full: whether the disk is full.
    """

    def __init__(self, sentence: str, *, full: bool = False) -> None:
        super().__init__(sentence)
        self.full = full


@contextmanager
def convert_errors(storage: Path) -> Iterator[None]:
    """Turn an OSError of the block, and an SQLite error about a full or unwritable disk, into a `StorageError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in FULL:
            raise StorageError(_describe_full_disk(storage), full=True) from error
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_IOERR")):
            raise StorageError(_describe_unwritable(storage, str(error))) from error
        raise
    except OSError as error:
        if error.errno in FULL_DISK:
            raise StorageError(_describe_full_disk(storage), full=True) from error
        raise StorageError(_describe_unwritable(storage, error.strerror or str(error))) from error


def explain_libraries(error: Exception, folder: Path) -> str:
    """Return a sentence for a person about the `error` that kept libraries from being indexed in `folder`."""
    if not isinstance(error, OSError):
        why = f"Installed libraries could not be indexed ({error})"
    elif error.errno in FULL_DISK:
        why = f"The disk is full: installed libraries could not be indexed in {folder}; free some space there"
    else:
        why = f"Installed libraries could not be indexed in {folder} ({error.strerror or error}); make it writable"
    return f"{why}. Until then less is suggested; `starling index` tries again."


def is_damage(error: Exception) -> bool:
    """Return whether `error` means that the stored index is damaged and has to be rebuilt.

    Damage that SQLite does not notice shows as values of the wrong type and as rows that violate a constraint.
    """
    if isinstance(error, sqlite3.DatabaseError):
        name = getattr(error, "sqlite_errorname", "") or ""
        message = str(error)
        is_known = name in _DAMAGED or name.startswith("SQLITE_CONSTRAINT")
        return is_known or "malformed" in message or "decode" in message
    return isinstance(error, DAMAGE)


def _describe_full_disk(storage: Path) -> str:
    """Return a sentence for a person about the full disk."""
    return f"The disk is full: the index in {storage} could not be written; free some space there, then save any file."


def _describe_unwritable(storage: Path, why: str) -> str:
    """Return a sentence for a person about the folder that cannot be written, because of `why`."""
    return f"The index in {storage} could not be written ({why}); make the folder writable or set another one."
