"""Recall from installed libraries: found, below the workspace, shared, kept up to date, and never searched."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from indexing.libraries.library_files import LibraryFiles
from indexing.records import Query
from indexing.syntax.documents import Document
from tests.indexing.conftest import LIMITS as BASE
from tests.indexing.libraries.environments import install, make_environment, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

LIMITS = replace(BASE, library_bytes=1_000_000_000)
LIBRARY = (
    "def connect(host, port):\n    session = open_session(host, port, timeout=DEFAULT_TIMEOUT)\n    return session\n"
)
OWN = "import client\n\ndef start():\n    pass\n"
BEFORE = "def connect(host, port):\n    session = "
AFTER = "open_session(host, port, timeout=DEFAULT_TIMEOUT)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "root")


def make_workspace(folder: Path, library: str = LIBRARY) -> Path:
    """Make a workspace with a module of its own and an environment with the package "client"."""
    write(folder, {"own.py": OWN})
    install(make_environment(folder / ".venv"), "client", {"client/net.py": library})
    return folder


def open_index(
    make_index: Callable[..., Index], *roots: Path, where: Path | None = None, limits: object = LIMITS
) -> Index:
    """Return an index whose roots and libraries are indexed."""
    index = make_index(*roots, limits=limits) if where is None else make_index(*roots, limits=limits, where=where)
    assert index.wait(60, libraries=True)
    return index


def recall(index: Index, text: str = BEFORE) -> list[tuple[str, str, bool]]:
    """Return text, source and whether it is from a library, of each line recalled at the end of `text`."""
    document = Document("untitled:new", None, "python", text)
    return [(one.text, one.source, one.is_library) for one in index.recall(document, len(text))]


def test_a_line_of_a_library_is_recalled(make_index: Callable[..., Index], root: Path) -> None:
    index = open_index(make_index, root)
    assert recall(index) == [(AFTER, "client/net.py", True)]
    status = index.read_status().libraries
    assert (status.state, status.packages, status.problem) == ("ready", ("stdlib 3.11.7", "client 1.0"), "")
    assert status.store_bytes > status.bytes_indexed > 0


def test_the_workspace_ranks_above_a_library(make_index: Callable[..., Index], root: Path) -> None:
    write(root, {"other.py": LIBRARY.replace("DEFAULT_TIMEOUT", "OUR_TIMEOUT")})
    found = recall(open_index(make_index, root))
    assert [(source, is_library) for _, source, is_library in found] == [("other.py", False), ("client/net.py", True)]


def test_a_line_of_both_counts_as_one_of_the_workspace(make_index: Callable[..., Index], root: Path) -> None:
    write(root, {"other.py": LIBRARY})
    assert recall(open_index(make_index, root)) == [(AFTER, "other.py", False)]


def test_turned_off_nothing_of_a_library_is_recalled_or_stored(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = open_index(make_index, root, limits=replace(LIMITS, library_bytes=0))
    assert recall(index) == []
    assert index.read_status().libraries.state == "off"
    assert not LibraryFiles(storage).folder.exists()


def test_turned_off_later_what_is_stored_is_not_recalled(make_index: Callable[..., Index], root: Path) -> None:
    open_index(make_index, root)
    assert recall(open_index(make_index, root, limits=replace(LIMITS, library_bytes=0))) == []


def test_searches_and_definitions_never_find_a_library(make_index: Callable[..., Index], root: Path) -> None:
    index = open_index(make_index, root)
    document = Document((root / "own.py").as_uri(), root / "own.py", "python", OWN)
    assert index.search(Query("connect open_session DEFAULT_TIMEOUT")) == ()
    assert index.find_definitions(["connect"], document=document) == ()


def list_files(storage: Path) -> dict[Path, int]:
    """Return the segments and package files of the shared index, with their inodes."""
    found = LibraryFiles(storage).folder.glob("*")
    return {path: path.stat().st_ino for path in sorted(found) if path.suffix in {".segment", ".package"}}


def test_a_second_workspace_analyses_nothing_again(
    make_index: Callable[..., Index], root: Path, storage: Path, tmp_path: Path
) -> None:
    open_index(make_index, root).close()
    files = list_files(storage)
    assert [path.suffix for path in files] == [".segment"] * 2
    second = make_workspace(tmp_path / "second" / "root")
    assert recall(open_index(make_index, second)) == [(AFTER, "client/net.py", True)]
    assert list_files(storage) == files


def test_two_servers_index_the_same_libraries_at_once(make_index: Callable[..., Index], root: Path) -> None:
    indexes = [make_index(root, start=False, limits=LIMITS) for _ in range(2)]
    for index in indexes:
        index.start()
    for index in indexes:
        assert index.wait(60, libraries=True)
        assert recall(index) == [(AFTER, "client/net.py", True)]
        assert index.read_status().libraries.problem == ""


def test_a_package_that_was_changed_is_indexed_again(make_index: Callable[..., Index], root: Path) -> None:
    open_index(make_index, root).close()
    make_workspace(root, LIBRARY.replace("DEFAULT_TIMEOUT", "ANOTHER_TIMEOUT"))
    assert recall(open_index(make_index, root)) == [(AFTER.replace("DEFAULT", "ANOTHER"), "client/net.py", True)]


def test_a_package_that_is_installed_meanwhile_is_noticed(make_index: Callable[..., Index], root: Path) -> None:
    index = open_index(make_index, root)
    text = "for friend in list_friends():\n    print("
    assert not any(is_library for _, _, is_library in recall(index, text))
    install(root / ".venv", "more", {"more.py": f'{text}"Farewell", friend)\n'})
    index._libraries_at = -1000.0
    index._update_libraries()
    assert index.wait(60, libraries=True)
    assert ('"Farewell", friend)', "more.py", True) in recall(index, text)


def test_killed_in_the_middle_it_goes_on(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, limits=LIMITS)
    if (pid := index._process.pid) is not None:
        os.kill(pid, signal.SIGKILL)
    assert index.wait(60, libraries=True)
    assert recall(index) == [(AFTER, "client/net.py", True)]


@pytest.mark.parametrize("damage", [b"", b"STARLSG2 damaged"])
def test_a_damaged_segment_is_made_again(
    make_index: Callable[..., Index], root: Path, storage: Path, damage: bytes
) -> None:
    open_index(make_index, root).close()
    for path in LibraryFiles(storage).folder.glob("*.segment"):
        path.write_bytes(damage)
    index = make_index(root, limits=LIMITS)
    index.read_status()
    index._libraries_at = -1000.0
    index._update_libraries()
    assert index.wait(60, libraries=True)
    assert recall(index) == [(AFTER, "client/net.py", True)]


def test_the_folder_of_the_shared_index_may_be_deleted(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    open_index(make_index, root).close()
    shutil.rmtree(LibraryFiles(storage).folder)
    assert recall(open_index(make_index, root)) == [(AFTER, "client/net.py", True)]


def test_secret_generated_and_minified_files_of_a_library_are_left_out(
    make_index: Callable[..., Index], root: Path
) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    install(
        root / ".venv",
        "risky",
        {
            "risky/secret.py": f'{LIBRARY}aws_secret_access_key = "{"q8Wz3kXv9Lm2Np5R" * 2}Zt7Y1a2b"\nkey = "{key}"\n',
            "risky/made.py": f"# Code generated by a tool. DO NOT EDIT.\n{LIBRARY}",
            "risky/long.py": LIBRARY + "x = 1" + " + 1" * 20_000 + "\n",
        },
    )
    assert [source for _, source, _ in recall(open_index(make_index, root))] == ["client/net.py"]


def test_packages_beyond_the_limit_are_left_out_and_named(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    install(root / ".venv", "zlarge", {"zlarge.py": "x = 1\n" * 20_000})
    index = open_index(make_index, root, limits=replace(LIMITS, library_bytes=3 * 50_000))
    status = index.read_status().libraries
    assert (status.packages, status.left_out) == (("stdlib 3.11.7", "client 1.0"), {"packages over the limit": 1})
    assert LibraryFiles(storage).measure() <= 3 * 50_000
