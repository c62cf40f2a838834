"""The status sums the figures of all roots, and says how much is indexed and how long changes wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from indexing.process import supervisor
from indexing.process.supervisor import LIBRARIES, IndexProcess
from indexing.records import LibraryStatus
from indexing.status import compute_coverage, measure_status
from indexing.storage.index_files import IndexPaths
from indexing.storage.store_records import Counts
from tests.indexing.conftest import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index
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
    return measure_status(cast("Sources", CountedSources(storage, counts)), "ready", "a problem", LibraryStatus())


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


@pytest.mark.parametrize(
    ("files", "skipped", "found", "share"),
    [
        (0, {}, 0, None),
        (0, {"ignored": 5}, 0, None),
        (3, {"ignored": 9, "secret": 1, "without syntax": 2}, 0, 1.0),
        (3, {"too large": 1}, 0, 0.75),
        (3, {"unreadable": 1, "crashed": 1, "too many ignore rules": 1}, 0, 0.5),
        (0, {}, 10, 0.0),
        (5, {}, 20, 0.25),
        (100, {}, 10, 1.0),
    ],
)
def test_coverage_is_the_share_of_the_files_to_index(
    files: int, skipped: dict[str, int], found: int, share: float | None
) -> None:
    assert compute_coverage(files, skipped, found) == share


def test_an_indexed_workspace_is_covered_and_has_no_lag(make_index: Callable[..., Index], tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    (root / "b.py").write_text("y = 2\n" * 500_000)  # too large
    status = make_index(root).read_status()
    assert (status.coverage, status.lag_s) == (0.5, 0.0)


def test_the_lag_is_the_age_of_the_oldest_change_until_it_is_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexProcess, "_start", lambda _: None)  # no process takes the jobs
    now = [100.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    process = IndexProcess(tmp_path, LIMITS, lambda _, __: None)
    process.submit(None, LIBRARIES, [tmp_path])
    now[0] = 200.0
    assert process.compute_lag_s() == 0.0
    process.submit(None, "touch", [tmp_path], [tmp_path / "a.py"])
    now[0] = 203.0
    process.submit(None, "touch", [tmp_path], [tmp_path / "b.py"])
    assert process.compute_lag_s() == 3.0
    process._finish({"event": "finished", "problem": "", "jobs": [2]})
    assert process.compute_lag_s() == 0.0
    now[0] = 204.0
    assert process.compute_lag_s() == 1.0
    process.close()
    assert process.compute_lag_s() == 0.0
