"""The choice of segments for a workspace, and what segments say about their packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from indexing.libraries.library_files import IndexedPackage, LibraryFiles
from indexing.libraries.library_segments import MOST_SEGMENTS, SegmentPackages, choose_groups, describe_packages
from indexing.segments import build
from indexing.storage import blobs
from indexing.storage.segment_files import SegmentFile

if TYPE_CHECKING:
    from pathlib import Path


def make(name: str, size: int = 10) -> IndexedPackage:
    """Return an indexed package of `size` bytes, whose key is its name."""
    return IndexedPackage("pypi", name, "1", "", "", name, 1, size)


def make_all(names: str) -> list[IndexedPackage]:
    """Return a small package for each letter of `names`."""
    return [make(name) for name in names]


def test_the_largest_packages_and_the_standard_library_have_segments_of_their_own() -> None:
    packages = [make("stdlib", 12_000_000), *(make(f"large{n}", 20_000_000 - n) for n in range(5)), make("small")]
    assert choose_groups(packages, {}) == [
        ["stdlib"],
        ["large0"],
        ["large1"],
        ["large2", "large3", "large4", "small"],
    ]
    assert choose_groups([], {}) == []


def test_a_new_package_makes_one_small_segment() -> None:
    assert choose_groups(make_all("abcd"), {"s": "abc"}) == [["a", "b", "c"], ["d"]]


def test_a_segment_with_a_package_that_the_workspace_lacks_is_not_used() -> None:
    assert choose_groups(make_all("acd"), {"s": "abc"}) == [["a", "c", "d"]]


def test_own_segments_are_chosen_first_and_none_overlap() -> None:
    segments = {"large": "abcd", "own": "ab", "other": "cd"}
    assert choose_groups(make_all("abcd"), segments) == [["a", "b", "c", "d"]]
    assert choose_groups(make_all("abcd"), segments, ["own"]) == [["c", "d"], ["a", "b"]]


def test_many_small_segments_are_merged_the_smallest_first() -> None:
    segments = {name: name for name in ("abcde", "fghi", "jk", "l", "m", "n", "o")}
    groups = choose_groups(make_all("abcdefghijklmnop"), segments)
    assert len(groups) == MOST_SEGMENTS
    assert groups == [list("abcde"), list("fghi"), list("jk"), list("lmnop")]
    assert sorted("".join(map("".join, groups))) == list("abcdefghijklmnop")


def test_large_packages_leave_one_segment_for_the_rest() -> None:
    large = [make(name, 9_000_000) for name in ("stdlib", "stdlib-tests", "x", "y")]
    groups = choose_groups([*large, *make_all("abc")], {"s": "ab", "t": "c"})
    assert groups == [["stdlib", "stdlib-tests"], ["x"], ["y"], ["a", "b", "c"]]


@pytest.fixture
def files(tmp_path: Path) -> LibraryFiles:
    return LibraryFiles(tmp_path)


def write_segment(files: LibraryFiles, packages: dict[str, int]) -> Path:
    """Write the segment of `packages`, with the number of files of each; return its path."""
    total = sum(packages.values())
    texts = [SegmentFile(n, f"f{n}.py", 0.0, blobs.pack("x = 1\n", [], [], "python")) for n in range(total)]
    target = files.folder / files.make_segment_name(packages)
    build(target, texts, lambda: describe_packages(packages))
    return target


def test_a_segment_says_which_packages_it_holds(files: LibraryFiles) -> None:
    packages = SegmentPackages(files)
    assert packages.read() == {}
    one, two = write_segment(files, {"b": 2, "a": 1}), write_segment(files, {"b": 2, "a": 1, "c": 0})
    assert packages.read() == {one.name: {"b": 2, "a": 1}, two.name: {"b": 2, "a": 1, "c": 0}}
    assert list(packages.read()[one.name]) == ["b", "a"]
    assert packages.list_held() == {"a", "b", "c"}
    assert packages.find_segments(["a", "c", "d"]) == {"a": two.name, "c": two.name}
    two.unlink()
    assert packages.list_held() == {"a", "b"}


@pytest.mark.parametrize("kept", [0, 10, 500, -1])
def test_a_segment_that_is_seen_to_be_damaged_holds_nothing(files: LibraryFiles, kept: int) -> None:
    path = write_segment(files, {"a": 1})
    path.write_bytes(path.read_bytes()[:kept])
    assert SegmentPackages(files).read() == {}


@pytest.mark.parametrize("said", ["[[1]]", '{"ab": 1}', '[["a", "x"]]', "7", "null"])
def test_a_segment_that_says_nonsense_holds_nothing(files: LibraryFiles, said: str) -> None:
    target = files.folder / files.make_segment_name(["a"])
    build(target, [], lambda: {"packages": json.loads(said)})
    assert SegmentPackages(files).read() == {}
