"""Memory of an index for open texts: only their newest versions, and nothing once it is closed."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from indexing import snapshots
from indexing.index import Index
from indexing.records import Query
from indexing.syntax import relexing
from indexing.syntax.documents import Document
from tests.indexing.conftest import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from indexing.storage.segment import Segment

TEXT = "def area_of_circle(radius):\n    return radius\n" * 200


def test_a_closed_index_keeps_no_text_that_was_open(tmp_path: Path) -> None:
    path = tmp_path / "root" / "circle.py"
    path.parent.mkdir()
    with contextlib.closing(Index([tmp_path / "root"], storage=tmp_path / "index", limits=LIMITS)) as index:
        index.start()
        index.open_document(Document(path.as_uri(), path, "python", TEXT))
        assert index.wait(60)
        assert index.search(Query("area_of_circle"))
        relexing.get_tokens(TEXT)
        bundle = refer_to_newest_bundle(index)
        assert bundle() is not None
        assert relexing._LEXER.cached_texts
    assert bundle() is None
    assert relexing._LEXER.cached_texts == ()
    assert relexing.get_tokens.cache_info().currsize == 0


def test_the_former_versions_of_a_text_that_is_typed_in_are_freed(
    make_index: Callable[..., Index], tmp_path: Path
) -> None:
    index = make_index(tmp_path, start=False)
    made = []
    for version in range(3):
        open_text(index, tmp_path / "circle.py", f"{TEXT}size = {version}\n")
        made.append(refer_to_newest_bundle(index))
    assert [bundle() is not None for bundle in made] == [False, False, True]


def test_a_text_that_stays_the_same_is_not_bundled_again(make_index: Callable[..., Index], tmp_path: Path) -> None:
    index = make_index(tmp_path, start=False)
    for name in "abc":  # each in a bundle of its own
        open_text(index, tmp_path / f"{name}.py", TEXT)
    before = list_bundles(index)
    open_text(index, tmp_path / "c.py", f"{TEXT}size = 1\n")
    assert [old is new for old, new in zip(before, list_bundles(index), strict=True)].count(False) == 1 < len(before)


def test_threads_that_need_the_index_first_load_it_once(
    make_index: Callable[..., Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a document that was opened in the first would be missing from the second."""
    index = make_index(tmp_path, start=False)
    made: list[snapshots.Sources] = []
    real, both = snapshots.Sources, threading.Barrier(2)

    def make(*args: Any) -> snapshots.Sources:
        time.sleep(0.3)  # long enough for the other thread to come
        made.append(real(*args))
        return made[-1]

    def ask() -> None:
        both.wait()
        index._load_sources()

    monkeypatch.setattr(snapshots, "Sources", make)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [index._load_sources()]


def open_text(index: Index, path: Path, text: str) -> None:
    """Have the index answer from `text`, which is open in an editor."""
    index.open_document(Document(path.as_uri(), path, "python", text))
    index._make_snapshot()  # not `search`: the thread that looks after open documents may be about to


def list_bundles(index: Index) -> list[Segment]:
    """Return the segments of open texts that the index would answer from now."""
    assert index._snapshot is not None
    return [part.segment for part in index._snapshot.view._parts if part.is_open]


def refer_to_newest_bundle(index: Index) -> weakref.ref[Segment]:
    """Return a reference to the segment of the only open text that does not keep it."""
    (segment,) = list_bundles(index)
    return weakref.ref(segment)
