"""The indexes of all workspaces: their sizes, and the limit that deletes those not used for longest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from indexing.libraries.library_files import IndexedPackage, LibraryFiles, Manifest
from indexing.limits import IndexLimits
from indexing.process.disk_limit import keep_within_limit
from indexing.storage import all_indexes
from indexing.storage.index_files import IndexPaths
from starling_files import make_folder
from tests.indexing.test_lifetime import list_definitions, write_modules

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    return [write_modules(tmp_path / name, 3, lines=20) for name in ("first", "second", "third")]


def list_names(storage: Path) -> list[str]:
    """Return the names of the workspaces with an index, that which was not used for longest first."""
    return [each.key.partition("-")[0] for each in all_indexes.list_indexes(storage)]


def set_age(storage: Path, root: Path, hours: float) -> None:
    """Set when the index of `root` was used last, as hours before the year 2020."""
    paths = IndexPaths.of(storage, root)
    for path in (*paths.list_files(), paths.lock):
        os.utime(path, (1_577_836_800 - 3600 * hours,) * 2)


@pytest.fixture
def workspaces(make_index: Callable[..., Index], roots: list[Path], storage: Path) -> list[Path]:
    """Index three workspaces, the first of which was not used for longest; return them."""
    for hours, root in zip((3, 2, 1), roots, strict=True):
        make_index(root).close()
        set_age(storage, root, hours)
    return roots


def test_indexes_are_measured_beside_their_source(workspaces: list[Path], storage: Path) -> None:
    sizes = all_indexes.measure(storage)
    source = sum(path.stat().st_size for root in workspaces for path in root.rglob("*.py"))
    files = sum(path.stat().st_size for path in storage.iterdir())
    assert (sizes.indexes, sizes.index_bytes, sizes.source_bytes) == (3, files, source)
    assert all_indexes.measure(storage / "missing") == all_indexes.Sizes(0, 0, 0)


def test_the_source_of_a_damaged_index_is_not_counted(workspaces: list[Path], storage: Path) -> None:
    IndexPaths.of(storage, workspaces[0]).database.write_bytes(b"damaged" * 1000)
    source = sum(path.stat().st_size for root in workspaces[1:] for path in root.rglob("*.py"))
    assert all_indexes.measure(storage).source_bytes == source


def test_what_was_not_used_for_longest_is_deleted_until_the_rest_is_within_the_limit(
    workspaces: list[Path], storage: Path
) -> None:
    sizes = [each.size for each in all_indexes.list_indexes(storage)]
    assert list_names(storage) == ["first", "second", "third"]
    assert keep_within_limit(storage, sum(sizes), ()) == []
    assert keep_within_limit(storage, sum(sizes) - 1, ()) == [IndexPaths.of(storage, workspaces[0]).key]
    assert list_names(storage) == ["second", "third"]
    kept = {IndexPaths.of(storage, workspaces[1]).key}
    assert keep_within_limit(storage, sizes[1], kept) == [IndexPaths.of(storage, workspaces[2]).key]
    assert list_names(storage) == ["second"]


def test_an_index_that_is_searched_is_not_deleted_until_it_is_closed(
    make_index: Callable[..., Index], workspaces: list[Path], storage: Path
) -> None:
    index = make_index(workspaces[0])
    assert list_definitions(index, "compute_1") == ["module1.py"]
    set_age(storage, workspaces[0], 99)
    keep_within_limit(storage, 0, ())
    assert list_names(storage) == ["first"]
    index.close()
    keep_within_limit(storage, 0, ())
    assert list_names(storage) == []
    assert [path.suffix for path in storage.iterdir()] == [".lock"] * 3
    assert list_definitions(make_index(workspaces[0]), "compute_1") == ["module1.py"]


def test_using_an_index_makes_it_the_most_recent(
    make_index: Callable[..., Index], workspaces: list[Path], storage: Path
) -> None:
    list_definitions(make_index(workspaces[0], start=False), "compute_1")
    assert list_names(storage) == ["second", "third", "first"]


@pytest.mark.real_start
def test_the_mark_of_a_killed_process_does_not_keep_an_index(workspaces: list[Path], storage: Path) -> None:
    code = (
        "import time; from pathlib import Path\n"
        "from indexing.storage.index_files import IndexPaths; from indexing.storage.use_marks import UseMark\n"
        f"mark = UseMark(IndexPaths.of(Path({str(storage)!r}), Path({str(workspaces[0])!r})))\n"
        "mark.hold()\nprint('held', flush=True)\ntime.sleep(600)\n"
    )
    user = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert user.stdout is not None
    assert user.stdout.readline().strip() == b"held"
    keep_within_limit(storage, 0, ())
    assert list_names(storage) == ["first"]
    user.send_signal(signal.SIGKILL)
    user.wait()
    user.stdout.close()
    assert list(storage.glob("*.use"))
    keep_within_limit(storage, 0, ())
    assert (list_names(storage), list(storage.glob("*.use"))) == ([], [])


def test_an_index_that_is_being_written_is_not_deleted(workspaces: list[Path], storage: Path) -> None:
    with FileLock(IndexPaths.of(storage, workspaces[1]).lock):
        keep_within_limit(storage, 0, ())
    assert list_names(storage) == ["second"]


def test_indexing_a_workspace_deletes_others_over_the_limit_and_never_its_own(
    make_index: Callable[..., Index], workspaces: list[Path], storage: Path
) -> None:
    index = make_index(workspaces[2], limits=IndexLimits(processes=1, nice=0, disk_bytes=1))
    assert list_names(storage) == ["third"]
    assert list_definitions(index, "compute_2") == ["module2.py"]


def test_without_a_limit_nothing_is_deleted(
    make_index: Callable[..., Index], workspaces: list[Path], storage: Path
) -> None:
    make_index(workspaces[2])
    assert sorted(list_names(storage)) == ["first", "second", "third"]


def write_library(storage: Path, name: str, hours: float) -> Path:
    """Write a segment of libraries, which was last used so many hours before the year 2020; return its path."""
    path = make_folder(LibraryFiles(storage).folder) / f"{name}.segment"
    path.write_bytes(b"x" * 9000)
    os.utime(path, (1_577_836_800 - 3600 * hours,) * 2)
    return path


def test_libraries_and_workspaces_share_the_limit(workspaces: list[Path], storage: Path) -> None:
    old, new = write_library(storage, "old", 2.5), write_library(storage, "new", 0.5)
    keys = [IndexPaths.of(storage, root).key for root in workspaces]
    total = sum(each.size for each in all_indexes.list_indexes(storage)) + LibraryFiles(storage).measure()
    assert keep_within_limit(storage, total, ()) == []
    assert keep_within_limit(storage, total - 1, ()) == [keys[0]]
    assert keep_within_limit(storage, 1, ()) == ["old.segment", keys[1], keys[2], "new.segment"]
    assert (old.exists(), new.exists(), list_names(storage)) == (False, False, [])


def test_libraries_of_a_workspace_in_use_are_not_deleted(
    make_index: Callable[..., Index], workspaces: list[Path], storage: Path
) -> None:
    libraries = LibraryFiles(storage)
    for root, name in zip(workspaces, ("one", "two", "two"), strict=True):
        write_library(storage, name, 9)
        package = IndexedPackage("python", name, "1", "/", "", name, 1, 9)
        libraries.write_manifest(root, Manifest((f"{name}.segment",), (package,)))
    index = make_index(workspaces[0])
    assert list_definitions(index, "compute_1") == ["module1.py"]
    keep_within_limit(storage, 0, ())
    assert [path.name for path in libraries.folder.glob("*.segment")] == ["one.segment"]
    assert list_names(storage) == ["first"]


def test_other_files_in_the_folder_are_neither_counted_nor_deleted(storage: Path) -> None:
    storage.mkdir()
    (storage / "notes.txt").write_text("mine")
    (storage / "name-0123456789abcdef-v3.sqlite3").write_text("older")
    assert [each.key for each in all_indexes.list_indexes(storage)] == ["name-0123456789abcdef-v3"]
    keep_within_limit(storage, 0, ())
    assert (storage / "notes.txt").read_text() == "mine"
    assert not list(storage.glob("*.sqlite3"))
