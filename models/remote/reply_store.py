"""Answers on disk: one SQLite file that only its user can read, shared by all processes of that user.

A row is a key and JSON text in a form of our own, validated on reading: nothing in the file is ever run or unpickled,
whoever wrote it. Bounded in bytes, rows and age. A file that is damaged, or is not ours, is made anew. Start at
`ReplyStore`.
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
from starling_files import make_file, reclaim_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

FOLDER = "replies-2"  # another format is another folder
OLDER = ("replies-1",)
FILE = "replies.sqlite3"
LARGEST_BYTES = 64 << 20  # of all answers; the oldest go first
LARGEST_REPLY_BYTES = 4 << 20
LARGEST_FILE_BYTES = 2 * LARGEST_BYTES
MOST_ROWS = 10_000
PAGE_BYTES = 4096
BUSY_S = 1.0
LONGEST_S = 2.0  # of one question to the file
STEPS = 10_000  # of SQLite between two looks at the clock
TABLE = (
    "CREATE TABLE replies (key TEXT PRIMARY KEY, at REAL NOT NULL, until REAL NOT NULL, bytes INTEGER NOT NULL, "
    "reply TEXT NOT NULL) WITHOUT ROWID"
)
INDEX = "CREATE INDEX replies_by_time ON replies (at, bytes)"
KEPT_ENDS = {ReplyEnd.END, ReplyEnd.TOOLS}
# Faults of the moment or of the place: a new file would not help.
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
# One thread of this process at a time: closing a file a second time would drop SQLite's locks on it.
_ONE_AT_A_TIME = threading.Lock()


class DamagedError(Exception):
    """The file is not one of ours any more."""


class ReplyStore:
    """Replies by key. Thread-safe, also between processes; a disk that fails costs only the memory."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Keep replies below `folder`, which is made when the first one is kept or looked up."""
        self._folder = folder / FOLDER
        self._older = tuple(folder / name for name in OLDER)
        self._file = self._folder / FILE
        self._clock = clock

    def get(self, key: str) -> Reply | None:
        """Return the reply that is kept under `key` and is not too old; None for none."""

        def look(connection: sqlite3.Connection) -> Reply | None:
            now = self._clock()
            found = connection.execute(
                "SELECT reply FROM replies WHERE key = ? AND at <= ? AND until > ?", (key, now, now)
            ).fetchone()
            return None if found is None else read_reply(found[0])

        return self._asked(look)

    def keep(self, key: str, reply: Reply, kept_s: float) -> None:
        """Keep `reply` for `kept_s`; one that is too large is not kept."""
        text = json.dumps(_written(reply))
        if len(text) > LARGEST_REPLY_BYTES:
            return

        def put(connection: sqlite3.Connection) -> None:
            now = self._clock()  # in its turn: what others kept meanwhile does not come from the future
            row = (key, now, now + kept_s, len(text), text)
            connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)", row)
            _evict(connection, now)

        self._asked(put)

    def _asked(self, ask: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run a query; recreate the file once if it is damaged."""
        with _ONE_AT_A_TIME:
            for first in (True, False):
                try:
                    return self._once(ask)
                except (OSError, sqlite3.Error, DamagedError) as error:
                    logger.info("the answers kept cannot be used: %s", error)
                    if not (first and _is_damage(error) and self._remove()):
                        break
        return None

    def _once(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            _check(connection)
            try:
                found = ask(connection)
            except (TypeError, ValueError, OverflowError) as error:
                raise DamagedError(f"a row is not written as we write it ({type(error).__name__})") from None
            connection.execute("COMMIT")
            return found

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open for one question, which takes a millisecond: the file may be deleted at any time."""
        if self._folder.is_symlink():
            raise PermissionError(0, "a link stands in the place of their folder")
        reclaim_folder(self._folder, own=2)
        for path in self._older:
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)
        if self._file.is_symlink() or not (self._file.is_file() or not self._file.exists()):
            raise DamagedError("a link, or no file, stands in its place")
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
            connection.execute("PRAGMA auto_vacuum = FULL")  # heeded by a new file alone
            # what a loss of power damages is made anew: nobody waits for the disk
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA max_page_count = {LARGEST_FILE_BYTES // PAGE_BYTES}")
            yield connection

    def _remove(self) -> bool:
        """Take the file away, with what SQLite keeps beside it; return whether that worked."""
        try:
            if self._file.is_dir() and not self._file.is_symlink():
                shutil.rmtree(self._file)
            for end in ("", "-journal", "-wal", "-shm"):
                self._file.with_name(FILE + end).unlink(missing_ok=True)
        except OSError as error:
            logger.info("the answers kept cannot be taken away: %s", error)
            return False
        return True


def _is_damage(error: Exception) -> bool:
    """Return whether recreating the file would clear the error."""
    if isinstance(error, OSError):
        return False
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _PASSING


def read_reply(text: object) -> Reply:
    """Return the reply that `text` holds.

    Raises:
        DamagedError: it holds none; whoever wrote it, it was not us.
    """
    try:
        told = json.loads(text) if isinstance(text, str) else {}
        return _reply(**told)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError(f"a reply is not written as we write it ({type(error).__name__})") from None


def _reply(text: Any, end: Any, calls: Any, model: Any) -> Reply:  # noqa: ANN401 (JSON)
    if not isinstance(text, str) or not isinstance(model, str) or end not in KEPT_ENDS:
        raise TypeError("no reply")
    return Reply(text, ReplyEnd(end), tuple(_call(**call) for call in calls), model=model, cached=True)


def _call(id: Any, name: Any, arguments: Any) -> ToolCall:  # noqa: A002, ANN401 (JSON)
    if not (isinstance(id, str) and isinstance(name, str) and isinstance(arguments, dict)):
        raise TypeError("no call")
    return ToolCall(id, name, arguments)


def _written(reply: Reply) -> dict[str, Any]:
    calls = [{"id": call.id, "name": call.name, "arguments": dict(call.arguments)} for call in reply.calls]
    return {"text": reply.text, "end": reply.end.value, "calls": calls, "model": reply.model}


def _check(connection: sqlite3.Connection) -> None:
    """See that the file holds our table and nothing else: no view, no trigger, no table of another form.

    Raises:
        DamagedError: it holds something else.
    """
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL LIMIT 10")}
    if not found:
        connection.execute(TABLE)
        connection.execute(INDEX)
    elif found != {TABLE, INDEX}:
        raise DamagedError("it holds other tables than ours")


def _evict(connection: sqlite3.Connection, now: float) -> None:
    """Forget what is too old, comes from a clock that was put back, or is too much; the oldest first."""
    connection.execute("DELETE FROM replies WHERE until <= ? OR at > ?", (now, now))
    rows, size = connection.execute("SELECT count(*), total(bytes) FROM replies").fetchone()
    while rows > MOST_ROWS or size > LARGEST_BYTES:
        key, length = connection.execute("SELECT key, bytes FROM replies ORDER BY at LIMIT 1").fetchone()
        connection.execute("DELETE FROM replies WHERE key = ?", (key,))
        rows, size = rows - 1, size - length
