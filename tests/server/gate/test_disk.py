"""Changes straight on the disk: whole or not at all, nothing overwritten, no link followed, also in the last moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agents.records import CreateFile, DeleteFile, Edit, RenameFile, TextChange
from server.gate.disk import DiskWorkplace, Folder
from tests.server.gate.bench import proposal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.records import Change


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inside = tmp_path / "workspace"
    (inside / "src").mkdir(parents=True)
    (inside / "src" / "a.py").write_bytes(b"x = 1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.py").write_bytes(b"x = 1\n")
    return inside


def change(path: Path) -> TextChange:
    return TextChange(path.as_uri(), path, "x = 1\n", (Edit(4, 5, "2"),))


def tree(base: Path) -> dict[str, bytes]:
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


EVERY: dict[str, Callable[[Path], Change]] = {
    "text": lambda root: change(root / "src" / "a.py"),
    "create": lambda root: CreateFile(root / "src" / "new.py", "n\n"),
    "delete": lambda root: DeleteFile(root / "src" / "a.py", "x = 1\n"),
    "rename": lambda root: RenameFile(root / "src" / "a.py", root / "src" / "b.py"),
}


@pytest.mark.parametrize("kind", EVERY)
def test_a_folder_that_became_a_link_leads_nowhere(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody swaps a folder for a link after every check was passed."""
    before = tree(root.parent / "outside")
    disk, opened = DiskWorkplace(lambda: [root]), Folder.inner

    def swapping(self: Folder, name: str) -> Folder:
        (root / "src").rename(root / "away")
        (root / "src").symlink_to(root.parent / "outside")
        monkeypatch.setattr(Folder, "inner", opened)
        return opened(self, name)

    monkeypatch.setattr(Folder, "inner", swapping)
    with pytest.raises(OSError, match=r"symbolic link|directory|link now"):
        disk.make(EVERY[kind](root))
    assert tree(root.parent / "outside") == before


@pytest.mark.parametrize("kind", EVERY)
async def test_what_fails_leaves_everything_as_it_was(root: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "unlink", _refusing(os.unlink, "a.py"))
    before = tree(root)
    disk = DiskWorkplace(lambda: [root])
    edit = EVERY[kind](root)
    said = await disk.apply(proposal(edit), confirm=False)
    assert ("could not be written" in said, tree(root)) == (True, before)


def _refusing(real: Callable[..., None], refused: str) -> Callable[..., None]:
    def call(name: str, *arguments: object, **named: object) -> None:
        if name == refused:
            raise PermissionError(1, "Operation not permitted")
        real(name, *arguments, **named)

    return call


@pytest.mark.parametrize("kind", ["text", "create", "rename"])
def test_nothing_is_overwritten(root: Path, kind: str) -> None:
    for name in ("new.py", "b.py"):
        (root / "src" / name).write_bytes(b"mine\n")
    if kind == "text":
        (root / "src" / "a.py").write_bytes(b"mine\n")
    before = tree(root)
    with pytest.raises(OSError, match=r"exists|changed"):
        DiskWorkplace(lambda: [root]).make(EVERY[kind](root))
    assert tree(root) == before


def test_a_disk_without_second_names_moves_files_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _refusing(os.link, "a.py"))
    DiskWorkplace(lambda: [root]).make(EVERY["rename"](root))
    assert tree(root) == {"src/b.py": b"x = 1\n"}


def test_a_file_with_a_second_name_outside_is_changed_inside_only(root: Path) -> None:
    second = root.parent / "outside" / "second.py"
    os.link(root / "src" / "a.py", second)
    DiskWorkplace(lambda: [root]).make(EVERY["text"](root))
    assert (second.read_bytes(), (root / "src" / "a.py").read_bytes()) == (b"x = 1\n", b"x = 2\n")


def test_no_trace_of_a_write_is_left_beside_the_file(root: Path) -> None:
    DiskWorkplace(lambda: [root]).make(EVERY["text"](root))
    assert tree(root) == {"src/a.py": b"x = 2\n"}


def test_nothing_outside_the_folders_is_touched(root: Path) -> None:
    for make in EVERY.values():
        with pytest.raises(OSError, match="no workspace folder"):
            DiskWorkplace(lambda: [root / "src" / "deeper"]).make(make(root))
