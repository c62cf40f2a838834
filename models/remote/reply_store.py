"""The cache of answers: one SQLite file that only its user can read, shared by all processes of that user.

A row is a key and JSON text, validated on reading: nothing in the file is executed or unpickled, whoever wrote it.
Bounded in bytes, rows and age. A file that is damaged, or has other tables than ours, is deleted and created again.
Start at `ReplyStore`.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from models.chat import Reply, ReplyEnd, ToolCall
from starling_files import make_file, repair_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

FOLDER = "replies-2"  # each format has its own folder
OLDER = ("replies-1",)
FILE = "replies.sqlite3"
LARGEST_BYTES = 64 << 20  # bytes of all answers; the oldest are evicted first
LARGEST_REPLY_BYTES = 4 << 20
LARGEST_FILE_BYTES = 2 * LARGEST_BYTES
MOST_ROWS = 10_000
PAGE_BYTES = 4096
BUSY_S = 1.0
LONGEST_S = 2.0  # longest time of one query
STEPS = 10_000  # instructions of SQLite between two checks of that time
TABLE = (
    "CREATE TABLE replies (key TEXT PRIMARY KEY, at REAL NOT NULL, until REAL NOT NULL, bytes INTEGER NOT NULL, "
    "reply TEXT NOT NULL) WITHOUT ROWID"
)
INDEX = "CREATE INDEX replies_by_time ON replies (at, bytes)"
KEPT_ENDS = {ReplyEnd.END, ReplyEnd.TOOLS}
# Errors that are temporary, or come from the disk or its permissions, so that a new file would not help.
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
# One thread of this process at a time: closing a second handle would drop SQLite's POSIX locks on the file.
_ONE_AT_A_TIME = threading.Lock()


class DamagedError(Exception):
    """The file or a row in it was not written by this module, or is damaged."""


class ReplyStore:
    """Replies by key. Thread-safe, also between processes; never raises: if the disk fails, no reply is found."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare to store replies below `folder`, which is created when needed; `clock` returns a UNIX time."""
        self._folder = folder / FOLDER
        self._older = tuple(folder / name for name in OLDER)
        self._file = self._folder / FILE
        self._clock = clock

    def get(self, key: str) -> Reply | None:
        """Return the reply under `key`; None if there is none, or it has expired."""

        def select(connection: sqlite3.Connection) -> Reply | None:
            now = self._clock()
            found = connection.execute(
                "SELECT reply FROM replies WHERE key = ? AND at <= ? AND until > ?", (key, now, now)
            ).fetchone()
            return None if found is None else read_reply(found[0])

        return self._run(select)

    def put(self, key: str, reply: Reply, kept_s: float) -> None:
        """Store `reply` under `key` for `kept_s` seconds, unless it is too large; evict old replies for room."""
        text = json.dumps(_serialize(reply))
        if len(text) > LARGEST_REPLY_BYTES:
            return

        def insert(connection: sqlite3.Connection) -> None:
            now = self._clock()  # read inside the transaction, so that no other process's row is dated later
            row = (key, now, now + kept_s, len(text), text)
            connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)", row)
            _evict(connection, now)

        self._run(insert)

    def _run(self, query: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Return the result of `query`; None after an error. A damaged file is deleted, and the query repeated once."""
        with _ONE_AT_A_TIME:
            for first in (True, False):
                try:
                    return self._run_once(query)
                except (OSError, sqlite3.Error, DamagedError) as error:
                    logger.info("the cached answers cannot be used: %s", error)
                    if not (first and _is_damage(error) and self._remove()):
                        break
        return None

    def _run_once(self, query: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of `query`, run in a transaction.

        Raises:
            DamagedError: the tables or a row do not have our format.
            OSError, sqlite3.Error: the file cannot be opened, read or written.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            _ensure_table(connection)
            try:
                found = query(connection)
            except (TypeError, ValueError, OverflowError) as error:
                raise DamagedError(f"a row is not written as we write it ({type(error).__name__})") from None
            connection.execute("COMMIT")
            return found

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction and yield the connection; create folder and file if needed.

        The files of older formats are deleted.

        The file is not kept open, so that it can be deleted at any time. Opening takes about a millisecond.

        Raises:
            DamagedError: the file is a link, a folder or too large.
            PermissionError: the folder is a link.
        """
        if self._folder.is_symlink():
            raise PermissionError(0, "their folder is a link")
        repair_folder(self._folder, own=2)
        for path in self._older:
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)
        if self._file.is_symlink() or not (self._file.is_file() or not self._file.exists()):
            raise DamagedError("it is a link or no regular file")
        if self._file.exists() and self._file.stat().st_size > LARGEST_FILE_BYTES:
            raise DamagedError("it is larger than we make it")
        connection = sqlite3.connect(make_file(self._file), timeout=BUSY_S, isolation_level=None)
        with closing(connection):
            end = time.monotonic() + LONGEST_S + BUSY_S
            connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_REPLY_BYTES + PAGE_BYTES)
            connection.text_factory = str
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA auto_vacuum = FULL")  # has an effect on a new file only
            # a file damaged by a loss of power is recreated, so no write has to wait for the disk
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA max_page_count = {LARGEST_FILE_BYTES // PAGE_BYTES}")
            yield connection

    def _remove(self) -> bool:
        """Delete the file and SQLite's files beside it; return whether it succeeded."""
        try:
            if self._file.is_dir() and not self._file.is_symlink():
                shutil.rmtree(self._file)
            for end in ("", "-journal", "-wal", "-shm"):
                self._file.with_name(FILE + end).unlink(missing_ok=True)
        except OSError as error:
            logger.info("the file of cached answers cannot be deleted: %s", error)
            return False
        return True


def _is_damage(error: Exception) -> bool:
    """Return whether `error` comes from a damaged file, so that deleting the file helps."""
    if isinstance(error, OSError):
        return False
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _PASSING


def read_reply(text: object) -> Reply:
    """Return the reply in the JSON `text` of a row.

    Raises:
        DamagedError: the text does not have our format.
    """
    try:
        fields = json.loads(text) if isinstance(text, str) else {}
        return _make_reply(**fields)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError(f"a reply is not written as we write it ({type(error).__name__})") from None


def _make_reply(text: Any, end: Any, calls: Any, model: Any) -> Reply:  # noqa: ANN401 (JSON)
    """Validate the fields of a row and return the reply, marked as cached.

    Raises:
        TypeError: a field has the wrong type.
    """
    if not isinstance(text, str) or not isinstance(model, str) or end not in KEPT_ENDS:
        raise TypeError("no reply")
    return Reply(text, ReplyEnd(end), tuple(_make_call(**call) for call in calls), model=model, cached=True)


def _make_call(id: Any, name: Any, arguments: Any) -> ToolCall:  # noqa: A002, ANN401 (JSON)
    """Validate the fields of a tool call and return the call.

    Raises:
        TypeError: a field has the wrong type.
    """
    if not (isinstance(id, str) and isinstance(name, str) and isinstance(arguments, dict)):
        raise TypeError("no call")
    return ToolCall(id, name, arguments)


def _serialize(reply: Reply) -> dict[str, Any]:
    """Return the fields of `reply`, except its usage, as JSON values."""
    calls = [{"id": call.id, "name": call.name, "arguments": dict(call.arguments)} for call in reply.calls]
    return {"text": reply.text, "end": reply.end.value, "calls": calls, "model": reply.model}


def _ensure_table(connection: sqlite3.Connection) -> None:
    """Create our table in an empty file; check that any other file has this table and nothing else.

    Raises:
        DamagedError: there is a view, a trigger or another table.
    """
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 10")}
    if not found:
        connection.execute(TABLE)
        connection.execute(INDEX)
    elif found != {TABLE, INDEX}:
        raise DamagedError("it holds other tables than ours")


def _evict(connection: sqlite3.Connection, now: float) -> None:
    """Delete rows that are expired or dated in the future; then the oldest, until rows and bytes are within bounds."""
    connection.execute("DELETE FROM replies WHERE until <= ? OR at > ?", (now, now))
    rows, size = connection.execute("SELECT count(*), total(bytes) FROM replies").fetchone()
    while rows > MOST_ROWS or size > LARGEST_BYTES:
        key, length = connection.execute("SELECT key, bytes FROM replies ORDER BY at LIMIT 1").fetchone()
        connection.execute("DELETE FROM replies WHERE key = ?", (key,))
        rows, size = rows - 1, size - length
