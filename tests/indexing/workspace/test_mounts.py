"""Pseudo file systems: known by the mounts the system lists, and never walked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.limits import IndexLimits
from indexing.workspace import mounts
from indexing.workspace.exclusion import Exclusion
from indexing.workspace.walk import WalkCounts, walk

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LISTING = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684084k
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 23 0:28 / /srv/a\\040chroot/sys rw,relatime shared:7 - sysfs sysfs rw
not a mount
"""


def test_pseudo_file_systems_are_found_in_the_list_of_mounts() -> None:
    assert mounts.parse_mountinfo(LISTING) == {"/proc", "/srv/a chroot/sys"}


def test_the_usual_places_count_where_no_mounts_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    monkeypatch.setattr(mounts.os, "name", "posix")
    assert mounts.list_pseudo_mounts() == mounts.USUAL


def test_a_pseudo_file_system_is_not_entered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("proc/1/task/a.py", "src/proc/a.py", "a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "list_pseudo_mounts", lambda: frozenset({str(tmp_path.resolve() / "proc")}))
    limits, seen = IndexLimits(), WalkCounts()
    found = [each.relative for each in walk(Exclusion(tmp_path, limits), limits, seen)]
    assert (found, seen.skipped["pseudo file system"]) == (["a.py", "src/proc/a.py"], 1)
