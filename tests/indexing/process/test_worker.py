"""The indexing process while another one writes the index."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from indexing.process import worker
from indexing.storage.index_files import IndexPaths
from indexing.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_index_that_cannot_be_read_while_another_process_writes_has_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Store:
        raise sqlite3.OperationalError("database is locked")

    paths = IndexPaths.of(tmp_path, tmp_path)
    assert worker._read_segment_name(paths) == ""
    monkeypatch.setattr(Store, "open_for_reading", fail)
    assert worker._read_segment_name(paths) == ""
