"""Texts are stored once, in the segment: a new segment takes unchanged files from the old one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from indexing.limits import IndexLimits
from indexing.records import Query
from indexing.storage.index_files import IndexPaths
from tests.indexing.test_lifetime import list_definitions, write_modules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

FILES = 12
AT_ONCE = IndexLimits(processes=1, nice=0, pending_files=0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "root", FILES, lines=40)


def read_stored(storage: Path, root: Path) -> tuple[str, list[str]]:
    """Return the name of the segment, and the paths of the files whose text is in the database."""
    with closing(sqlite3.connect(IndexPaths.of(storage, root).database)) as connection:
        ((segment,),) = connection.execute("SELECT value FROM meta WHERE key = 'segment'").fetchall()
        rows = connection.execute("SELECT relative FROM contents JOIN files ON id = file_id ORDER BY relative")
        return segment, [relative for (relative,) in rows]


def test_only_texts_that_changed_after_the_segment_was_built_are_in_the_database(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    assert read_stored(storage, root)[1] == []
    assert b"compute_7" not in IndexPaths.of(storage, root).database.read_bytes()
    (root / "module3.py").write_text("def zeppelin(): pass\n")
    index.reindex([root / "module3.py"])
    assert index.wait(60)
    assert read_stored(storage, root)[1] == ["module3.py"]


def test_a_new_segment_has_the_unchanged_files_of_the_old_one(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root, limits=AT_ONCE)
    first, _ = read_stored(storage, root)
    size = IndexPaths.of(storage, root).database.stat().st_size
    (root / "module3.py").write_text("def zeppelin(): pass\n" * 2000)
    (root / "module4.py").unlink()
    index.reindex([root / "module3.py", root / "module4.py"])
    assert index.wait(60)
    second, stored = read_stored(storage, root)
    assert (second != first, stored) == (True, [])
    assert IndexPaths.of(storage, root).database.stat().st_size <= size + 4096
    assert [path.name for path in storage.glob("*.segment")] == [second]
    index.close()
    index = make_index(root, limits=AT_ONCE)
    for number in range(FILES):
        expected = [] if number in {3, 4} else [f"module{number}.py"]
        assert list_definitions(index, f"compute_{number}") == expected
    assert list_definitions(index, "zeppelin") == ["module3.py"]
    (hit, *_) = index.search(Query("compute_5"))
    assert hit.text == (root / hit.relative).read_text()[: len(hit.text)]


def test_a_file_that_neither_the_segment_nor_the_database_has_makes_all_of_it_anew(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    make_index(root).close()
    with closing(sqlite3.connect(IndexPaths.of(storage, root).database)) as connection, connection:
        connection.execute("UPDATE files SET id = 4711 WHERE relative = 'module3.py'")
    told: list[str] = []
    index = make_index(root, start=False, limits=AT_ONCE)
    index.set_rebuild_listener(told.append)
    (root / "module5.py").write_text("def zeppelin(): pass\n")
    index.start()
    assert index.wait(60)
    assert list_definitions(index, "compute_3") == ["module3.py"]
    assert told == ["The index of this workspace was damaged; it is being rebuilt."]
