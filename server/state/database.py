"""The state database: all data that cannot be computed again, in one SQLite file that all servers of a user share.

Requests, audit, checkpoints, workflows, costs, sessions, feedback, memory, queued tasks. Several processes write to it
at once (short transactions, a busy timeout), and only its user can read it. `migrations` has its tables; a database of
a newer program is refused unchanged. If the file was deleted, emptied or damaged, starts a new one, keeps a damaged one
beside it, and tells a person. Uses no write-ahead log: SQLite maps that log's index into memory, and truncating a
mapped file kills every process that reads it. No other module of this folder imports `sqlite3`. Never call it on the
event loop: every call may wait for a disk. Start at `State.transaction`.
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
from starling_files import FILE_MODE, make_file, repair_folder, set_aside

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
    """The database, opened at its first use; for any thread, one at a time."""

    def __init__(self, path: Path | None, tell: Callable[[str], None] = lambda _: None) -> None:
        """Store the `path` of the database, None for a database in memory, which ends with the process.

        `tell` is called, on any thread, with a sentence for a person when the file was deleted, emptied or damaged.
        """
        self.path = path
        self._tell = tell
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the open file
        self._closed = False
        self._connected = 0  # how often it was opened

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in a transaction; commit at the end, or roll back if an exception is raised inside.

        Raises:
            StateError: the database cannot be written: full or read-only disk, damaged, made by a newer program, or
                used by others for 30 s.
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
        """Yield a connection for queries, without a transaction.

        Raises:
            StateError: the database cannot be read.
        """
        with self._lock, self._translate_errors(), self._use() as connection:
            yield connection

    def read_stamp(self) -> tuple[object, ...]:
        """Return a value that is another one after another connection has written or the file was replaced.

        Raises:
            StateError: the database cannot be read.
        """
        with self.reading() as connection:
            return self._connected, connection.execute("PRAGMA data_version").fetchone()[0]

    def close(self) -> None:
        """Close the database; each later use opens the database and closes it afterwards."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, opened if needed; close it after this use if `close` was called before."""
        nested = self._connection is not None
        try:
            yield self._open()
        finally:
            if self._closed and not nested:
                self._disconnect()

    def _open(self) -> sqlite3.Connection:
        """Return the connection; open a new one if there is none or the database was deleted, replaced or emptied.

        Sets a damaged database aside. Tells a person about a loss.
        """
        loss = ""
        if self._connection is not None and not self._connection.in_transaction and (loss := self._describe_loss()):
            self._disconnect()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except sqlite3.DatabaseError as error:
                if not self._set_aside_damaged(error):
                    raise
                loss = ""  # `_set_aside_damaged` has told a person already
                self._connection = self._connect()
            if loss:
                self._report(loss)
            self._identity = self._identify()
            self._connected += 1
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        """Open the database file, create the file and its folder if needed, migrate, and return the connection."""
        if self.path is not None:
            repair_folder(self.path.parent)
            if self.path.is_dir():
                set_aside(self.path)
            make_file(self.path)  # SQLite would create a file that everybody can read
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
        """Return how the open database was lost, as the end of a sentence ("was emptied"); "" if it was not.

        Sets a damaged database aside and reports that itself, so that "" is returned.
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
        """Rename the database and tell a person if `error` means damage; return whether a new one can be started."""
        if self.path is None or getattr(error, "sqlite_errorname", "") not in _BROKEN:
            return False
        from filelock import FileLock  # noqa: PLC0415 (not needed before there is damage)

        self._disconnect()
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=BUSY_TIMEOUT_S, mode=FILE_MODE):
                # if it is sound now, another process has set the damaged one aside
                kept = set_aside(self.path, DAMAGED) if _is_damaged(self.path) else None
        except OSError:  # includes the lock's `Timeout`
            return False
        if kept is not None:
            self._report(_describe_damage(kept))
        return True

    def _report(self, what: str) -> None:
        """Tell a person that the database `what` ("was emptied"); log that once in this process."""
        sentence = f"{self.path} {what}; a new one is started."
        if (self._identity, what) not in _logged:
            _logged.add((self._identity, what))
            logger.warning("%s", sentence)
        self._tell(sentence)

    def _identify(self) -> tuple[int, int] | None:
        """Return device and inode of the file at the path, None if there is none or the database is in memory.

        Repairs the permissions of the folder if the file cannot be found.
        """
        if self.path is None:
            return None
        found = _identify(self.path)
        if found is None:  # the folder may have lost its permissions
            with suppress(OSError):
                repair_folder(self.path.parent)
            found = _identify(self.path)
        return found

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Replace errors of SQLite and of the disk by a `StateError` with a sentence for a person."""
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
        """Return a sentence for a person about an error, with advice.

        `name` is SQLite's name of the error, "" for another error; `why` is the text of the error.
        """
        if name in FULL:
            return f"The disk is full: {self.path} could not be written; free some space and try again."
        if name in _BUSY:
            return f"{self.path} is held by another Starling; try again, or end the others."
        if name in _BROKEN:
            return f"{self.path} is damaged ({why}); move it away, and a new one is started."
        return f"{self.path} could not be used ({why}); make it writable, or set STARLING_HOME to a folder that is."


def _identify(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at `path`, None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _describe_damage(kept: Path | None) -> str:
    """Return the end of a sentence about a damaged database that is kept as `kept`; "" for None."""
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
    """Set the journal mode, and migrate to the newest version.

    Raises:
        StateError: the database was made by a newer program.
    """
    _turn_off_log(connection)
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


def _turn_off_log(connection: sqlite3.Connection) -> None:
    """Turn off the write-ahead log, which older versions used; do nothing if another process has the database open."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _BUSY:
            raise
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_S)}")


def _read_version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables, 0 for a new or emptied database."""
    return migrations.read_version(connection, migrations.SQLITE)
