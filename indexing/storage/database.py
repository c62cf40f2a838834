"""The SQLite database of a root's index: its tables, and opening it for writing or reading.

Start at `open_database_for_writing` and `open_database_for_reading`.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from starling_files import make_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BUSY_TIMEOUT_S = 10.0


def _create_tables(connection: sqlite3.Connection) -> None:
    """Create all tables in a new database, and give it a random name."""
    for statement in (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE files (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            relative TEXT NOT NULL UNIQUE,
            mtime_ns INTEGER NOT NULL,
            size INTEGER NOT NULL,
            digest BLOB NOT NULL,
            language TEXT NOT NULL,
            reason TEXT NOT NULL,
            chunks INTEGER NOT NULL,
            symbols INTEGER NOT NULL,
            plain INTEGER NOT NULL,
            generation INTEGER NOT NULL
        )""",
        "CREATE INDEX files_by_generation ON files (generation)",
        "CREATE TABLE contents (file_id INTEGER PRIMARY KEY, blob BLOB NOT NULL)",
        "CREATE TABLE gone (file_id INTEGER PRIMARY KEY, generation INTEGER NOT NULL)",
        "INSERT INTO meta VALUES ('born', hex(randomblob(8)))",
    ):
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create_tables,)
"""Migration n brings a database from `user_version` n - 1 to n; all run in one transaction."""


def open_database_for_reading(path: Path) -> sqlite3.Connection | None:
    """Open the database at `path` for reading in any thread; None if it has another version or cannot be read.

    A database whose writer was killed in a transaction (it left a journal) cannot be read until it is written again.
    """
    # Not "rw": a reader of a replaced database would play back and delete the journal of the new one. The next
    # writer plays back the journal of a killed one; until then the store cannot be read.
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error:
        return None
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        connection.close()
        return None
    if version != len(MIGRATIONS):
        connection.close()
        return None
    return connection


def open_database_for_writing(path: Path) -> sqlite3.Connection:
    """Open the database at `path` for writing; creates it, and migrates an older version.

    Raises:
        sqlite3.Error: it is damaged or cannot be written.
        OSError: the file cannot be created.
    """
    connection = sqlite3.connect(make_file(path), timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        # No write-ahead log: SQLite maps its -shm file, and a mapped file that is truncated kills its readers.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_spill = OFF")  # a commit locks readers out, the work before it does not
        connection.execute("PRAGMA synchronous = NORMAL")  # changes of a lost last second are indexed again
        connection.execute("PRAGMA auto_vacuum = FULL")  # before the tables exist: what is deleted shortens the file
        connection.execute("PRAGMA secure_delete = ON")  # no deleted text stays on a free page
        connection.execute("BEGIN IMMEDIATE")  # before the version is read: another writer may be migrating
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, migrate in enumerate(MIGRATIONS[version:], version + 1):
            migrate(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
        # reads the root pages of all tables, so that damage shows here and not later
        connection.execute("SELECT count(*) FROM meta").fetchone()
        connection.execute("SELECT id FROM files ORDER BY id DESC LIMIT 1").fetchone()
        connection.execute("SELECT file_id FROM contents ORDER BY file_id DESC LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
