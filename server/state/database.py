"""The state database: what cannot be computed again, in one SQLite file that all servers of a user share.

Requests, audit, checkpoints, workflows, costs, sessions, memory, queued tasks. Several processes write to it at once
(short transactions, a busy timeout), and only its user can read it. `migrations` has its tables; a database that a
newer program made is refused unchanged. Where the file is deleted, emptied or damaged, a new one is started, a damaged
one is kept beside it, and a person is told. It has no write-ahead log: SQLite maps that log's index into memory, and a
mapped file that is truncated kills every process that reads it. The only module that imports `sqlite3` here. Never call
it on the event loop: every call may wait for a disk. Start at `State.transaction`.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from indexing.storage.storage_errors import FULL
from server.state import migrations
from starling_files import FILE_MODE, make_file, reclaim_folder, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from server.state.statements import Connection

logger = logging.getLogger(__name__)

FILE = "state.sqlite3"
DAMAGED = "damaged"  # part of the name of a database that was set aside
_logged: set[tuple[tuple[int, int] | None, str]] = set()  # (file, sentence), so that each is logged once
BUSY_TIMEOUT_S = 30.0  # SQLite does not wait in turn: a busy process can hold another off for seconds
_BROKEN = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_VTAB", "SQLITE_CORRUPT_INDEX"}
_BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY"}


class State:
    """The database, opened at its first use. Any thread; one uses it at a time."""

    def __init__(self, path: Path | None, tell: Callable[[str], None] = lambda _: None) -> None:
        """Take the `path` of the database, None for one in memory that ends with the process.

        `tell` is called, from any thread, with a sentence for a person when the file was deleted, emptied or damaged.
        """
        self.path = path
        self._tell = tell
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the open file
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write everything that is done inside, or nothing if an exception leaves it.

        Raises:
            StateError: it cannot be written (full or read-only disk, damaged, made by a newer program, busy for 30 s).
        """
        with self._lock, self._translate_errors(), self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has already rolled back after a full disk
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for queries.

        Raises:
            StateError: it cannot be read.
        """
        with self._lock, self._translate_errors(), self._use() as connection:
            yield connection

    def close(self) -> None:
        """Close the database; each later use opens it and closes it again."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """Connect for one use, and disconnect after it once `close` was called."""
        nested = self._connection is not None
        try:
            yield self._open()
        finally:
            if self._closed and not nested:
                self._disconnect()

    def _open(self) -> sqlite3.Connection:
        """Return the open connection; connect again if the file at the path is another one by now."""
        loss = ""
        if self._connection is not None and not self._connection.in_transaction and (loss := self._describe_loss()):
            self._disconnect()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except sqlite3.DatabaseError as error:
                if not self._set_aside_damaged(error):
                    raise
                loss = ""  # that has told a person already
                self._connection = self._connect()
            if loss:
                self._report(loss)
            self._identity = self._identify()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self.path is not None:
            reclaim_folder(self.path.parent)
            if self.path.is_dir():
                set_aside(self.path)
            make_file(self.path)  # before SQLite makes one that everybody can read
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _describe_loss(self) -> str:
        """Return what happened to the open database, as the end of a sentence; "" if it is still there.

        A damaged one is set aside and reported here.
        """
        if self.path is None or self._connection is None:
            return ""
        if self._identity != self._identify():
            copies = self.path.parent.glob(f"{self.path.name}.{DAMAGED}-*")
            kept = (path for path in copies if _identify(path) == self._identity)
            return _describe_damage(next(kept, None)) or "was deleted, with what was recorded in it"
        try:
            return "" if _read_version(self._connection) else "was emptied, with what was recorded in it"
        except sqlite3.DatabaseError as error:
            self._set_aside_damaged(error)
            return ""

    def _set_aside_damaged(self, error: sqlite3.DatabaseError) -> bool:
        """Move the database aside if `error` says that it is damaged; return whether a new one can be started."""
        if self.path is None or getattr(error, "sqlite_errorname", "") not in _BROKEN:
            return False
        from filelock import FileLock  # noqa: PLC0415 (not needed before there is damage)

        self._disconnect()
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=BUSY_TIMEOUT_S, mode=FILE_MODE):
                # else another process has done it
                kept = set_aside(self.path, DAMAGED) if _is_damaged(self.path) else None
        except OSError:  # among these is the lock's `Timeout`
            return False
        if kept is not None:
            self._report(_describe_damage(kept))
        return True

    def _report(self, what: str) -> None:
        """Tell a person what happened to the database, and log it once in this process."""
        sentence = f"{self.path} {what}; a new one is started."
        if (self._identity, what) not in _logged:
            _logged.add((self._identity, what))
            logger.warning("%s", sentence)
        self._tell(sentence)

    def _identify(self) -> tuple[int, int] | None:
        """Return device and inode of the file at the path now, None if there is none or the database is in memory."""
        if self.path is None:
            return None
        found = _identify(self.path)
        if found is None:  # its folder may have lost its permissions
            with suppress(OSError):
                reclaim_folder(self.path.parent)
            found = _identify(self.path)
        return found

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise `StateError`, with a sentence for a person, for the errors of SQLite and of the disk."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if self._set_aside_damaged(error):
                raise StateError(f"{self.path} was damaged and is kept beside a new one; try again.") from error
            raise StateError(self._explain(getattr(error, "sqlite_errorname", ""), str(error))) from error
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StateError(self._explain("SQLITE_FULL" if full else "", error.strerror or str(error))) from error

    def _explain(self, name: str, why: str) -> str:
        """Return a sentence for a person about SQLite's error `name`, and what to do; `why` is the system's text."""
        if name in FULL:
            return f"The disk is full: {self.path} could not be written; free some space and try again."
        if name in _BUSY:
            return f"{self.path} is held by another Starling; try again, or end the others."
        if name in _BROKEN:
            return f"{self.path} is damaged ({why}); move it away, and a new one is started."
        return f"{self.path} could not be used ({why}); make it writable, or set STARLING_HOME to a folder that is."


def _identify(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _describe_damage(kept: Path | None) -> str:
    return f"was damaged and is kept as {kept.name}" if kept is not None else ""


def _is_damaged(path: Path) -> bool:
    """Return whether SQLite's own check of the whole database at `path` finds damage; blocking."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
        ) as opened:
            return bool(opened.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorname", "") in _BROKEN


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Set the journal mode and migrate; raises StateError for a database of a newer program."""
    _leave_log(connection)
    connection.execute("PRAGMA synchronous = EXTRA")  # a committed transaction survives a power cut
    if _read_version(connection) == migrations.NEWEST:
        return
    connection.execute("BEGIN IMMEDIATE")  # another process may be migrating too
    try:
        migrations.migrate(connection, migrations.SQLITE)
    except migrations.NewerDatabase as error:
        connection.execute("ROLLBACK")
        why = "was made by a newer Starling; install that one, or set STARLING_HOME to another folder."
        raise StateError(f"{path} {why}") from error
    connection.execute("COMMIT")


def _leave_log(connection: sqlite3.Connection) -> None:
    """Turn off the write-ahead log of older versions; if one has the database open, leave that to a later start."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _BUSY:
            raise
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_S)}")


def _read_version(connection: sqlite3.Connection) -> int:
    return migrations.read_version(connection, migrations.SQLITE)
