from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from indexing.limits import IndexLimits
from indexing.workspace.watching import inotify
from indexing.workspace.watching.watch import Watcher
from indexing.workspace.watching.watched import MOST_PATHS, WatchedFolders
from tests.indexing.test_lifetime import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

LIMITS = IndexLimits()


class Told:
    """Changes reported by a watcher, as paths relative to a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.seen: set[str] = set()
        self.problems: queue.Queue[str] = queue.Queue()

    def record(self, paths: Collection[Path]) -> None:
        self.seen |= {path.relative_to(self.root).as_posix() for path in paths}

    def wait_for(self, *names: str) -> None:
        """Wait until changes of all of `names` have been reported; fail after a minute."""
        assert wait_until(lambda: self.seen >= set(names)), self.seen


@contextmanager
def start_watcher(root: Path, limits: IndexLimits = LIMITS) -> Iterator[tuple[Told, Watcher]]:
    """Yield a started watcher of `root` and the changes it reports."""
    told = Told(root)
    watcher = Watcher([root], told.record, told.problems.put, limits)
    watcher.start()
    try:
        told.wait_for(".")  # said once everything is watched
        told.seen.clear()
        yield told, watcher
    finally:
        watcher.close()
        watcher.close()


def test_changed_files_are_reported_and_noise_is_not(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "gone.py").write_text("x = 1\n")
    with start_watcher(tmp_path) as (told, _):
        (tmp_path / "node_modules" / "b.js").write_text("1")
        (tmp_path / "deep" / "er" / "a.py").write_text("x = 1\n")
        (tmp_path / "deep" / "gone.py").unlink()
        (tmp_path / "moved.py").write_text("x = 1\n")
        (tmp_path / "moved.py").rename(tmp_path / "deep" / "moved.py")
        told.wait_for("deep/er/a.py", "deep/gone.py", "deep/moved.py", "moved.py")
        assert not any("node_modules" in name for name in told.seen)


def test_new_renamed_and_deleted_folders_are_followed(tmp_path: Path) -> None:
    with start_watcher(tmp_path) as (told, _):
        (tmp_path / "new" / "inner").mkdir(parents=True)
        (tmp_path / "new" / "inner" / "a.py").write_text("x = 1\n")
        told.wait_for("new/inner/a.py")
        (tmp_path / "new").rename(tmp_path / "renamed")
        told.wait_for("new", "renamed/inner/a.py")
        told.seen.clear()
        (tmp_path / "renamed" / "inner" / "b.py").write_text("x = 1\n")
        told.wait_for("renamed/inner/b.py")
        (tmp_path / "renamed" / "inner" / "a.py").unlink()
        (tmp_path / "renamed" / "inner" / "b.py").unlink()
        (tmp_path / "renamed" / "inner").rmdir()
        told.wait_for("renamed/inner")


def test_a_folder_is_watched_once_the_ignore_files_let_it_in(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("kept/\n")
    (tmp_path / "kept").mkdir()
    with start_watcher(tmp_path) as (told, _):
        (tmp_path / ".gitignore").write_text("")
        told.wait_for(".")
        (tmp_path / "kept" / "a.py").write_text("x = 1\n")
        told.wait_for("kept/a.py")


def test_no_link_is_followed_whatever_it_leads_to(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "everything").symlink_to("/", target_is_directory=True)
    (root / "outside").symlink_to(outside, target_is_directory=True)
    with start_watcher(root) as (told, _):
        (outside / "a.py").write_text("x = 1\n")
        (root / "later").symlink_to(outside, target_is_directory=True)
        (root / "b.py").write_text("x = 1\n")
        told.wait_for("b.py")
        (outside / "c.py").write_text("x = 1\n")
        (root / "d.py").write_text("x = 1\n")
        told.wait_for("d.py")
        assert told.seen <= {"b.py", "d.py", "later"}


def test_only_what_the_walk_enters_is_watched(tmp_path: Path) -> None:
    for package in range(24):  # as pnpm lays packages out
        (tmp_path / f"p{package}").mkdir()
        for number in range(1, 4):
            (tmp_path / f"p{package}" / f"dep{number}").symlink_to(tmp_path / f"p{(package + number) % 24}")
    (tmp_path / "node_modules").mkdir()
    notifier = inotify.Notifier()
    folders = WatchedFolders([tmp_path], LIMITS, notifier)
    begun = time.monotonic()
    folders.rescan()
    assert time.monotonic() - begun < 5
    assert len(folders._numbers) == 25
    notifier.close()


class Refusing:
    """Watches of which the system has no more."""

    def __init__(self, most: int) -> None:
        self.left = most

    def add(self, folder: str) -> int:
        if not self.left:
            raise OSError(28, "No space left on device")
        self.left -= 1
        return abs(hash(folder))

    def remove(self, number: int) -> None:
        del number
        self.left += 1


def test_what_no_watch_is_left_for_is_counted(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"folder{number}").mkdir()
    folders = WatchedFolders([tmp_path], LIMITS, Refusing(4))
    folders.rescan()
    assert (len(folders._numbers), folders.unwatched) == (4, 7)
    folders.rescan()
    assert (len(folders._numbers), folders.unwatched) == (4, 7)


def test_folders_beyond_the_watches_are_looked_at_and_that_is_said_once(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"folder{number}").mkdir()
    with start_watcher(tmp_path, replace(LIMITS, watches=2, look_s=0.3)) as (told, _):
        assert "4 folders of the workspace are more than can be watched" in told.problems.get(timeout=60)
        for _ in range(2):
            told.seen.clear()
            told.wait_for(".")
        assert told.problems.empty()


def test_more_changes_than_can_be_told_are_told_as_one(tmp_path: Path) -> None:
    folders = WatchedFolders([tmp_path], LIMITS, Refusing(100))
    folders.rescan()
    number = folders._numbers[str(tmp_path.resolve())]
    many = [inotify.Event(number, inotify.CLOSE_WRITE, f"{each}.py") for each in range(MOST_PATHS + 1)]
    assert folders.apply(many[:2]) == {f"{tmp_path.resolve()}/{each}.py" for each in range(2)}
    assert folders.apply(many) == {str(tmp_path.resolve())}
    assert folders.apply([inotify.Event(-1, inotify.OVERFLOW, "")]) == {str(tmp_path.resolve())}


def test_a_root_that_went_and_came_back_is_watched_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with start_watcher(root) as (told, _):
        root.rmdir()
        root.mkdir()
        told.wait_for(".")
        (root / "a.py").write_text("x = 1\n")
        told.wait_for("a.py")


def test_the_process_gives_way_to_everything_else_and_ends_with_close(tmp_path: Path) -> None:
    with start_watcher(tmp_path) as (_, watcher):
        assert watcher.pid is not None
        process = psutil.Process(watcher.pid)
        assert process.nice() == 19
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running()


def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with start_watcher(tmp_path) as (told, watcher):
        assert watcher.pid is not None
        os.kill(watcher.pid, signal.SIGKILL)
        told.wait_for(".")
        (tmp_path / "a.py").write_text("x = 1\n")
        told.wait_for("a.py")


def test_a_process_that_always_dies_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexing.process import spawning  # noqa: PLC0415
    from indexing.workspace.watching import watch  # noqa: PLC0415

    monkeypatch.setattr(spawning, "make_command", lambda _: [sys.executable, "-I", "-c", "raise SystemExit(3)"])
    monkeypatch.setattr(watch, "_AGAIN_AFTER_S", 0.01)
    told: queue.Queue[str] = queue.Queue()
    watcher = Watcher([tmp_path], lambda _: None, told.put)
    watcher.start()
    assert "ended 5 times, exit status 3" in told.get(timeout=60)
    watcher.close()
    assert told.empty()


def test_watchers_of_the_same_folders_share_a_process_until_the_last_one_is_closed(tmp_path: Path) -> None:
    with start_watcher(tmp_path) as (first_told, first):
        others = [Told(tmp_path) for _ in range(5)]
        watchers = [Watcher([tmp_path], told.record, told.problems.put, LIMITS) for told in others]
        for watcher in watchers:
            watcher.start()
        apart = Watcher([tmp_path], lambda _: None, limits=replace(LIMITS, look_s=LIMITS.look_s + 1))
        apart.start()
        assert wait_until(lambda: apart.pid is not None)
        assert {watcher.pid for watcher in watchers} == {first.pid}
        assert apart.pid != first.pid
        apart.close()
        (tmp_path / "a.py").write_text("x = 1\n")
        for told in (first_told, *others):
            told.wait_for("a.py")
        process = psutil.Process(first.pid)
        for watcher in watchers:
            watcher.close()
        (tmp_path / "b.py").write_text("x = 1\n")
        first_told.wait_for("b.py")
        assert all("b.py" not in told.seen for told in others)
        assert process.is_running()
    assert wait_until(lambda: not psutil.pid_exists(process.pid))


def test_nothing_to_watch_is_no_error(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path / "gone"], lambda _: None)
    watcher.start()
    watcher.close()


def test_a_system_without_inotify_has_everything_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexing.workspace.watching import watcher  # noqa: PLC0415

    told: deque[dict[str, object]] = deque()

    def refuse() -> object:
        raise OSError(38, "Function not implemented")

    def tell(**event: object) -> None:
        told.append(event)
        if len(told) == 3:
            raise StopIteration

    monkeypatch.setattr(watcher, "Notifier", refuse)
    monkeypatch.setattr(watcher, "_emit", tell)
    look: Callable[[list[Path], IndexLimits], None] = watcher._watch
    with pytest.raises(StopIteration):
        look([tmp_path], replace(LIMITS, look_s=0.01))
    assert "The system cannot watch folders" in str(told[0]["problem"])
    assert told[1] == told[2] == {"changed": [str(tmp_path)]}
