"""The status sums the figures of all roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from indexing.records import LibraryStatus, VectorStatus
from indexing.status import measure_status
from indexing.storage.index_files import IndexPaths
from indexing.storage.store_records import Counts

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.records import IndexStatus
    from indexing.snapshots import Sources


class CountedSources:
    """Sources whose figures are given."""

    def __init__(self, storage: Path, counts: dict[str, tuple[Counts | None, str]]) -> None:
        self._storage = storage
        self._counts = counts

    def read_counts_by_root(self) -> list[tuple[IndexPaths, Counts | None, str]]:
        return [(IndexPaths(self._storage, key), *counts) for key, counts in self._counts.items()]


def measure(storage: Path, **counts: tuple[Counts | None, str]) -> IndexStatus:
    """Return the status of roots with the given figures and times of their last passes."""
    return measure_status(
        cast("Sources", CountedSources(storage, counts)), "ready", "a problem", LibraryStatus(), VectorStatus()
    )


def test_figures_of_all_roots_are_added(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3").write_bytes(b"x" * 100)
    (tmp_path / "b.1.segment").write_bytes(b"x" * 50)
    one = Counts(1, 2, 3, 40, {"secret": 1}, {"python": 1})
    two = Counts(5, 6, 7, 80, {"secret": 2, "binary": 1}, {"python": 4, "text": 1})
    status = measure(tmp_path, a=(one, "20.5"), b=(two, "10.5"), missing=(None, ""))
    assert (status.files, status.chunks, status.symbols, status.bytes_indexed) == (6, 8, 10, 120)
    assert status.skipped == {"secret": 3, "binary": 1}
    assert status.by_language == {"python": 5, "text": 1}
    assert (status.store_bytes, status.indexed_at) == (150, 10.5)


def test_before_the_first_pass_there_is_no_time(tmp_path: Path) -> None:
    status = measure(tmp_path, a=(None, ""))
    assert (status.state, status.problem, status.files, status.indexed_at) == ("ready", "a problem", 0, None)
