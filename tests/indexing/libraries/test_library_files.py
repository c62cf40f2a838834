"""The files of the shared index: whole or not at all, private, bounded."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from indexing.libraries import library_files
from indexing.libraries.library_files import (
    SEGMENT_ENDING,
    UNUSED_S,
    IndexedFile,
    IndexedPackage,
    LibraryFileError,
    LibraryFiles,
    Manifest,
)
from indexing.libraries.packages import Package, list_contents, read_contents
from indexing.limits import IndexLimits

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = IndexLimits()


def make_old(path: Path, seconds: float) -> None:
    """Set the time of the last use of a file back."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_package_is_read_as_it_was_written(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    written = [IndexedFile("a.py", b"one"), IndexedFile("b/c.py", b"two")]
    assert files.write_package("key", written) == 2
    assert list(files.read_package("key")) == written


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_files_and_folder_are_for_their_user_alone(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("key", [IndexedFile("a.py", b"one")])
    files.write_manifest(tmp_path, Manifest())
    assert files.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files.folder.iterdir()} == {0o600}


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)

    def stop() -> object:
        """Yield a file, then fail."""
        yield IndexedFile("a.py", b"one")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_package("key", stop())  # type: ignore[arg-type]
    assert list(files.folder.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_package_is_noticed(tmp_path: Path, damage: str) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("key", [IndexedFile("a.py", b"some text " * 100)])
    path = files.find_package("key")
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-30] if damage == "cut" else data[:40] + bytes([data[40] ^ 255]) + data[41:])
    with pytest.raises(LibraryFileError):
        list(files.read_package("key"))


@pytest.mark.parametrize("text", ["", "[]", '{"segments": 1}', '{"segments": [], "packages": [{}]}', "[" * 5000])
def test_a_damaged_manifest_counts_as_missing(tmp_path: Path, text: str) -> None:
    files = LibraryFiles(tmp_path)
    files.write_manifest(tmp_path, Manifest())
    assert files.read_manifest(tmp_path) == Manifest()
    files.find_manifest(tmp_path).write_text(text)
    assert files.read_manifest(tmp_path) is None


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    package = IndexedPackage("pypi", "thing", "1.0", "place", "signature", "key", 3, 100)
    manifest = Manifest(("a.segment",), (package,), {str(tmp_path): 1}, {"secret": 2})
    files = LibraryFiles(tmp_path)
    files.write_manifest(tmp_path, manifest)
    assert files.read_manifest(tmp_path) == manifest
    assert manifest.is_changed()


def test_what_was_not_used_for_long_is_deleted(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    for key in ("old", "new"):
        files.write_package(key, [])
    make_old(files.find_package("old"), UNUSED_S + 60)
    assert files.evict(10**9) == 1
    assert [path.name for path in files.folder.iterdir()] == ["new.package"]


def test_package_files_are_compressed(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("key", [IndexedFile("a.py", b"some text " * 10_000)])
    assert files.measure() < 10_000


def test_noting_the_use_keeps_a_file(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("old", [])
    make_old(files.find_package("old"), UNUSED_S + 60)
    files.note_use(["old.package", "missing.package"])
    assert files.evict(10**9) == 0


def test_the_limit_holds_and_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    for age, key in enumerate(("newest", "middle", "oldest")):
        files.write_package(key, [IndexedFile("a.py", os.urandom(1000))])
        make_old(files.find_package(key), 100.0 * age)
    assert files.evict(2_500) == 1
    assert {path.name for path in files.folder.iterdir()} == {"newest.package", "middle.package"}
    assert files.evict(1_500, kept=["middle.package"]) == 1
    assert files.measure() <= 1_500
    assert [path.name for path in files.folder.iterdir()] == ["middle.package"]


def make_package(folder: Path, files: dict[str, str]) -> Package:
    """Write `files` to `folder`, and return them as a package."""
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Package("pypi", "thing", "1.0", folder, tuple(sorted(files)))


def test_secrets_links_and_large_files_of_a_package_are_left_out(tmp_path: Path) -> None:
    package = make_package(
        tmp_path / "package", {"a.py": "x = 1\n", ".env": "TOKEN=1", "large.py": "x" * 2_000_000, "linked.py": ""}
    )
    (tmp_path / "outside.py").write_text("private = 1\n")
    (tmp_path / "package" / "linked.py").unlink()
    (tmp_path / "package" / "linked.py").symlink_to(tmp_path / "outside.py")
    listing = list_contents(package, LIMITS)
    assert [each.relative for each in listing.files] == ["a.py"]
    assert listing.left_out == {"secret": 1, "too large": 1, "link": 1}


def test_a_linked_folder_of_a_package_is_left_out(tmp_path: Path) -> None:
    make_package(tmp_path / "private", {"a.py": "private = 1\n"})
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part").symlink_to(tmp_path / "private", target_is_directory=True)
    package = Package("pypi", "thing", "1.0", tmp_path / "package", ("part/a.py",))
    listing = list_contents(package, LIMITS)
    assert (listing.files, listing.left_out) == ([], {"link": 1})


def test_a_package_that_is_changed_under_the_same_version_has_another_key(tmp_path: Path) -> None:
    package = make_package(tmp_path, {"a.py": "x = 1\n"})
    files = LibraryFiles(tmp_path)
    keys = set()
    for text in ("x = 1\n", "x = 2\n"):
        (tmp_path / "a.py").write_text(text)
        keys.add(files.make_key(package, read_contents(package, list_contents(package, LIMITS), LIMITS).digest))
    assert len(keys) == 2


def test_the_same_package_in_two_environments_has_one_key(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    keys = set()
    for name in ("one", "two"):
        package = make_package(tmp_path / name, {"a.py": "x = 1\n"})
        keys.add(files.make_key(package, read_contents(package, list_contents(package, LIMITS), LIMITS).digest))
    assert len(keys) == 1


def test_a_package_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexing.libraries import packages  # noqa: PLC0415

    monkeypatch.setattr(packages, "MOST_FILES", 2)
    package = make_package(tmp_path, {f"{number}.py": "" for number in range(5)})
    listing = list_contents(package, LIMITS)
    assert (len(listing.files), listing.left_out) == (2, {"over the limit of a package": 3})


def describe(name: str, key: str) -> IndexedPackage:
    """Return the package `name` as a manifest lists it."""
    return IndexedPackage("pypi", name, "1.0", "place", "signature", key, 3, 100)


def test_packages_and_segments_of_all_workspaces_are_listed_once(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    one, two = describe("one", "k1"), describe("two", "k2")
    files.write_manifest(tmp_path / "a", Manifest(("s1", "s2"), (two, one)))
    files.write_manifest(tmp_path / "b", Manifest(("s2",), (one,)))
    files.find_manifest(tmp_path / "c").write_text("damaged")
    assert (files.list_packages(), files.list_segments()) == ([one, two], ["s1", "s2"])


def write_segment(files: LibraryFiles, name: str, age_s: float = 0.0) -> str:
    """Write a file that stands for the segment `name`, last used so many seconds ago; return its file name."""
    path = files.folder / f"{name}{SEGMENT_ENDING}"
    path.write_bytes(b"x" * 1000)
    make_old(path, age_s)
    return path.name


def test_segments_that_no_manifest_names_get_a_day_unless_they_are_replaced(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_manifest(tmp_path, Manifest())
    named, new = write_segment(files, "named", 5 * 86_400.0), write_segment(files, "new")
    replaced, old = write_segment(files, "replaced"), write_segment(files, "old", 86_500.0)
    files.write_manifest(tmp_path, Manifest((named,)))
    assert files.evict(10**9, replaced=[replaced, named]) == 2
    assert {path.name for path in files.folder.glob("*.segment")} == {named, new}
    assert not (files.folder / old).exists()


def test_packages_that_a_segment_holds_and_files_of_older_formats_are_deleted(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    for key in ("held", "waiting"):
        files.write_package(key, [])
    (files.folder / f"pypi-thing-1-{'0' * 32}-v{library_files.FORMAT - 1}.9.package").touch()
    (files.folder / f"{'0' * 32}-v{library_files.FORMAT}.1.segment").touch()
    (files.folder / f"{'1' * 32}-v{library_files.FORMAT + 1}.1.segment").touch()
    assert files.evict(10**9, held=["held"]) == 3
    assert {path.suffix for path in files.folder.iterdir()} == {".package", ".segment"}
    assert files.find_package("waiting").exists()


def test_what_killed_processes_leave_is_deleted(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("kept", [])
    (files.folder / "some.segment.abc.part").mkdir()
    (files.folder / "some.segment.abc.part" / "codes").write_bytes(b"x")
    (files.folder / "key.package.12.part").write_bytes(b"x")
    files.remove_remains()
    assert [path.name for path in files.folder.iterdir()] == ["kept.package"]
    files.remove_remains(packages=True)
    assert list(files.folder.iterdir()) == []
    LibraryFiles(tmp_path / "missing").remove_remains()


def test_a_package_that_damage_makes_look_encrypted_is_noticed(tmp_path: Path) -> None:
    files = LibraryFiles(tmp_path)
    files.write_package("key", [IndexedFile("a.py", b"one")])
    path = files.find_package("key")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(LibraryFileError):
        list(files.read_package("key"))
