"""Announcements of language servers: who finds which, and what is not believed."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from server.assembly.hosts import list_socket_folders
from server.pairing import announcements
from server.pairing.announcements import Announcement, announce, choose_file, find_announcements, withdraw

WORKSPACE, OTHER = Path("/work/shop").absolute(), Path("/work/other").absolute()
GONE = 2**22 + 12345
"""A process id that no system gives."""


def make_announcement(name: str, *folders: Path, process: int = 0) -> Announcement:
    """Announce a language server for `folders`, and return what it announced."""
    file = choose_file(name)
    assert file is not None
    made = Announcement(file, process or os.getpid(), folders, f"secret of {name}", 7)
    announce(made)
    return made


def test_a_server_is_found_by_its_folders_the_newest_first() -> None:
    first = make_announcement("1", WORKSPACE)
    both = make_announcement("2", OTHER, WORKSPACE)
    os.utime(first.file, ns=(1, 1))
    assert find_announcements([WORKSPACE]) == [both, first]
    assert find_announcements([WORKSPACE, OTHER]) == [both]
    assert find_announcements([WORKSPACE / "sub"]) == []
    assert find_announcements([]) == []


def test_a_withdrawn_server_and_one_whose_process_has_ended_are_not_found() -> None:
    withdraw(make_announcement("1", WORKSPACE))
    ended = make_announcement("2", WORKSPACE, process=GONE)
    ended.socket.touch()
    assert find_announcements([WORKSPACE]) == []
    assert not ended.file.exists()
    assert not ended.socket.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"version": 2}',
        b'{"version": 1}',
        b'{"version": 1, "process": "x", "folders": 5}',
        b"9" * 10,
    ],
)
def test_a_malformed_file_is_ignored(content: bytes) -> None:
    good = make_announcement("1", WORKSPACE)
    good.file.with_name(f"{announcements.PREFIX}bad.json").write_bytes(content)
    assert find_announcements([WORKSPACE]) == [good]


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_only_the_user_can_read_the_secret() -> None:
    made = make_announcement("1", WORKSPACE)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.file.parent.stat().st_mode) == 0o700
    assert "secret of" not in repr(made)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_nothing_is_believed_in_a_folder_that_others_can_change() -> None:
    made = make_announcement("1", WORKSPACE)
    made.file.parent.chmod(0o777)
    assert find_announcements([WORKSPACE]) == []
    made.file.parent.chmod(0o700)
    assert find_announcements([WORKSPACE]) == [made]


@pytest.mark.skipif(sys.platform == "win32", reason="links need no rights elsewhere")
def test_a_folder_that_is_a_link_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(real)
    monkeypatch.setattr(announcements, "list_socket_folders", lambda: [(tmp_path / "link", 1)])
    assert choose_file("1") is None
    content = {"version": 1, "process": os.getpid(), "folders": [str(WORKSPACE)], "secret": "s", "port": 0}
    (real / f"{announcements.PREFIX}1.json").write_text(json.dumps(content))
    assert find_announcements([WORKSPACE]) == []


def test_the_first_folder_with_a_short_path_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    monkeypatch.setattr(announcements, "list_socket_folders", lambda: [(long, 1), *list_socket_folders()])
    chosen = choose_file("1")
    assert chosen is not None
    assert chosen.parent == list_socket_folders()[0][0]
