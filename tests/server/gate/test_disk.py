"""Changes straight on the disk: whole or not at all, nothing overwritten, no link followed, also in the last moment."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, RenameFile, TextChange
from server.gate.disk import attributes, hardlinks
from server.gate.disk.disk import DiskWorkplace, Folder, remove_leftovers
from tests.server.gate.bench import make_proposal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.edits import Attributes, Change


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
    disk, opened = DiskWorkplace(lambda: [root]), Folder.open_inner

    def swapping(self: Folder, name: str) -> Folder:
        (root / "src").rename(root / "away")
        (root / "src").symlink_to(root.parent / "outside")
        monkeypatch.setattr(Folder, "open_inner", opened)
        return opened(self, name)

    monkeypatch.setattr(Folder, "open_inner", swapping)
    with pytest.raises(OSError, match=r"symbolic link|directory|link now"):
        disk.write_change(EVERY[kind](root))
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
    said = await disk.apply(make_proposal(edit), confirm=False)
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
        DiskWorkplace(lambda: [root]).write_change(EVERY[kind](root))
    assert tree(root) == before


def test_a_disk_without_second_names_moves_files_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _refusing(os.link, "a.py"))
    DiskWorkplace(lambda: [root]).write_change(EVERY["rename"](root))
    assert tree(root) == {"src/b.py": b"x = 1\n"}


def test_a_file_with_a_second_name_outside_is_left_alone(root: Path) -> None:
    second = root.parent / "outside" / "second.py"
    os.link(root / "src" / "a.py", second)
    with pytest.raises(OSError, match="another name outside"):
        DiskWorkplace(lambda: [root]).write_change(EVERY["text"](root))
    assert (second.read_bytes(), (root / "src" / "a.py").read_bytes()) == (b"x = 1\n", b"x = 1\n")


def test_a_file_with_a_second_name_inside_changes_under_both(root: Path) -> None:
    (root / "other").mkdir()
    second = root / "other" / "second.py"
    os.link(root / "src" / "a.py", second)
    DiskWorkplace(lambda: [root]).write_change(EVERY["text"](root))
    assert (second.read_bytes(), second.samefile(root / "src" / "a.py")) == (b"x = 2\n", True)


async def test_both_names_of_a_file_may_be_changed_at_once(root: Path) -> None:
    os.link(root / "src" / "a.py", root / "src" / "second.py")
    both = make_proposal(change(root / "src" / "a.py"), change(root / "src" / "second.py"))
    assert await DiskWorkplace(lambda: [root]).apply(both, confirm=False) == ""
    assert tree(root) == {"src/a.py": b"x = 2\n", "src/second.py": b"x = 2\n"}


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_write_in_place_that_fails_leaves_the_old_text(
    root: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "src" / "a.py"
    os.link(path, root / "src" / "second.py")
    real = getattr(os, failing)
    state = {"left": 1}

    def once(descriptor: int, *data: bytes) -> int:
        if state["left"]:
            state["left"] -= 1
            real(descriptor, *(one[:1] for one in data))
            raise OSError(28, "No space left on device")
        result: int = real(descriptor, *data)
        return result

    monkeypatch.setattr(os, failing, once)
    longer = TextChange(path.as_uri(), path, "x = 1\n", (Edit(4, 5, "2" * 100),))
    with pytest.raises(OSError, match="No space"):
        DiskWorkplace(lambda: [root]).write_change(longer)
    assert path.read_bytes() == b"x = 1\n"


def test_a_mode_and_extended_attributes_stay(root: Path) -> None:
    path = root / "src" / "a.py"
    path.chmod(0o2640)
    kept = _set_attribute(path)
    inode = path.stat().st_ino
    DiskWorkplace(lambda: [root]).write_change(EVERY["text"](root))
    assert (path.stat().st_mode & 0o7777, path.read_bytes()) == (0o2640, b"x = 2\n")
    assert path.stat().st_ino != inode  # it was replaced as a whole
    if kept:
        assert os.getxattr(path, "user.starling.test") == b"kept"


def _set_attribute(path: Path) -> bool:
    """Set an extended attribute on a file; return whether the disk supports that."""
    try:
        os.setxattr(path, "user.starling.test", b"kept")
    except (AttributeError, OSError):
        return False
    return True


@pytest.mark.parametrize("refused", ["fchown", "setxattr"])
def test_what_a_new_file_could_not_have_is_written_in_place(
    root: Path, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a user who may write a file of somebody else's, and may not give files away."""
    path = root / "src" / "a.py"
    inode, found = path.stat().st_ino, attributes.read_attributes

    def foreign(descriptor: int) -> Attributes:
        held = found(descriptor)
        if refused == "setxattr":
            return replace(held, extended=(*held.extended, ("security.starling", b"x")))
        return replace(held, owner=held.owner + 1)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(attributes, "read_attributes", foreign)
    monkeypatch.setattr(os, refused, refuse, raising=False)
    DiskWorkplace(lambda: [root]).write_change(EVERY["text"](root))
    assert (path.read_bytes(), path.stat().st_ino) == (b"x = 2\n", inode)
    assert tree(root) == {"src/a.py": b"x = 2\n"}


def test_setuid_goes_where_the_owner_cannot_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    path = root / "src" / "a.py"
    made = os.open(path, os.O_RDWR)
    try:
        held = attributes.read_attributes(made)
        assert not attributes.set_attributes(made, replace(held, owner=held.owner + 1, mode=0o6755))
    finally:
        os.close(made)
    assert path.stat().st_mode & 0o7777 == 0o755


def test_no_trace_of_a_write_is_left_beside_the_file(root: Path) -> None:
    DiskWorkplace(lambda: [root]).write_change(EVERY["text"](root))
    assert tree(root) == {"src/a.py": b"x = 2\n"}


def test_nothing_outside_the_folders_is_touched(root: Path) -> None:
    for make in EVERY.values():
        with pytest.raises(OSError, match="no workspace folder"):
            DiskWorkplace(lambda: [root / "src" / "deeper"]).write_change(make(root))


def test_a_name_outside_is_found_though_the_workspace_is_reached_by_a_link(tmp_path: Path) -> None:
    real, outside, link = tmp_path / "real", tmp_path / "outside", tmp_path / "link"
    for folder in (real, outside):
        folder.mkdir()
    try:
        link.symlink_to(real, target_is_directory=True)
        (outside / "a.py").write_text("x = 1\n")
        (real / "a.py").hardlink_to(outside / "a.py")
    except OSError:
        pytest.skip("this system makes no links here")
    assert hardlinks.has_names_outside(link / "a.py", [link])
    assert hardlinks.has_names_outside(link / "a.py", [real])
    assert not hardlinks.has_names_outside(link / "a.py", [link, outside])


def test_what_a_killed_process_left_beside_a_file_is_removed_and_nothing_else(root: Path) -> None:
    path = root / "src" / "a.py"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [f".a.py.{ended.pid}-0123abcd.starling"]
    kept = [
        f".a.py.{os.getpid()}-0123abcd.starling",  # of a process that is at work
        f".b.py.{ended.pid}-0123abcd.starling",
        f".a.py.{ended.pid}-0123abcd.starling.txt",
        "a.py",
    ]
    for name in (*left, *kept):
        (path.parent / name).write_bytes(b"x = 1\n")
    remove_leftovers(path)
    assert sorted(one.name for one in path.parent.iterdir()) == sorted(kept)
