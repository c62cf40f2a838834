from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import watchfiles

from indexing.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pytest


def test_changed_files_are_reported_and_noise_is_not(tmp_path: Path) -> None:
    told: queue.Queue[Collection[Path]] = queue.Queue()
    (tmp_path / "node_modules").mkdir()
    watcher = Watcher([tmp_path], told.put)
    watcher.start()
    try:
        seen: set[Path] = set()
        number = 0
        while not seen:  # watching begins a moment after `start`
            number += 1
            (tmp_path / "a.py").write_text(f"x = {number}\n")
            (tmp_path / "node_modules" / "b.js").write_text(f"{number}")
            try:
                seen |= set(told.get(timeout=1))
            except queue.Empty:
                continue
        assert seen == {tmp_path / "a.py"}
    finally:
        watcher.close()
        watcher.close()


def test_a_system_that_cannot_watch_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", refuse)
    told: queue.Queue[str] = queue.Queue()
    watcher = Watcher([tmp_path], lambda _: None, told.put)
    watcher.start()
    assert "watch limit reached" in told.get(timeout=10)
    watcher.close()
    assert told.empty()


def test_nothing_to_watch_is_no_error(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path / "gone"], lambda _: None)
    watcher.start()
    watcher.close()
