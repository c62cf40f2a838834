"""The stored index of one root: an SQLite database, and the segment built from it.

The database holds what is known of each file, and the blobs of those that changed after the segment was built. All
other texts are in the segment alone.

One process writes (the indexing process, under a lock file), any number read. All of it can be deleted at any time and
is then rebuilt; the format version is part of the file names. The store takes relative paths and blobs and never reads
the workspace. Start at `Store`.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from indexing.storage.database import open_database_for_reading, open_database_for_writing
from indexing.storage.storage_errors import convert_errors, is_damage
from indexing.storage.store_records import Changes, Counts, StoredFile, StoredState
from starling_files import repair_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from indexing.storage.index_files import IndexPaths
    from indexing.storage.store_records import Entry


class Store:
    """An open store. Only one opened by `open_for_reading` may be shared between threads."""

    def __init__(self, paths: IndexPaths, connection: sqlite3.Connection) -> None:
        self.paths = paths
        self._connection = connection

    @classmethod
    def open_for_writing(cls, paths: IndexPaths) -> Store:
        """Open the store for writing; creates or migrates it, and replaces a damaged one.

        Raises:
            indexing.storage.storage_errors.StorageError: it cannot be written.
        """
        with convert_errors(paths.storage):
            repair_folder(paths.storage, own=2)
            try:
                return cls(paths, open_database_for_writing(paths.database))
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
            paths.discard()
            return cls(paths, open_database_for_writing(paths.database))

    @classmethod
    def open_for_reading(cls, paths: IndexPaths) -> Store | None:
        """Open the store for reading; None if it is missing or unusable, or if a killed writer left a journal."""
        if paths.read_identity() is None:
            return None
        connection = open_database_for_reading(paths.database)
        return cls(paths, connection) if connection is not None else None

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def read_meta(self, key: str, default: str = "") -> str:
        """Return the value stored for `key`; `default` if there is none."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def read_generation(self) -> int:
        """Return the number of the last change."""
        return int(self.read_meta("generation", "0"))

    def read_states(self) -> dict[str, StoredState]:
        """Return the states of all stored files by relative path, also of excluded files."""
        rows = self._connection.execute("SELECT relative, id, mtime_ns, size, digest, reason FROM files")
        return {row[0]: StoredState(*row[1:]) for row in rows}

    def read_states_under(self, relative: str) -> dict[str, StoredState]:
        """Return the states of the file `relative`, or of all files in that folder, by relative path."""
        rows = self._connection.execute(
            "SELECT relative, id, mtime_ns, size, digest, reason FROM files"
            " WHERE relative = ? OR (relative >= ? AND relative < ?)",
            (relative, f"{relative}/", f"{relative}0"),  # "0" is the character after "/"
        )
        return {row[0]: StoredState(*row[1:]) for row in rows}

    def find_file_id(self, relative: str) -> int | None:
        """Return the id of an indexed file; None if it is not indexed."""
        asked = "SELECT id FROM files WHERE relative = ? AND reason = ''"
        row = self._connection.execute(asked, (relative,)).fetchone()
        return int(row[0]) if row else None

    def read_files(self) -> Iterator[StoredFile]:
        """Yield all indexed files, in the order of their ids.

        Raises:
            ValueError: a blob is missing.
        """
        since = int(self.read_meta("segment_generation", "0"))
        rows = self._connection.execute(
            "SELECT id, relative, mtime_ns, blob, generation FROM files LEFT JOIN contents ON file_id = id"
            " WHERE reason = '' ORDER BY id"
        )
        for row in rows:
            if row[3] is None and row[4] > since:
                raise ValueError(f"the text of {row[1]} is missing")
            yield StoredFile(row[0], row[1], row[2] / 1e9, row[3] or b"")

    def count_pending(self) -> int:
        """Return how many files changed or were deleted after the segment was built."""
        since = int(self.read_meta("segment_generation", "0"))
        row = self._connection.execute(
            "SELECT (SELECT count(*) FROM files WHERE generation > ?) + (SELECT count(*) FROM gone)", (since,)
        ).fetchone()
        return int(row[0])

    def read_changes(self, limit: int) -> Changes:
        """Return the difference to the segment, with at most `limit` changed files, latest change first."""
        self._connection.execute("BEGIN")  # one consistent state
        try:
            since = int(self.read_meta("segment_generation", "0"))
            rows = self._connection.execute(
                "SELECT id, relative, mtime_ns, blob FROM files LEFT JOIN contents ON file_id = id"
                " WHERE generation > ? AND reason = '' ORDER BY generation DESC LIMIT ?",
                (since, limit),
            )
            changed = tuple(StoredFile(row[0], row[1], row[2] / 1e9, row[3] or b"") for row in rows)
            gone = [row[0] for row in self._connection.execute("SELECT file_id FROM gone")]
            gone += [
                row[0]
                for row in self._connection.execute(
                    "SELECT id FROM files WHERE generation > ? AND reason <> ''", (since,)
                )
            ]
            return Changes(
                self.read_meta("born"), self.read_generation(), self.read_meta("segment"), changed, tuple(gone)
            )
        finally:
            self._connection.execute("ROLLBACK")

    def count(self) -> Counts:
        """Return the figures of indexed files, and by reason the numbers of files excluded or without syntax."""
        by_language: dict[str, int] = {}
        skipped: dict[str, int] = json.loads(self.read_meta("skipped", "{}"))
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
        """Read the whole database and call `check_blob` with each blob; the segment is not read.

        Raises:
            sqlite3.DatabaseError, ValueError: the database or a blob is damaged.
        """
        result = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if result != "ok":
            raise ValueError(result)
        for stored in self.read_files():
            if stored.blob:
                check_blob(stored.blob)

    # Writing

    def put(self, entries: Iterable[Entry], gone: Iterable[int] = (), **meta: str) -> list[int]:
        """Store `entries`, delete the files with the ids `gone` and set `meta`, in one transaction.

        Returns the ids of `entries`, in their order.

        Raises:
            indexing.storage.storage_errors.StorageError: the disk is full or cannot be written; nothing has changed.
        """
        with self._transaction() as connection:
            generation = self.read_generation() + 1
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
                if entry.reason:
                    connection.execute("DELETE FROM contents WHERE file_id = ?", row)
                else:
                    connection.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", (row[0], entry.blob))
                ids.append(int(row[0]))
            for file_id in gone:
                connection.execute("DELETE FROM contents WHERE file_id = ?", (file_id,))
                connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
                connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (file_id, generation))
            self._write_meta(connection, generation=str(generation), **meta)
        return ids

    def update_times(self, times: Iterable[tuple[int, int, int]]) -> None:
        """Set the times and sizes of unchanged files, given as (mtime_ns, size, id); the generation stays."""
        with self._transaction() as connection:
            connection.executemany("UPDATE files SET mtime_ns = ?, size = ? WHERE id = ?", times)

    def set_meta(self, **meta: str) -> None:
        """Store the values that `read_meta` returns; the generation stays."""
        with self._transaction() as connection:
            self._write_meta(connection, **meta)

    def build(
        self,
        build: Callable[[Path, Iterator[StoredFile], Path | None], None],
        files: Iterator[StoredFile] | None = None,
    ) -> None:
        """Build a segment of all indexed files, make readers use it, and delete the old one and the stored blobs.

        Args:
            build: writes a segment file; is given its path, the files, and the path of the old segment, which holds
                those without a blob (None if there is no old segment).
            files: all indexed files, if they are not to be read from the store.

        Raises:
            indexing.storage.storage_errors.StorageError: the disk is full or cannot be written; the old segment stays
            in use.
        """
        path = self.paths.make_segment_path(self.read_generation() + 1)
        old = self.read_meta("segment")
        with convert_errors(self.paths.storage):
            build(path, self.read_files() if files is None else files, self.paths.storage / old if old else None)
        with self._transaction() as connection:
            generation = self.read_generation()
            connection.execute("DELETE FROM gone")
            connection.execute("DELETE FROM contents")
            self._write_meta(
                connection, segment=path.name, segment_generation=str(generation), generation=str(generation + 1)
            )
        for other in self.paths.storage.glob(f"{self.paths.key}.*.segment*"):
            if other != path:
                with suppress(OSError):  # still mapped by another server (Windows): deleted the next time
                    other.unlink()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction, and roll it back on an error; a failed write raises a `StorageError`."""
        with convert_errors(self.paths.storage):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after a full disk SQLite has already rolled back
                    self._connection.execute("ROLLBACK")
                raise

    @staticmethod
    def _write_meta(connection: sqlite3.Connection, **meta: str) -> None:
        """Set values of the table `meta`, within a transaction."""
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
