"""Opening the database: tables that another writer makes are waited for, and other versions are not read."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from indexing.storage import database
from indexing.storage.index_files import IndexPaths
from indexing.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_writer_that_comes_while_another_one_makes_the_tables_waits_for_them(tmp_path: Path, storage: Path) -> None:
    places = IndexPaths.of(storage, tmp_path)
    storage.mkdir(parents=True, exist_ok=True)
    failed: list[Exception] = []

    def write() -> None:
        try:
            Store.open_for_writing(places).close()
        except Exception as error:  # noqa: BLE001 (of another thread)
            failed.append(error)

    with closing(sqlite3.connect(places.database, isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        for number, migrate in enumerate(database.MIGRATIONS, 1):
            migrate(first)
            first.execute(f"PRAGMA user_version = {number}")
        second = threading.Thread(target=write)
        second.start()
        second.join(0.5)  # it waits for the first one, or would have read an old version by now
        first.execute("COMMIT")
    second.join()
    assert failed == []


def test_a_database_of_another_version_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    database.open_database_for_writing(path).close()
    connection = database.open_database_for_reading(path)
    assert connection is not None
    connection.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {len(database.MIGRATIONS) + 1}")
    assert database.open_database_for_reading(path) is None


def test_a_missing_database_is_not_made_by_a_reader(tmp_path: Path) -> None:
    assert database.open_database_for_reading(tmp_path / "index.sqlite3") is None
    assert list(tmp_path.iterdir()) == []
