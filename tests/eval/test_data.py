from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.eval import data

if TYPE_CHECKING:
    from pathlib import Path


def write_wheel(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x = 1\n")
    return path


def test_a_wheel_is_unpacked_as_it_is(tmp_path: Path) -> None:
    data.unpack(write_wheel(tmp_path / "a.whl", "a/__init__.py", "a/b/c.py"), tmp_path / "out")
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.py")) == [
        "a/__init__.py",
        "a/b/c.py",
    ]


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "c:evil.py"])
def test_a_name_that_leaves_the_folder_unpacks_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(data.DataError, match="unsafe"):
        data.unpack(write_wheel(tmp_path / "a.whl", "a/good.py", name), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.parent.glob("evil.py"))


def test_what_is_not_what_was_pinned_does_not_count(tmp_path: Path) -> None:
    found = write_wheel(tmp_path / "a.whl", "a/__init__.py")
    pinned = data.Package("a", "1", "dev", "a", data.hash_file(found))
    assert data.find_wheel(pinned, tmp_path) == found
    found.write_bytes(found.read_bytes() + b"more")
    assert data.find_wheel(pinned, tmp_path) is None


def test_a_package_that_was_not_fetched_says_what_to_do() -> None:
    missing = data.Package("missing", "1", "dev", "missing", "00")
    with pytest.raises(data.DataError, match="make eval-data"):
        missing.list_files()
