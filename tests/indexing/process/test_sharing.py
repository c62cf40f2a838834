"""One indexing process for the indexes of a server that have one workspace."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from indexing.process import sharing
from indexing.process.sharing import IndexingClient
from indexing.records import Query
from indexing.syntax.documents import Document
from tests.indexing.conftest import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

pytestmark = pytest.mark.real_start
SESSIONS = 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.py").write_text("def zebra():\n    return 1\n")
    return folder


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    until = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def find(index: Index, words: str) -> set[str]:
    return {hit.relative for hit in index.search(Query(words))}


def test_ten_sessions_have_one_process_and_the_last_one_ends_it(make_index: Callable[..., Index], root: Path) -> None:
    before = len(psutil.Process().children(recursive=True))
    indexes = [make_index(root) for _ in range(SESSIONS)]
    assert len({index._process.pid for index in indexes}) == 1
    assert len(psutil.Process().children(recursive=True)) <= before + 2  # one indexes, one analyses
    assert all(find(index, "zebra") == {"a.py"} for index in indexes)
    (process,) = {psutil.Process(index._process.pid) for index in indexes}
    for index in indexes[:-1]:
        index.close()
    assert process.is_running()
    (root / "b.py").write_text("def walrus(): pass\n")
    indexes[-1].reindex([root / "b.py"])
    assert indexes[-1].wait(60)
    assert find(indexes[-1], "walrus") == {"b.py"}
    indexes[-1].close()
    assert not process.is_running()
    assert not sharing._groups


def test_a_change_that_one_session_reports_is_found_by_all(make_index: Callable[..., Index], root: Path) -> None:
    one, other = make_index(root), make_index(root)
    (root / "b.py").write_text("def walrus(): pass\n")
    one.reindex([root / "b.py"])
    assert one.wait(60)
    assert wait_until(lambda: find(other, "walrus") == {"b.py"})


def test_many_sessions_load_a_change_in_turns_and_a_search_without_a_time_limit_has_it(
    make_index: Callable[..., Index], root: Path
) -> None:
    indexes = [make_index(root) for _ in range(sharing.FEW + 2)]
    assert all(index._process.is_crowded for index in indexes)
    (root / "b.py").write_text("def walrus(): pass\n")
    indexes[0].reindex([root / "b.py"])
    assert indexes[0].wait(60)
    assert find(indexes[0], "walrus") == {"b.py"}
    assert wait_until(lambda: all(find(index, "walrus") == {"b.py"} for index in indexes))
    (root / "b.py").write_text("def okapi(): pass\n")
    indexes[0].reindex([root / "b.py"])
    assert indexes[0].wait(60)

    def search_in_time(index: Index) -> bool:
        """Return whether a search that may take two seconds finds it; such a search loads nothing."""
        return bool(index.search(Query("okapi"), deadline=time.monotonic() + 2))

    assert wait_until(lambda: all(search_in_time(index) for index in indexes))


def test_unsaved_text_is_seen_by_its_own_session_only(make_index: Callable[..., Index], root: Path) -> None:
    one, other = make_index(root), make_index(root)
    path = root / "a.py"
    one.open_document(Document(path.as_uri(), path, "python", "def okapi(): pass\n", 1))
    other.open_document(Document(path.as_uri(), path, "python", "def quagga(): pass\n", 1))
    assert (find(one, "okapi"), find(other, "quagga")) == ({"a.py"}, {"a.py"})
    assert not find(one, "quagga")
    assert not find(other, "okapi")
    one.close()
    assert find(other, "quagga") == {"a.py"}


def test_other_folders_and_other_limits_have_a_process_of_their_own(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    indexes = [
        make_index(root),
        make_index(tmp_path / "other"),
        make_index(root, tmp_path / "other"),
        make_index(root, limits=replace(LIMITS, exclude=("*.txt",))),
    ]
    assert len({index._process.pid for index in indexes}) == len(indexes)


def test_an_index_whose_folders_change_leaves_the_process_of_the_old_ones(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    one, other = make_index(root), make_index(root)
    old = one._process.pid
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "c.py").write_text("def lemur(): pass\n")
    other.set_roots([tmp_path / "other"])
    assert other.wait(60)
    assert (find(other, "lemur"), find(other, "zebra")) == ({"c.py"}, set())
    assert one._process.pid == old
    assert other._process.pid != old
    other.set_roots([root])
    assert other.wait(60)
    assert other._process.pid == old
    assert find(other, "zebra") == {"a.py"}


def test_a_process_that_dies_is_started_again_for_all(make_index: Callable[..., Index], root: Path) -> None:
    indexes = [make_index(root) for _ in range(3)]
    pid = indexes[0]._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: indexes[0]._process.pid is None)
    for number, index in enumerate(indexes):
        (root / f"new{number}.py").write_text(f"def unicorn_{number}(): pass\n")
        index.reindex([root / f"new{number}.py"])
    assert all(index.wait(60) for index in indexes)
    assert len({index._process.pid for index in indexes}) == 1
    for number in range(len(indexes)):
        name = f"unicorn_{number}"
        assert wait_until(lambda name=name: all(find(each, name) for each in indexes))  # type: ignore[misc]


def test_a_session_waits_for_its_own_work_only(root: Path, tmp_path: Path) -> None:
    one, other = (IndexingClient(tmp_path / "index", LIMITS, lambda _: None) for _ in range(2))
    try:
        one.submit("pass", [root])
        assert not other.is_busy
        assert other.wait(0)
        other.submit("pass", [root])
        one.close()
        assert other.wait(60)
        assert not one.is_busy
    finally:
        one.close()
        other.close()


def test_a_closed_session_gets_no_event_and_holds_up_no_other(root: Path, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()
    after_close: list[str] = []
    closed = threading.Event()

    def handle_slowly(event: dict[str, object]) -> None:
        if closed.is_set():
            after_close.append(str(event["event"]))
        entered.set()
        leave.wait(20)

    one = IndexingClient(tmp_path / "index", LIMITS, handle_slowly)
    other = IndexingClient(tmp_path / "index", LIMITS, lambda _: None)
    try:
        one.submit("pass", [root])
        other.submit("pass", [root])
        assert entered.wait(20)
        closing = threading.Thread(target=one.close)
        closing.start()
        leave.set()
        closing.join(20)
        assert not closing.is_alive()
        closed.set()
        assert other.wait(60)
        assert after_close == []
    finally:
        leave.set()
        one.close()
        other.close()
