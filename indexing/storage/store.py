"""The persistent index of one root: an SQLite database of what each file holds, and the segment built from it.

One writer (the indexing process, under a lock file), any number of readers. Everything here can be deleted at any time
and is then made again; the format version is in the file names. Knows nothing of workspaces: it is given relative paths
and blobs. Start at `Store`.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from indexing.storage.storage_errors import broken, explained
from starling_files import make_file, reclaim_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from indexing.storage.index_files import Places

_BUSY_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a file, for telling whether it changed. `reason` is "" for an indexed file."""

    id: int
    mtime_ns: int
    size: int
    digest: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to be stored; `blob` is what `indexing.segments.analyze` made of it, empty when `reason` is not."""

    relative: str
    mtime_ns: int
    size: int
    digest: bytes
    language: str
    reason: str
    chunks: int
    symbols: int
    plain: bool
    blob: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file as it goes into a segment or an overlay."""

    id: int
    relative: str
    mtime: float
    blob: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader needs beside the segment: its file and generation, changed files, and ids that are gone.

    `born` tells the database from another one of the same name, whose ids mean other files.
    """

    born: str
    generation: int
    segment: str
    changed: tuple[Stored, ...]
    gone: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of one root for the status."""

    files: int
    chunks: int
    symbols: int
    bytes_indexed: int
    skipped: dict[str, int]
    by_language: dict[str, int]


def _first(connection: sqlite3.Connection) -> None:
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


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first,)
"""Number n brings a database from `user_version` n - 1 to n, all of them inside one transaction."""


class Store:
    """An open index. Not shared between threads, except for the readers of `read`."""

    def __init__(self, places: Places, connection: sqlite3.Connection) -> None:
        self.places = places
        self._connection = connection

    @classmethod
    def write(cls, places: Places) -> Store:
        """Open for writing, made or migrated as needed; a damaged database is deleted and begun anew.

        Raises:
            indexing.storage.storage_errors.StorageError: it cannot be written.
        """
        with explained(places.storage):
            reclaim_folder(places.storage, own=2)
            try:
                return cls(places, _open_for_writing(places))
            except sqlite3.DatabaseError as error:
                if not broken(error):
                    raise
            places.discard()
            return cls(places, _open_for_writing(places))

    @classmethod
    def read(cls, places: Places) -> Store | None:
        """Open for reading; None when there is no usable index, or a killed writer left a journal."""
        if places.identity() is None:
            return None
        # Not "rw": a reader of a database that was replaced would play back, and delete, the journal of the new one.
        # The next writer plays back the journal of one that was killed; until then nobody can read.
        uri = f"{places.database.absolute().as_uri()}?mode=ro"
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
        return cls(places, connection)

    def close(self) -> None:
        """Close the database; safe twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what stands in it

    def meta(self, key: str, default: str = "") -> str:
        """A stored figure or name."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def generation(self) -> int:
        """Number of the last change."""
        return int(self.meta("generation", "0"))

    def known(self) -> dict[str, Known]:
        """All stored files by relative path."""
        rows = self._connection.execute("SELECT relative, id, mtime_ns, size, digest, reason FROM files")
        return {row[0]: Known(*row[1:]) for row in rows}

    def known_under(self, relative: str) -> dict[str, Known]:
        """The stored file `relative`, and those in the folder of that name."""
        rows = self._connection.execute(
            "SELECT relative, id, mtime_ns, size, digest, reason FROM files"
            " WHERE relative = ? OR (relative >= ? AND relative < ?)",
            (relative, f"{relative}/", f"{relative}0"),  # "0" is the character after "/"
        )
        return {row[0]: Known(*row[1:]) for row in rows}

    def file_id(self, relative: str) -> int | None:
        """Id of an indexed file."""
        asked = "SELECT id FROM files WHERE relative = ? AND reason = ''"
        row = self._connection.execute(asked, (relative,)).fetchone()
        return int(row[0]) if row else None

    def indexed(self) -> Iterator[Stored]:
        """All indexed files, one after the other."""
        rows = self._connection.execute(
            "SELECT id, relative, mtime_ns, blob FROM files LEFT JOIN contents ON file_id = id"  # what misses is damage
            " WHERE reason = '' ORDER BY id"
        )
        return (Stored(row[0], row[1], row[2] / 1e9, row[3]) for row in rows)

    def pending(self) -> int:
        """How many files changed or went since the segment was built."""
        since = int(self.meta("segment_generation", "0"))
        row = self._connection.execute(
            "SELECT (SELECT count(*) FROM files WHERE generation > ?) + (SELECT count(*) FROM gone)", (since,)
        ).fetchone()
        return int(row[0])

    def changes(self, limit: int) -> Changes:
        """What a reader needs beside the segment, at most `limit` changed files, the last changed first."""
        self._connection.execute("BEGIN")  # one consistent state
        try:
            since = int(self.meta("segment_generation", "0"))
            rows = self._connection.execute(
                "SELECT id, relative, mtime_ns, blob FROM files LEFT JOIN contents ON file_id = id"
                " WHERE generation > ? AND reason = '' ORDER BY generation DESC LIMIT ?",
                (since, limit),
            )
            changed = tuple(Stored(row[0], row[1], row[2] / 1e9, row[3]) for row in rows)
            gone = [row[0] for row in self._connection.execute("SELECT file_id FROM gone")]
            gone += [
                row[0]
                for row in self._connection.execute(
                    "SELECT id FROM files WHERE generation > ? AND reason <> ''", (since,)
                )
            ]
            return Changes(self.meta("born"), self.generation(), self.meta("segment"), changed, tuple(gone))
        finally:
            self._connection.execute("ROLLBACK")

    def counts(self) -> Counts:
        """Figures for the status."""
        by_language: dict[str, int] = {}
        skipped: dict[str, int] = json.loads(self.meta("skipped", "{}"))
        totals = [0, 0, 0, 0]
        rows = self._connection.execute(
            "SELECT language, reason, count(*), sum(chunks), sum(symbols), sum(size), sum(plain) FROM files"
            " GROUP BY language, reason"
        )
        for language, reason, files, chunks, symbols, size, plain in rows:
            if plain:
                skipped["without syntax"] = skipped.get("without syntax", 0) + plain
            if reason:
                skipped[reason] = skipped.get(reason, 0) + files
                continue
            by_language[language] = by_language.get(language, 0) + files
            totals = [total + more for total, more in zip(totals, (files, chunks, symbols, size), strict=True)]
        return Counts(totals[0], totals[1], totals[2], totals[3], skipped, by_language)

    def check(self, check_blob: Callable[[bytes], None]) -> None:
        """Read everything, `check_blob` each blob.

        Raises:
            sqlite3.DatabaseError, ValueError: it is damaged.
        """
        said = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if said != "ok":
            raise ValueError(said)
        for stored in self.indexed():
            check_blob(stored.blob)

    # changing it

    def put(self, entries: Iterable[Entry], gone: Iterable[int] = (), **meta: str) -> list[int]:
        """Store `entries`, forget the ids `gone`, set figures, all or nothing; returns the ids of `entries`.

        Raises:
            indexing.storage.storage_errors.StorageError: the disk is full or cannot be written; nothing has changed.
        """
        with self._transaction() as connection:
            generation = self.generation() + 1
            ids = []
            for entry in entries:
                row = connection.execute(
                    "INSERT INTO files (relative, mtime_ns, size, digest, language, reason, chunks, symbols, plain,"
                    " generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (relative) DO UPDATE SET"
                    " mtime_ns = excluded.mtime_ns, size = excluded.size, digest = excluded.digest,"
                    " language = excluded.language, reason = excluded.reason, chunks = excluded.chunks,"
                    " symbols = excluded.symbols, plain = excluded.plain, generation = excluded.generation"
                    " RETURNING id",
                    (
                        entry.relative,
                        entry.mtime_ns,
                        entry.size,
                        entry.digest,
                        entry.language,
                        entry.reason,
                        entry.chunks,
                        entry.symbols,
                        entry.plain,
                        generation,
                    ),
                ).fetchone()
                connection.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (row[0], entry.blob))
                ids.append(int(row[0]))
            for file_id in gone:
                connection.execute("DELETE FROM contents WHERE file_id = ?", (file_id,))
                connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
                connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (file_id, generation))
            self._set(connection, generation=str(generation), **meta)
        return ids

    def refresh(self, times: Iterable[tuple[int, int, int]]) -> None:
        """Note new (mtime_ns, size, id) of files whose content is unchanged; no new generation."""
        with self._transaction() as connection:
            connection.executemany("UPDATE files SET mtime_ns = ?, size = ? WHERE id = ?", times)

    def note(self, **meta: str) -> None:
        """Set figures; no new generation."""
        with self._transaction() as connection:
            self._set(connection, **meta)

    def build(self, build: Callable[[Path, Iterator[Stored]], None], files: Iterator[Stored] | None = None) -> None:
        """Build the segment of all indexed files with `build` and make readers use it; the old one is deleted.

        Args:
            build: writes a segment file.
            files: all indexed files, where they come from elsewhere than from here (and are stored on the way).

        Raises:
            indexing.storage.storage_errors.StorageError: the disk is full or cannot be written; the old segment stays
            in use.
        """
        path = self.places.segment(self.generation() + 1)
        with explained(self.places.storage):
            build(path, self.indexed() if files is None else files)
        with self._transaction() as connection:
            generation = self.generation()
            connection.execute("DELETE FROM gone")
            self._set(connection, segment=path.name, segment_generation=str(generation), generation=str(generation + 1))
        for old in self.places.storage.glob(f"{self.places.key}.*.segment*"):
            if old != path:
                with suppress(OSError):  # still mapped by another server (Windows): deleted the next time
                    old.unlink()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self.places.storage):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has already rolled back after a full disk
                    self._connection.execute("ROLLBACK")
                raise

    @staticmethod
    def _set(connection: sqlite3.Connection, **meta: str) -> None:
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())


def _open_for_writing(places: Places) -> sqlite3.Connection:
    connection = sqlite3.connect(make_file(places.database), timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        # No write-ahead log: SQLite maps its -shm, and a mapped file that is cut off kills every process that reads it.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_spill = OFF")  # readers are locked out by a commit, not by what precedes it
        connection.execute("PRAGMA synchronous = NORMAL")  # a lost last second is indexed again
        connection.execute(
            "PRAGMA secure_delete = ON"
        )  # a text that may no longer be kept does not stay on a free page
        connection.execute("BEGIN IMMEDIATE")  # before the version is read: another writer may be migrating
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, migrate in enumerate(MIGRATIONS[version:], version + 1):
            migrate(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
        # touches the root pages of all tables: damage shows here and not in the middle of the work
        connection.execute("SELECT count(*) FROM meta").fetchone()
        connection.execute("SELECT id FROM files ORDER BY id DESC LIMIT 1").fetchone()
        connection.execute("SELECT file_id FROM contents ORDER BY file_id DESC LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
