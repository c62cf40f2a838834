"""The gate's workplace beside editors: what goes to which editor, and what to the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, TextChange
from server.gate.disk.disk import DiskWorkplace
from server.pairing.announcements import Announcement
from server.pairing.editors import NotConnectedError, OpenFile
from server.pairing.paired_workplace import SETTLE_S, PairedWorkplace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.edits import Change

EDITOR, OTHER = (Announcement(Path(name), 1, (), "secret") for name in ("one.json", "two.json"))


@dataclass
class ScriptedEditors:
    """Editors with open files; store what they are asked to change.

    Attributes:
        files: editor and text of each open file, or why the text cannot be given.
        applied: the editor, the request and the paths of each call.
        answer: a problem, "" for success, or the exception to raise.
    """

    files: dict[Path, tuple[Announcement, str] | OSError] = field(default_factory=dict)
    applied: list[tuple[Announcement, str, list[str]]] = field(default_factory=list)
    answer: str | Exception = ""

    def find_open_file(self, path: Path) -> OpenFile | None:
        """Return an open file."""
        found = self.files.get(path)
        if isinstance(found, OSError):
            raise found
        return None if found is None else OpenFile(found[0], str(path), found[1])

    def apply(self, editor: Announcement, request: str, paths: Sequence[str]) -> str:
        """Store the call."""
        self.applied.append((editor, request, list(paths)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def editors() -> ScriptedEditors:
    """Return editors without open files."""
    return ScriptedEditors()


@pytest.fixture
def workplace(tmp_path: Path, editors: ScriptedEditors) -> PairedWorkplace:
    """Return the workplace of `tmp_path` beside the editors."""
    return PairedWorkplace(DiskWorkplace(lambda: [tmp_path]), editors)  # type: ignore[arg-type]


def change(path: Path, before: str = "x = 1\n") -> TextChange:
    """Return a change of a file's first character."""
    return TextChange(path.as_uri(), path, before, (Edit(0, 1, "y"),))


async def apply(workplace: PairedWorkplace, *changes: Change) -> str:
    """Apply changes as the approved request "r"."""
    proposal = ProposedEdit("Change it", "It is better.", "tester", changes)
    return await workplace.apply(proposal, confirm=False, request="r")


async def test_the_text_of_an_open_file_is_read_before_the_disk(
    workplace: PairedWorkplace, editors: ScriptedEditors, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("saved")
    assert await workplace.read_text(path.as_uri(), path) == "saved"
    editors.files[path] = EDITOR, ""
    assert await workplace.read_text(path.as_uri(), path) == ""
    assert await workplace.read_text("untitled:a", None) is None
    editors.files[path] = OSError(0, "too long")
    with pytest.raises(OSError, match="too long"):
        await workplace.read_text(path.as_uri(), path)


async def test_open_files_are_changed_by_their_editors_and_all_others_on_the_disk(
    workplace: PairedWorkplace, editors: ScriptedEditors, tmp_path: Path
) -> None:
    names = ("open.py", "closed.py", "other.py", "gone.py")
    opened, closed, other, gone = (tmp_path / name for name in names)
    for path in (opened, closed, other, gone):
        path.write_text("x = 1\n")
    editors.files = {opened: (EDITOR, "x = 1\n"), other: (OTHER, "x = 1\n")}
    assert workplace.settle_s == 0
    new = CreateFile(tmp_path / "new.py", "z = 1\n")
    assert await apply(workplace, change(opened), change(closed), change(other), new, DeleteFile(gone, "x = 1\n")) == ""
    assert editors.applied == [(EDITOR, "r", [str(opened)]), (OTHER, "r", [str(other)])]
    assert [path.read_text() for path in (opened, closed, other)] == ["x = 1\n", "y = 1\n", "x = 1\n"]
    assert new.path.read_text() == "z = 1\n"
    assert not gone.exists()
    assert workplace.settle_s == SETTLE_S


async def test_after_an_editor_was_asked_the_disk_is_not_written_in_its_place(
    workplace: PairedWorkplace, editors: ScriptedEditors, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    editors.files[path] = EDITOR, "x = 1\n"
    editors.answer = "The editor did not say."
    new = CreateFile(tmp_path / "new.py", "z = 1\n")
    assert await apply(workplace, change(path), new) == "The editor did not say."
    assert path.read_text() == "x = 1\n"
    assert not new.path.exists()


async def test_the_disk_is_used_if_the_editor_left_before_it_was_asked(
    workplace: PairedWorkplace, editors: ScriptedEditors, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    editors.files[path] = EDITOR, "x = 1\n"
    editors.answer = NotConnectedError("gone")
    assert await apply(workplace, change(path)) == ""
    assert path.read_text() == "y = 1\n"


async def test_an_unsaved_text_whose_editor_has_left_is_not_written_over_the_file(
    workplace: PairedWorkplace, editors: ScriptedEditors, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("saved = 1\n")
    editors.files[path] = EDITOR, "x = 1\n"
    editors.answer = NotConnectedError("gone")
    assert "it has changed" in await apply(workplace, change(path))
    assert path.read_text() == "saved = 1\n"
