"""Files of others are read within bounds, files of ours are made for their user alone, whatever the umask."""

from __future__ import annotations

import os
import socket
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import starling_files
from indexing.workspace.files import parse_toml, read_regular, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def read_mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        for name in ("pipe", "link", "socket", ".", "absent"):
            with pytest.raises(OSError):  # noqa: PT011 (which kind differs)
                read_regular(tmp_path / name, 1000)


def test_a_file_that_is_made_up_as_it_is_read_is_empty() -> None:
    for name in ("/proc/self/maps", "/proc/kmsg", "/sys/kernel/debug/tracing/trace_pipe"):
        if os.access(name, os.R_OK):
            assert read_regular(Path(name), 1000)[0] == b""


def test_no_more_is_read_than_was_asked_for(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert read_regular(tmp_path / "sparse", 1000)[0] == bytes(1000)
    with pytest.raises(OSError, match="larger than"):
        starling_files.read_text(tmp_path / "sparse", 1000)


@pytest.mark.parametrize("text", ["a." * 60_000 + "b = 1", "[" + "'a' . " * 60_000 + "b]", "x = " + "[" * 100_000])
def test_settings_that_would_take_for_ever_are_no_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    began = time.process_time()
    with pytest.raises(ValueError, match=r"too (many parts|deeply)"):
        read_toml(tmp_path / "x.toml", 1_000_000)
    assert time.process_time() - began < 5


def test_usual_settings_are_read() -> None:
    text = "[tool.ruff.lint.per-file-ignores]\n'a.b.c.d/*.py' = ['E501']\nversion = '1.2.3.4.5.6'\n"
    assert parse_toml(text)["tool"]["ruff"]["lint"]["per-file-ignores"]["version"] == "1.2.3.4.5.6"


@pytest.mark.usefixtures("umask")
def test_folders_and_files_of_ours_are_for_their_user_alone(tmp_path: Path) -> None:
    folder = starling_files.make_folder(tmp_path / "a" / "b" / "c")
    starling_files.make_file(folder / "made")
    starling_files.write_file(folder / "written", b"x")
    with starling_files.open_private(folder / "opened", "ab") as file:
        file.write(b"x")
    (folder / "inner").mkdir()
    (folder / "inner" / "file").write_text("x")
    starling_files.make_tree_private(folder)
    for path in (tmp_path / "a").rglob("*"):
        assert read_mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert read_mode(tmp_path / "a") == 0o700


@pytest.mark.usefixtures("umask")
def test_what_an_older_starling_left_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "file").touch()
    (folder / "file").chmod(0o644)
    starling_files.make_folder(folder)
    starling_files.make_file(folder / "file")
    assert (read_mode(folder), read_mode(folder / "file")) == (0o700, 0o600)


def test_folders_above_ours_stay_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    starling_files.make_folder(tmp_path / "ours")
    assert read_mode(tmp_path) == 0o755


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 4711)
    if tmp_path.stat().st_uid == 0:  # root's own folders are trusted
        os.chown(tmp_path, 4712, -1)
    with pytest.raises(PermissionError, match="another user"):
        starling_files.make_folder(tmp_path)


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(OSError, match="file"):
            starling_files.make_folder(path)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        starling_files.write_file(tmp_path / "file", b"new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
