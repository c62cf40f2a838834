"""The state database in one SQLite file that all servers of a user share, and that only this user can read.

Several processes write to it at once (short transactions, a busy timeout). If the file was deleted, emptied or damaged,
starts a new one, keeps a damaged one beside it, and tells a person. Uses no write-ahead log: SQLite maps that log's
index into memory, and truncating a mapped file kills every process that reads it. No other module of the state imports
`sqlite3`. Start at `SqliteState.transaction`.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from agents.ports.failures import StateError
from indexing.storage.storage_errors import FULL
from server.state import migrations
from server.state.database import Area, State
from starling_files import FILE_MODE, make_file, repair_folder, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from server.state.statements import Connection

logger = logging.getLogger(__name__)

DAMAGED = "damaged"  # part of the name of a database that was set aside
_logged: set[tuple[tuple[int, int] | None, str]] = set()  # (file, sentence), so that each is logged once
BUSY_TIMEOUT_S = 30.0  # SQLite does not wait in turn: a busy process can hold another off for seconds
MOST_TOGETHER = 16  # transactions in a commit
LONGEST_DELAY_S = 0.005  # seconds that a commit is delayed at most, for others to join it
_BROKEN = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_VTAB", "SQLITE_CORRUPT_INDEX"}
_BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY"}


class _Batch:
    """Transactions that are committed together.

    Attributes:
        size: their number.
        ended: set once they are committed or rolled back.
        problem: why they were rolled back, as a sentence for a person; "" if they were not.
    """

    def __init__(self) -> None:
        self.size = 0
        self.ended = threading.Event()
        self.problem = ""


class SqliteState(State):
    """The database, opened at its first use; for any thread, one at a time."""

    def __init__(self, path: Path | None, tell: Callable[[str], None] = lambda _: None) -> None:
        """Store the `path` of the database, None for a database in memory, which ends with the process.

        `tell` is called, on any thread, with a sentence for a person when the file was deleted, emptied or damaged.
        """
        self.path = path
        self._tell = tell
        self._lock, self._counting = threading.RLock(), threading.Lock()
        self._waiting = 0  # threads that wait for `_lock`
        self._batch: _Batch | None = None
        self._last_size = 1  # of the last batch
        self._commit_s = 0.0  # seconds that the last commit took
        self._inside = False  # whether the thread that has the lock is inside of a transaction
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the open file
        self._closed = False
        self._connected = 0  # how often it was opened

    @contextmanager
    def transaction(self, *_areas: Area) -> Iterator[Connection]:
        """Yield a connection in a transaction; commit at the end, or roll back if an exception is raised inside.

        Transactions of all areas run one after the other. A commit waits several times for the disk. Therefore
        transactions that threads want at the same time are committed together, and each thread goes on once that is
        done.

        Raises:
            StateError: the database cannot be written: full or read-only disk, damaged, made by a newer program, or
                used by others for 30 s.
        """
        with self._acquire_connection() as connection:
            if self._inside or self._batch is None:  # inside of another one, this is an error
                connection.execute("BEGIN IMMEDIATE")
                self._batch = _Batch()
            batch = self._batch
            batch.size += 1
            connection.execute("SAVEPOINT one")
            self._inside = True
            try:
                yield connection
                connection.execute("RELEASE one")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO one")
                    connection.execute("RELEASE one")
                else:  # SQLite has rolled all of them back, after a full disk
                    self._end_batch(self._explain(getattr(error, "sqlite_errorname", ""), str(error)))
                raise
            finally:
                self._inside = False
        self._await_end(batch)

    @contextmanager
    def use_connection(self) -> Iterator[Connection]:
        """Yield a connection for queries, without a transaction.

        Inside of a transaction, yields its connection. What was read is committed once the block has ended.

        Raises:
            StateError: the database cannot be read, or what other threads have written meanwhile was not committed.
        """
        with self._acquire_connection() as connection:
            batch = None if self._inside else self._batch
            yield connection
        if batch is not None:
            self._await_end(batch)

    @contextmanager
    def _acquire_connection(self) -> Iterator[sqlite3.Connection]:
        """Wait until no other thread uses the connection, and yield it, opened if needed.

        At the end commits the open batch, unless another thread waits for its turn, which then does so. Closes the
        connection afterwards if `close` was called before.

        Raises:
            StateError: as `transaction` and `use_connection`.
        """
        with self._counting:
            self._waiting += 1
        try:
            self._lock.acquire()
        finally:
            with self._counting:
                self._waiting -= 1
        try:
            nested = self._connection is not None
            with self._translate_errors():
                try:
                    yield self._open()
                finally:
                    if not self._inside and not self._should_delay_commit():
                        self._commit()
                    if self._closed and not nested:
                        self._disconnect()
        finally:
            self._lock.release()

    def _should_delay_commit(self) -> bool:
        """Return whether to commit the open batch later, because threads wait or the last batch was larger.

        False without a batch, for a full one, and after `close`. `_await_end` commits a batch that nobody else does.
        """
        batch = self._batch
        if batch is None or self._closed or batch.size >= MOST_TOGETHER:
            return False
        return bool(self._waiting) or batch.size < self._last_size

    def _await_end(self, batch: _Batch) -> None:
        """Wait until `batch` is committed; commit it after a short time, if no other thread does.

        Raises:
            StateError: it was rolled back.
        """
        while not batch.ended.wait(min(self._commit_s / 2, LONGEST_DELAY_S)):
            with self._lock:
                if self._batch is batch:
                    self._commit()
        if batch.problem:
            raise StateError(batch.problem)

    def _commit(self) -> None:
        """Commit the open batch, if there is one; an error goes to the threads of its transactions."""
        if self._batch is None or self._connection is None:
            return
        begun, self._last_size = time.monotonic(), self._batch.size
        try:
            with self._translate_errors():
                self._connection.execute("COMMIT")
            self._commit_s = time.monotonic() - begun
        except StateError as error:
            self._end_batch(str(error))
        except BaseException:
            self._end_batch("The program was interrupted before it could write the state.")
            raise
        else:
            self._end_batch("")

    def _end_batch(self, problem: str) -> None:
        """End the open batch, if there is one: committed if `problem` is "", rolled back otherwise."""
        batch, self._batch = self._batch, None
        if problem and self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        if batch is not None:
            batch.problem = problem
            batch.ended.set()

    def read_stamp(self) -> tuple[object, ...]:
        """Return a value that differs after another connection has written or the file was replaced.

        Raises:
            StateError: the database cannot be read.
        """
        with self.use_connection() as connection:
            return self._connected, connection.execute("PRAGMA data_version").fetchone()[0]

    def read_mark(self) -> object:
        """Return time and size of the file, which differ after anybody has written; None while there is no file."""
        if self.path is None:
            return self.read_stamp()
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def describe_damage(self) -> str:
        """Return a sentence for a person if the database is damaged or cannot be used, else ""; blocking."""
        try:
            with self.use_connection():
                pass
        except StateError as error:
            return str(error)
        if self.path is not None and is_damaged(self.path):
            return f"The state database {self.path} is damaged; end all Starlings and move it away."
        return ""

    @contextmanager
    def read_moment(self) -> Iterator[Connection]:
        """Yield a connection for queries that all see the database as of one moment; nobody writes until the end.

        Raises:
            StateError: the database cannot be read, or a thread is inside of a transaction.
        """
        with self._acquire_connection() as connection:
            self._commit()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database; each later use opens the database and closes it afterwards."""
        with self._lock:
            self._closed = True
            self._commit()
            self._disconnect()

    def _disconnect(self) -> None:
        """Close the connection, if there is one, and roll an open batch back."""
        self._end_batch(f"{self.path} was closed before it could be written; try again.")
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
        """Close and rename the database and tell a person if `error` means damage; return whether that was done.

        Returns True without renaming if another process has done so.
        """
        if self.path is None or getattr(error, "sqlite_errorname", "") not in _BROKEN:
            return False
        from filelock import FileLock  # noqa: PLC0415 (not needed before there is damage)

        self._disconnect()
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=BUSY_TIMEOUT_S, mode=FILE_MODE):
                # if it is sound now, another process has set the damaged one aside
                kept = set_aside(self.path, DAMAGED) if is_damaged(self.path) else None
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


def is_damaged(path: Path) -> bool:
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
    _turn_off_write_ahead_log(connection)
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


def _turn_off_write_ahead_log(connection: sqlite3.Connection) -> None:
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
