"""The state database: what cannot be computed again, one SQLite file per user, shared by all servers of that user.

Requests, audit, checkpoints, workflows, costs. Several servers write to it at once (short transactions, a busy
timeout), it is readable by its user alone, and a migration is a numbered function that only adds, so that an older
server is told to be updated and never harms it. Where it is taken away, emptied or damaged, a new one is begun, a
damaged one is kept beside it, and a person is told. It has no write-ahead log: SQLite maps the file that belongs to
one, and a mapped file that is cut off kills every process that reads it. Never on the event loop: every call may wait
for a disk. Start at `State.transaction`.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from indexing.storage.storage_errors import FULL
from starling_files import FILE_MODE, make_file, reclaim_folder, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

Connection = sqlite3.Connection

FILE = "state.sqlite3"
DAMAGED = "damaged"  # part of the name of a database that was set aside
_said: set[tuple[tuple[int, int] | None, str]] = set()  # what was logged of which file
BUSY_TIMEOUT_S = 30.0  # SQLite's waiting is not fair: a busy neighbour can hold one off for seconds
_BROKEN = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_VTAB", "SQLITE_CORRUPT_INDEX"}
_BUSY = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY"}


class StateError(Exception):
    """The database cannot be read or written; the message is a sentence for a person: what happened, the next step."""


def _gate(connection: sqlite3.Connection) -> None:
    """Tables of `server.gate`; times are seconds since the epoch."""
    for statement in (
        """CREATE TABLE requests (
            id TEXT PRIMARY KEY, created REAL NOT NULL,
            host TEXT NOT NULL, pid INTEGER NOT NULL, begun REAL NOT NULL,
            client TEXT NOT NULL, tool TEXT NOT NULL, title TEXT NOT NULL, why TEXT NOT NULL,
            proposer TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL,
            subjects TEXT NOT NULL, diff TEXT NOT NULL, warnings TEXT NOT NULL,
            status TEXT NOT NULL, verdict TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
            answer TEXT NOT NULL DEFAULT '', asked REAL, answer_s REAL, checkpoint TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID""",
        "CREATE INDEX requests_by_time ON requests (created)",
        "CREATE INDEX requests_by_asking ON requests (asked)",
        "CREATE INDEX requests_by_status ON requests (status)",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, request TEXT NOT NULL,
            who TEXT NOT NULL, client TEXT NOT NULL, proposer TEXT NOT NULL, model TEXT NOT NULL,
            tool TEXT NOT NULL, title TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, target TEXT NOT NULL,
            hash_before TEXT NOT NULL, hash_after TEXT NOT NULL, written INTEGER NOT NULL,
            answer TEXT NOT NULL, answer_s REAL, verdict TEXT NOT NULL, reason TEXT NOT NULL
        )""",
        "CREATE INDEX audit_by_time ON audit (at)",
        """CREATE TABLE checkpoints (
            id TEXT PRIMARY KEY, request TEXT NOT NULL, created REAL NOT NULL, title TEXT NOT NULL,
            settled INTEGER NOT NULL, undoes TEXT NOT NULL, undone_by TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX checkpoints_by_time ON checkpoints (created)",
        """CREATE TABLE checkpoint_files (
            checkpoint TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, uri TEXT NOT NULL,
            path TEXT NOT NULL, target TEXT NOT NULL, encoding TEXT NOT NULL, executable INTEGER NOT NULL,
            before BLOB NOT NULL, after BLOB NOT NULL, PRIMARY KEY (checkpoint, number)
        )""",
    ):
        connection.execute(statement)


def storable(text: str) -> str:
    """A text that a database can hold: halves of characters, which models and old file names bring, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _workflows(connection: sqlite3.Connection) -> None:
    """The table of `server.state.workflow_records`; `rounds` is JSON."""
    connection.execute(
        """CREATE TABLE workflows (
            id TEXT PRIMARY KEY, at REAL NOT NULL, uri TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL,
            rounds TEXT NOT NULL, best INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
            seconds REAL NOT NULL, proposal TEXT NOT NULL
        ) WITHOUT ROWID"""
    )
    connection.execute("CREATE INDEX workflows_by_time ON workflows (at)")


def _costs(connection: sqlite3.Connection) -> None:
    """The table of `state.cost_ledger`; `day` is the machine's own date, `cost` what those with a known price took."""
    connection.execute(
        """CREATE TABLE costs (
            day TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, role TEXT NOT NULL,
            answers INTEGER NOT NULL, failures INTEGER NOT NULL, requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
            estimated INTEGER NOT NULL, cost REAL NOT NULL, unpriced INTEGER NOT NULL,
            PRIMARY KEY (day, endpoint, model, role)
        ) WITHOUT ROWID"""
    )


def _attributes(connection: sqlite3.Connection) -> None:
    """Add what a file had beside its text to `server.state.checkpoints`: JSON, "" where it is not known."""
    connection.execute("ALTER TABLE checkpoint_files ADD COLUMN attributes TEXT NOT NULL DEFAULT ''")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_gate, _workflows, _costs, _attributes)
"""Number n brings a database from `user_version` n - 1 to n, inside one transaction; a migration only adds."""


class State:
    """The open database; for any thread, one at a time. Nothing is touched before the first use."""

    def __init__(self, path: Path | None, tell: Callable[[str], None] = lambda _: None) -> None:
        """The database at `path`; None for one in memory, gone with the process.

        `tell` is called, from any thread, with a sentence for a person when the database was taken away or damaged.
        """
        self.path = path
        self._tell = tell
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # of the file that the connection has open
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside is written, or nothing.

        Raises:
            StateError: it cannot be written (full or read-only disk, damaged, made by a newer Starling, busy).
        """
        with self._lock, self._explained(), self._used() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has already rolled back after a full disk
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For questions.

        Raises:
            StateError: it cannot be read.
        """
        with self._lock, self._explained(), self._used() as connection:
            yield connection

    def close(self) -> None:
        """Close the database; from now on each use opens it and closes it again."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        """Connect for one use; after `close`, nobody closes what this use leaves open."""
        nested = self._connection is not None
        try:
            yield self._opened()
        finally:
            if self._closed and not nested:
                self._disconnect()

    def _opened(self) -> sqlite3.Connection:
        loss = ""
        if self._connection is not None and not self._connection.in_transaction and (loss := self._loss()):
            self._disconnect()
        if self._connection is None:
            try:
                self._connection = self._connect()
            except sqlite3.DatabaseError as error:
                if not self._clear(error):
                    raise
                loss = ""  # said otherwise
                self._connection = self._connect()
            if loss:
                self._say(loss)
            self._identity = self._found()
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

    def _loss(self) -> str:
        """Return what became of the open database, to be said after its path; "" if it is still there.

        A damaged one is set aside and said here.
        """
        if self.path is None or self._connection is None:
            return ""
        if self._identity != self._found():
            kept = (
                each
                for each in self.path.parent.glob(f"{self.path.name}.{DAMAGED}-*")
                if _identity(each) == self._identity
            )
            return _damaged(next(kept, None)) or "was taken away, with what was recorded in it"
        try:
            return "" if _version(self._connection) else "was emptied, with what was recorded in it"
        except sqlite3.DatabaseError as error:
            self._clear(error)
            return ""

    def _clear(self, error: sqlite3.DatabaseError) -> bool:
        """Move the database aside if `error` says that it is damaged; return whether a new one can be begun."""
        if self.path is None or getattr(error, "sqlite_errorname", "") not in _BROKEN:
            return False
        from filelock import FileLock  # noqa: PLC0415 (not needed before there is damage)

        self._disconnect()
        try:
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=BUSY_TIMEOUT_S, mode=FILE_MODE):
                # else another server has done it
                kept = set_aside(self.path, DAMAGED) if _is_damaged(self.path) else None
        except OSError:  # one of them is the lock's `Timeout`
            return False
        if kept is not None:
            self._say(_damaged(kept))
        return True

    def _say(self, what: str) -> None:
        """Tell a person what became of the database, and log it once in this process."""
        sentence = f"{self.path} {what}; a new one is begun."
        if (self._identity, what) not in _said:
            _said.add((self._identity, what))
            logger.warning("%s", sentence)
        self._tell(sentence)

    def _found(self) -> tuple[int, int] | None:
        """Return what tells the database from another one at its place."""
        if self.path is None:
            return None
        found = _identity(self.path)
        if found is None:  # its folder may be closed
            with suppress(OSError):
                reclaim_folder(self.path.parent)
            found = _identity(self.path)
        return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if self._clear(error):
                raise StateError(f"{self.path} was damaged and is kept beside a new one; try again.") from error
            raise StateError(self._sentence(getattr(error, "sqlite_errorname", ""), str(error))) from error
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StateError(self._sentence("SQLITE_FULL" if full else "", error.strerror or str(error))) from error

    def _sentence(self, name: str, why: str) -> str:
        if name in FULL:
            return f"The disk is full: {self.path} could not be written; free some space and try again."
        if name in _BUSY:
            return f"{self.path} is held by another Starling; try again, or end the others."
        if name in _BROKEN:
            return f"{self.path} is damaged ({why}); move it away, and a new one is begun."
        return f"{self.path} could not be used ({why}); make it writable, or set STARLING_HOME to a folder that is."


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _damaged(kept: Path | None) -> str:
    return f"was damaged and is kept as {kept.name}" if kept is not None else ""


def _is_damaged(path: Path) -> bool:
    """Read the database at `path` through; blocking."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
        ) as opened:
            return bool(opened.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorname", "") in _BROKEN


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    _leave_log(connection)
    connection.execute("PRAGMA synchronous = EXTRA")  # what was said to be recorded is, also after a power cut
    if _version(connection) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")  # another server may be doing the same
        for number, migrate in enumerate(MIGRATIONS[_version(connection) :], _version(connection) + 1):
            migrate(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    if _version(connection) > len(MIGRATIONS):
        raise StateError(f"{path} was of a newer Starling; install that one, or set STARLING_HOME to another folder.")


def _leave_log(connection: sqlite3.Connection) -> None:
    """Turn off the write-ahead log that older versions used; where one has the database open, a later start does."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _BUSY:
            raise
    connection.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_S)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
