"""Removal of excluded, secret and deleted files from the index on the disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from indexing.storage.index_files import FORMAT, IndexPaths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

WORD = "canary7f3a9c"
CODE = f"def total_{WORD}(price):\n    return price\n" * 20
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Zk2vTq9l0cQmN4hYp3\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "kept.py").write_text("x = 1\n")
    (root / "settings.py").write_text(CODE)
    return root


def list_files_with_text(storage: Path) -> list[str]:
    """Return the names of the index files that hold the secret word."""
    return [path.name for path in storage.rglob("*") if path.is_file() and WORD.encode() in path.read_bytes()]


def wait_until_gone(storage: Path) -> bool:
    """Wait up to 30 s until no index file holds the secret word; return whether that is so."""
    end = time.monotonic() + 30
    while list_files_with_text(storage) and time.monotonic() < end:
        time.sleep(0.05)
    return not list_files_with_text(storage)


@pytest.mark.parametrize("how", ["ignored", "secret name", "secret text", "deleted with a pass"])
def test_a_file_that_is_kept_back_leaves_the_disk(
    make_index: Callable[..., Index], root: Path, storage: Path, how: str
) -> None:
    index = make_index(root)
    assert list_files_with_text(storage)
    path = root / "settings.py"
    touched = [path]
    if how == "ignored":
        touched = [root / ".starlingignore"]
        touched[0].write_text("settings.py\n")
    elif how == "secret name":
        touched.append(path.rename(root / "settings.env"))
    elif how == "secret text":
        path.write_text(KEY)
    else:
        (root / ".gitignore").write_text("settings.py\n")
        touched = [root]
    index.reindex(touched)
    assert index.wait(60)
    assert wait_until_gone(storage)
    assert index.read_status().files >= 1


def test_an_index_in_an_older_format_is_deleted(make_index: Callable[..., Index], root: Path, storage: Path) -> None:
    places = IndexPaths.of(storage, root)
    storage.mkdir(parents=True, exist_ok=True)
    name = places.key.removesuffix(f"-v{FORMAT}")
    old = [storage / f"{name}-v{FORMAT - 1}{end}" for end in (".sqlite3", ".sqlite3-wal", ".7.segment", ".lock")]
    other = [storage / f"{name}-v{FORMAT + 1}.sqlite3", storage / "another-0123456789abcdef-v1.sqlite3"]
    for path in (*old, *other):
        path.write_text(CODE)
    make_index(root)
    assert [path for path in old if path.exists()] == []
    assert all(path.exists() for path in other)
