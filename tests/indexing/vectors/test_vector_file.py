"""Vectors on the disk: kept between processes, never believed when damaged, deleted at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexing.vectors import vector_file
from indexing.vectors.vector_file import VectorFile, make_record_type

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH = 64
SIZE = make_record_type(WIDTH).itemsize


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "root.vectors"


def make_vectors(count: int, width: int = WIDTH) -> NDArray[np.float32]:
    """Return vectors of length 1 that are about orthogonal."""
    vectors = np.random.default_rng(3).normal(size=(count, width)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def append(file: VectorFile, first: int, vectors: NDArray[np.float32]) -> None:
    """Append `vectors` as pieces `first`, `first` + 1 and so on, each of the file 100 more."""
    pieces = list(range(first, first + len(vectors)))
    file.append([100 + piece for piece in pieces], pieces, [0] * len(pieces), vectors)


def find(file: VectorFile, vector: NDArray[np.float32]) -> list[int]:
    """Return the pieces nearest to `vector`, nearest first."""
    return [piece for _, _, piece, _ in file.find_nearest(vector, 5)]


def test_the_nearest_is_found_also_by_another_process_and_after_more_was_written(path: Path) -> None:
    vectors = make_vectors(6)
    writer, reader = VectorFile(path), VectorFile(path)
    append(writer, 1, vectors[:3])
    assert find(reader, vectors[1])[0] == 2
    append(writer, 4, vectors[3:])
    assert find(reader, vectors[4])[0] == 5
    assert reader.find_nearest(vectors[4], 1)[0][1:] == (105, 5, 0)
    assert len(reader) == 6
    assert reader.list_missing([6, 7]) == [1]


@pytest.mark.parametrize("place", ["head", "record"])
def test_a_damaged_file_is_not_believed_and_is_written_again(path: Path, place: str) -> None:
    vectors = make_vectors(3)
    append(VectorFile(path), 1, vectors)
    data = bytearray(path.read_bytes())
    at = 1 if place == "head" else len(data) - SIZE - 20  # in the second of three records
    data[at] ^= 1
    path.write_bytes(data)
    file = VectorFile(path)
    file.refresh()
    assert file.list_missing([1, 2, 3]) == ([0, 1, 2] if place == "head" else [1])
    append(file, 2, vectors[1:2])
    assert find(VectorFile(path), vectors[1])[0] == 2


def test_a_record_that_was_cut_is_written_over(path: Path) -> None:
    vectors = make_vectors(3)
    append(VectorFile(path), 1, vectors[:2])
    path.write_bytes(path.read_bytes()[:-5])
    file = VectorFile(path)
    append(file, 3, vectors[2:])
    again = VectorFile(path)
    again.refresh()
    assert again.list_missing([1, 2, 3]) == [1]
    assert find(again, vectors[2])[0] == 3


def test_a_deleted_file_has_no_vectors_and_is_made_again(path: Path) -> None:
    vectors = make_vectors(2)
    file = VectorFile(path)
    append(file, 1, vectors[:1])
    path.unlink()
    assert find(file, vectors[0]) == []
    append(file, 2, vectors[1:])
    assert find(file, vectors[1]) == [2]


def test_vectors_of_another_width_replace_the_file(path: Path) -> None:
    file = VectorFile(path)
    append(file, 1, make_vectors(2))
    wide = make_vectors(1, 128)
    append(file, 9, wide)
    assert find(file, wide[0]) == [9]
    assert find(file, make_vectors(1)[0]) == []


def test_unused_vectors_are_dropped_once_they_are_more_than_half(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_file, "_BLOCK", 2)
    vectors = make_vectors(9)
    file, reader = VectorFile(path), VectorFile(path)
    append(file, 1, vectors)
    reader.refresh()
    assert not file.drop_unused(np.arange(1, 6, dtype=np.uint64))
    assert file.drop_unused(np.array([2, 5, 8], dtype=np.uint64))
    assert path.stat().st_size == 12 + 3 * SIZE
    for one in (file, reader):
        assert find(one, vectors[4])[0] == 5
        assert sorted(find(one, vectors[0])) == [2, 5, 8]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
