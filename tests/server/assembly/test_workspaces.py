"""Folders that a client names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.assembly.workspaces import resolve_folders

if TYPE_CHECKING:
    from pathlib import Path


def test_links_are_resolved_and_the_same_folder_counts_once(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "folder"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert resolve_folders([str(link), str(folder)]) == (folder,)


@pytest.mark.parametrize("name", ["", ".", "folder", "a\0b"])
def test_a_relative_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        resolve_folders([name])


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is not a folder"):
        resolve_folders([str(tmp_path / "file")])
