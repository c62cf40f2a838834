"""Records of turns on the disk: private, bounded in number and size, never a reason for an error."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from server.state import paths, turn_files
from server.state.turn_files import open_turn_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder() -> Path:
    """Return the folder of the records in this test's own home."""
    return paths.state_dir() / turn_files.FOLDER


def test_a_record_is_a_private_file_of_lines(folder: Path) -> None:
    with open_turn_file("abc") as write:
        write('{"a": 1}\n')
        write('{"b": 2}\n')
    (path,) = folder.iterdir()
    assert path.read_text() == '{"a": 1}\n{"b": 2}\n'
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_the_newest_records_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_files, "MOST_FILES", 3)
    for number in range(5):
        with open_turn_file(str(number)) as write:
            write("\n")
    assert [path.stem.split("-")[1] for path in sorted(folder.iterdir())] == ["2", "3", "4"]


def test_a_record_is_bounded_and_a_folder_that_cannot_be_made_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_files, "MOST_BYTES", 5)
    with open_turn_file("abc") as write:
        write("1234\n")
        write("5\n")
    (path,) = folder.iterdir()
    assert path.read_text() == "1234\n"
    path.unlink()
    folder.rmdir()
    folder.write_text("a file in its place")
    with open_turn_file("abc") as write:
        write("x\n")
