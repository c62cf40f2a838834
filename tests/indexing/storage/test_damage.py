"""An index that somebody damages, cuts off or takes away: it is noticed, built anew, and searched meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import psutil
import pytest

from indexing.limits import IndexLimits
from indexing.records import Chunk
from indexing.storage import arrays, blobs, private_copies
from indexing.storage.index_files import IndexPaths
from indexing.storage.store import Store
from indexing.syntax.documents import Span
from tests.indexing.test_lifetime import list_definitions, wait_until, write_modules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

FILES = 30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "root", FILES, lines=30)


def has_all_definitions(index: Index) -> bool:
    """Return whether the index finds the definition in each module, and there alone."""
    return all(list_definitions(index, f"compute_{number}") == [f"module{number}.py"] for number in range(FILES))


def flip_bit(path: Path, at: int) -> None:
    """Change one bit of the byte at offset `at` of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << at % 8
    path.write_bytes(data)


def find_segment_file(storage: Path) -> Path:
    """Return the segment file in the folder `storage`."""
    return next(storage.glob("*.segment"))


def test_a_segment_with_any_bit_flipped_is_built_anew(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    make_index(root).close()
    size = find_segment_file(storage).stat().st_size
    places = [0, 9, size // 3, size // 2, size - 30, size - 1]
    for at in places:
        flip_bit(find_segment_file(storage), at)
        index = make_index(root)
        assert wait_until(lambda: has_all_definitions(index)), at  # noqa: B023 (at once)
        assert arrays.is_intact(find_segment_file(storage))
        index.close()


@pytest.mark.parametrize("kept", [0, 7, 100, 5000])
def test_a_segment_that_is_cut_off_is_built_anew(
    make_index: Callable[..., Index], root: Path, storage: Path, kept: int
) -> None:
    make_index(root).close()
    os.truncate(find_segment_file(storage), kept)
    index = make_index(root)
    assert wait_until(lambda: has_all_definitions(index))
    assert arrays.is_intact(find_segment_file(storage))


def test_what_is_mapped_cannot_be_cut_off_or_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000 + b"tail")
    memory, checksum = private_copies.map_copy(path, 4)
    assert checksum == private_copies.compute_checksum(path, 4)
    path.write_bytes(b"other")
    assert memory[:] == b"x" * 3_000_000 + b"tail"
    path.unlink()
    assert sum(memory[at] for at in range(0, 3_000_000, 4096)) == 733 * ord("x")
    assert list(tmp_path.iterdir()) == []


def test_where_no_disk_takes_the_copy_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_disk_full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"x" * 2_000_000 + b"tail")
    monkeypatch.setattr(tempfile, "TemporaryFile", raise_disk_full)
    memory, checksum = private_copies.map_copy(path, 4)
    assert (memory[-6:], checksum) == (b"xxtail", private_copies.compute_checksum(path, 4))
    monkeypatch.setattr(private_copies, "_HELD_BYTES", 1000)
    with pytest.raises(OSError, match="no room"):
        private_copies.map_copy(path, 4)


def test_a_blob_with_any_bit_flipped_is_noticed() -> None:
    blob = blobs.pack("a = 1\n", [Chunk(Span(0, 6), 0, 1, "lines", "a")], [], "python")
    assert blobs.unpack(blob).names == ("a",)
    for at in range(len(blob)):
        with pytest.raises(blobs.BlobError):
            blobs.unpack(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :])


def test_a_damaged_text_in_the_database_is_noticed_by_its_reader(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index.reindex([root / "new.py"])
    assert index.wait(60)
    index.close()
    with closing(sqlite3.connect(IndexPaths.of(storage, root).database)) as connection, connection:
        row = connection.execute("SELECT id FROM files WHERE relative = 'new.py'").fetchone()
        connection.execute("UPDATE contents SET blob = substr(blob, 2) || 'x' WHERE file_id = ?", row)
    told: list[str] = []
    index = make_index(root, start=False)
    index.set_rebuild_listener(told.append)
    index.start()
    assert wait_until(lambda: list_definitions(index, "zeppelin") == ["new.py"] and has_all_definitions(index))
    assert told == ["The index of this workspace was damaged; it is being rebuilt."]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE meta SET value = 'many' WHERE key = 'generation'",
        "UPDATE meta SET value = 'x' WHERE key LIKE 'segment%'",
        "UPDATE files SET mtime_ns = 'x', digest = 7, size = NULL",
        "UPDATE files SET relative = CAST(x'ff' || relative AS TEXT) WHERE id = 3",
        "UPDATE files SET generation = 'x'",
        "DELETE FROM contents",
    ],
)
def test_values_that_cannot_be_are_damage(
    make_index: Callable[..., Index], root: Path, storage: Path, harm: str
) -> None:
    make_index(root).close()
    with closing(sqlite3.connect(IndexPaths.of(storage, root).database)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
    with closing(sqlite3.connect(IndexPaths.of(storage, root).database)) as connection, connection:
        connection.execute(harm)
    if "contents" in harm:
        find_segment_file(storage).unlink()
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index = make_index(root)
    assert wait_until(lambda: has_all_definitions(index) and list_definitions(index, "zeppelin") == ["new.py"])
    assert index.read_status().problem == ""


def test_an_index_folder_that_is_taken_away_is_made_again_unasked(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    told: list[str] = []
    index.set_rebuild_listener(told.append)
    assert has_all_definitions(index)
    shutil.rmtree(storage)
    assert has_all_definitions(index)  # what is mapped goes on to be searched
    assert wait_until(lambda: storage.is_dir() and any(storage.glob("*.segment")))
    assert index.wait(60)
    assert wait_until(lambda: index.read_status().state == "ready" and index.read_status().files == FILES)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index.reindex([root / "new.py"])
    assert index.wait(60)
    assert list_definitions(index, "zeppelin") == ["new.py"]
    assert has_all_definitions(index)
    assert told == ["The index of this workspace was deleted; it is being rebuilt."]


def test_a_database_that_is_replaced_is_read_anew(make_index: Callable[..., Index], root: Path, storage: Path) -> None:
    index = make_index(root)
    assert has_all_definitions(index)
    (root / "module0.py").rename(root / "moved.py")
    shutil.rmtree(storage)
    make_index(root).close()  # another server, whose ids are others
    assert wait_until(lambda: list_definitions(index, "compute_0") == ["moved.py"])


def test_an_index_that_is_taken_away_while_it_is_made_is_begun_anew(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    for number in range(400):
        (root / f"more{number}.py").write_text(f"def more_{number}():\n    return {number}\n" * 40)
    index = make_index(root, start=False, limits=IndexLimits(processes=1, nice=0))
    begun = threading.Event()
    index.start(lambda progress: begun.set() if progress.done else None)
    assert begun.wait(60)
    shutil.rmtree(storage, ignore_errors=True)
    assert wait_until(lambda: index.read_status().files == FILES + 400 and index.read_status().state == "ready")
    assert index.wait(60)
    assert (list_definitions(index, "more_399"), index.read_status().problem) == (["more399.py"], "")


def test_a_place_that_cannot_be_written_is_not_tried_for_ever(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "home" / "cache" / "storage"
    index = make_index(root, where=storage)
    assert has_all_definitions(index)
    shutil.rmtree(storage.parent)
    (outer := storage.parent.parent).rename(aside := outer.with_name("aside"))
    outer.write_text("in the way")
    assert wait_until(lambda: index.read_status().state == "failed")
    assert "could not" in index.read_status().problem
    assert index._repair.pause_s > 10
    outer.unlink()
    aside.rename(outer)
    index.reindex([root])
    assert index.wait(60)
    assert index.read_status().state == "ready"


def test_what_is_no_folder_in_the_place_of_the_index_is_moved_aside(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    assert has_all_definitions(index)
    shutil.rmtree(storage)
    storage.write_text("in the way")
    assert wait_until(lambda: storage.is_dir() and any(storage.glob("*.segment")))
    assert wait_until(lambda: index.read_status().files == FILES and index.read_status().state == "ready")
    assert [each.read_text() for each in storage.parent.glob("*.set-aside-*")] == ["in the way"]
    assert has_all_definitions(index)


@pytest.mark.parametrize("harm", ["empty", "half", "random", "folder", "begun"])
def test_a_database_that_is_harmed_in_place_is_built_anew_and_that_is_said_once(
    make_index: Callable[..., Index], root: Path, storage: Path, harm: str
) -> None:
    index = make_index(root)
    told: list[str] = []
    index.set_rebuild_listener(told.append)
    assert has_all_definitions(index)
    database = IndexPaths.of(storage, root).database
    if harm == "folder":
        database.unlink()
        database.mkdir()
        (database / "inside").touch()
    elif harm == "begun":  # by a writer that was killed before its tables had a version
        database.unlink()
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE meta (key)")
    elif harm == "random":
        with database.open("r+b") as file:
            file.write(os.urandom(database.stat().st_size))
    else:
        os.truncate(database, 0 if harm == "empty" else database.stat().st_size // 2)
    assert wait_until(lambda: bool(told))
    assert wait_until(lambda: index.read_status().files == FILES and index.read_status().state == "ready")
    assert index.wait(60)
    assert has_all_definitions(index)
    assert len(told) == 1
    assert "it is being rebuilt" in told[0]


def test_no_file_of_the_database_is_mapped(make_index: Callable[..., Index], root: Path, storage: Path) -> None:
    index = make_index(root)
    assert has_all_definitions(index)
    assert not list(storage.glob("*-shm"))
    mapped = [each.path for each in psutil.Process().memory_maps()]
    assert not [path for path in mapped if path.startswith(f"{storage}/") and "sqlite" in path]


def test_a_journal_that_a_killed_writer_left_is_played_back_by_the_next(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    make_index(root).close()
    code = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA cache_size = 1')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute(\"UPDATE files SET digest = x'00'\")\n"
        "connection.execute(\"UPDATE meta SET value = 'many' WHERE key = 'generation'\")\n"
        "os._exit(1)"
    )
    database = IndexPaths.of(storage, root).database
    subprocess.run([sys.executable, "-c", code, str(database)], check=False)
    assert database.with_name(f"{database.name}-journal").stat().st_size
    assert Store.open_for_reading(IndexPaths.of(storage, root)) is None
    told: list[str] = []
    index = make_index(root, start=False)
    index.set_rebuild_listener(told.append)
    index.start()
    assert wait_until(lambda: has_all_definitions(index))
    assert told == []


def test_reading_through_finds_what_a_pass_would_not_look_at(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index.reindex([root / "new.py"])
    assert index.wait(60)
    index.close()
    places = IndexPaths.of(storage, root)
    with closing(sqlite3.connect(places.database)) as connection, connection:
        ((blob,),) = connection.execute("SELECT blob FROM contents").fetchall()
        connection.execute("UPDATE contents SET blob = ?", (blob[:-1] + b"x",))
    store = Store.open_for_reading(places)
    assert store is not None
    with store, pytest.raises(blobs.BlobError):
        store.check(blobs.check)
