"""The shared index of libraries through changes, damage, killed processes, full and unwritable disks."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from indexing.libraries.library_files import LibraryFiles
from indexing.libraries.library_segments import SegmentPackages
from indexing.process import spawning
from indexing.storage import arrays
from tests.indexing.libraries.environments import install
from tests.indexing.libraries.test_recalling import AFTER, LIBRARY, LIMITS, make_workspace, open_index, recall
from tests.indexing.test_lifetime import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

FOUND = [(AFTER, "client/net.py", True)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "root")


def update(index: Index) -> None:
    """Have `index` look at its libraries now, and wait for what it does."""
    index.read_status()
    index._libraries_at = -1000.0
    index._update_libraries()
    assert index.wait(60, libraries=True)


def list_packages(storage: Path) -> list[list[str]]:
    """Return the names of the packages of each segment, sorted."""
    held = SegmentPackages(LibraryFiles(storage)).read().values()
    return sorted(sorted(key.split("-")[1] for key in packages) for packages in held)


def list_endings(storage: Path) -> set[str]:
    """Return the endings of all names in the folder of the shared index but the lock's."""
    return {path.suffix for path in LibraryFiles(storage).folder.iterdir()} - {".lock"}


def test_a_package_that_is_added_makes_a_small_segment_and_analyses_nothing_else(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    open_index(make_index, root).close()
    before = {path.name for path in LibraryFiles(storage).folder.glob("*.segment")}
    install(root / ".venv", "more", {"more.py": "text = 'for friend in friends'\n"})
    index = open_index(make_index, root)
    assert list_packages(storage) == [["client"], ["more"], ["stdlib"]]
    assert before < {path.name for path in LibraryFiles(storage).folder.glob("*.segment")}
    assert (recall(index), list_endings(storage)) == (FOUND, {".segment", ".manifest"})


def test_segments_that_a_change_replaces_are_deleted_and_those_of_another_workspace_stay(
    make_index: Callable[..., Index], root: Path, storage: Path, tmp_path: Path
) -> None:
    second = make_workspace(tmp_path / "second" / "root")
    open_index(make_index, root, second).close()
    make_workspace(root, LIBRARY.replace("DEFAULT_TIMEOUT", "ANOTHER_TIMEOUT"))
    open_index(make_index, root).close()
    assert list_packages(storage) == [["client"], ["client"], ["stdlib"]]
    make_workspace(second, LIBRARY.replace("DEFAULT_TIMEOUT", "ANOTHER_TIMEOUT"))
    assert recall(open_index(make_index, second)) == [(AFTER.replace("DEFAULT", "ANOTHER"), "client/net.py", True)]
    assert list_packages(storage) == [["client"], ["stdlib"]]


def test_a_new_segment_takes_its_packages_from_other_segments(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    install(
        root / ".venv", "more", {"more.py": "text = 'for friend in friends'\n", "wörld.py": "größe = '\U0001d4b3'\n"}
    )
    open_index(make_index, root).close()
    assert list_packages(storage) == [["client", "more"], ["stdlib"]]
    shutil.rmtree(root / ".venv/lib/python3.11/site-packages/client-1.0.dist-info")  # "more" alone is left
    index = open_index(make_index, root)
    assert list_packages(storage) == [["more"], ["stdlib"]]
    segments = dict(index._load_sources()._libraries.segments).values()
    texts = {path: one.read_text(at) for one in segments for at, path in enumerate(one.paths)}
    assert texts["more.py"] == "text = 'for friend in friends'\n"
    assert texts["wörld.py"] == "größe = '\U0001d4b3'\n"


@pytest.mark.parametrize("harm", ["cut", "zeroed", "flipped", "emptied"])
def test_a_segment_that_is_damaged_while_no_server_runs_is_made_again(
    make_index: Callable[..., Index], root: Path, storage: Path, harm: str
) -> None:
    open_index(make_index, root).close()
    rng = random.Random(harm)  # noqa: S311 - a sample that repeats, no secret
    paths = sorted(LibraryFiles(storage).folder.glob("*.segment"))
    for path in paths:
        data = bytearray(path.read_bytes())
        if harm == "cut":
            del data[rng.randrange(len(data)) :]
        elif harm == "emptied":
            data.clear()
        else:
            for at in rng.sample(range(len(data)), 5):
                data[at] = 0 if harm == "zeroed" else data[at] ^ (1 << rng.randrange(8))
        path.write_bytes(data)
    index = open_index(make_index, root)
    assert wait_until(lambda: recall(index) == FOUND)
    assert index.read_status().libraries.problem == ""
    assert all(map(arrays.is_intact, paths))
    assert list_endings(storage) == {".segment", ".manifest"}


def test_a_segment_that_is_damaged_while_a_server_searches_it_is_made_again(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = open_index(make_index, root)
    for path in LibraryFiles(storage).folder.glob("*.segment"):
        os.truncate(path, 100)
    assert recall(index) == FOUND
    update(index)
    second = open_index(make_index, root)
    assert (recall(index), recall(second)) == (FOUND, FOUND)
    assert all(map(arrays.is_intact, LibraryFiles(storage).folder.glob("*.segment")))


def test_a_damaged_segment_that_packages_are_taken_from_is_analysed_again(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    install(root / ".venv", "more", {"more.py": "text = 'for friend in friends'\n"})
    open_index(make_index, root).close()
    for path in LibraryFiles(storage).folder.glob("*.segment"):
        data = bytearray(path.read_bytes())
        data[2000] ^= 255
        path.write_bytes(data)
    shutil.rmtree(root / ".venv/lib/python3.11/site-packages/more-1.0.dist-info")
    index = open_index(make_index, root)
    assert (recall(index), index.read_status().libraries.problem) == (FOUND, "")
    assert list_packages(storage) == [["client"], ["stdlib"]]


def test_a_damaged_package_file_is_made_again(make_index: Callable[..., Index], root: Path, storage: Path) -> None:
    open_index(make_index, root).close()
    files = LibraryFiles(storage)
    key = next(key for held in SegmentPackages(files).read().values() for key in held if "client" in key)
    for path in files.folder.glob("*.[ms]*t"):
        path.unlink()
    files.find_package(key).write_bytes(b"damaged")
    index = open_index(make_index, root)
    assert (recall(index), index.read_status().libraries.problem) == (FOUND, "")
    assert list_endings(storage) == {".segment", ".manifest"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("ending", [".package.*.part", ".segment.*.part", ".segment"])
def test_killed_while_it_writes_it_goes_on_and_leaves_nothing(
    make_index: Callable[..., Index], root: Path, storage: Path, ending: str
) -> None:
    for number in range(12):
        lines = "".join(f"value_{number}_{line} = compute_{line}(value_{number})\n" for line in range(6_000))
        install(root / ".venv", f"filler{number}", {f"filler{number}.py": lines})
    index = make_index(root, start=False, limits=LIMITS)
    index.start()
    deadline = time.monotonic() + 60
    while not list(LibraryFiles(storage).folder.glob(f"*{ending}")) and time.monotonic() < deadline:
        time.sleep(0.001)
    if (pid := index._process.pid) is not None:
        os.kill(pid, signal.SIGKILL)
    assert index.wait(60, libraries=True)
    assert (recall(index), index.read_status().libraries.problem) == (FOUND, "")
    assert list_endings(storage) == {".segment", ".manifest"}
    assert len(list_packages(storage)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_is_named_leaves_room_and_is_tried_again(
    make_index: Callable[..., Index], root: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = spawning.spawn

    def spawn(module: str, folder: Path, memory_bytes: int) -> subprocess.Popen[bytes]:
        """Start a process of which no file may grow beyond some size: what a full disk does to it."""
        process = real(module, folder, memory_bytes)
        if module == "indexing.process.worker":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (150_000, 150_000))
        return process

    monkeypatch.setattr(spawning, "spawn", spawn)
    noise = random.Random(1)  # noqa: S311 - a sample that repeats, no secret
    lines = "".join(f"value_{noise.random()} = {noise.random()}\n" for _ in range(20_000))
    install(root / ".venv", "filler", {"filler.py": lines})
    index = open_index(make_index, root)
    status = index.read_status()
    assert (status.state, status.problem) == ("ready", "")
    assert status.libraries.problem.startswith("The disk is full: installed libraries could not be indexed in ")
    assert not list_endings(storage) & {".package", ".part"}
    assert recall(index) == []
    monkeypatch.setattr(spawning, "spawn", real)
    os.kill(index._process.pid or 0, signal.SIGKILL)
    assert wait_until(lambda: index._process.pid is None)
    update(index)
    assert (recall(index), index.read_status().libraries.problem) == (FOUND, "")


def test_a_folder_that_cannot_be_written_is_named_and_the_workspace_is_searched(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    LibraryFiles(storage).lock.mkdir(parents=True)  # root may write into a read-only folder; nobody opens a folder
    index = open_index(make_index, root)
    status = index.read_status()
    assert (status.state, status.problem) == ("ready", "")
    assert status.libraries.problem.startswith("Installed libraries could not be indexed in ")
    assert status.libraries.problem.endswith("Until then less is suggested; `starling index` tries again.")
    assert recall(index) == []
