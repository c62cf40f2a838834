"""Files that an approved edit changed in the editor are saved, unless a person had unsaved text there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, Edit, ProposedEdit, TextChange
from server.lsp.editor.editor_saving import SavedChanges
from server.lsp.editor.overwritten_files import OpenFile, OverwrittenFiles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.ports.permissions import Cancelled

BEFORE = "x = 1\n"


@dataclass(frozen=True)
class Outcome:
    """An outcome of the gate."""

    checkpoint: str
    proposal: str = "1"
    reason: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def applied(self) -> bool:
        """Whether it was applied."""
        return bool(self.checkpoint)


@dataclass
class Editor:
    """An editor with one open file, over a gate that answers `approves` to everything."""

    path: Path
    text: str = BEFORE
    approves: bool = True
    saved: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.write_text(BEFORE, encoding="utf-8")
        self.changes = SavedChanges(self, OverwrittenFiles(lambda: [OpenFile(self.path, self.text, 0.0)]), self.save)

    async def save(self, paths: Sequence[Path]) -> None:
        """Note that files were to be saved."""
        self.saved += paths

    async def propose(
        self, proposal: ProposedEdit, *, task: str = "", rule: str = "", cancelled: Cancelled | None = None
    ) -> Outcome:
        """Change the text in the editor, if the gate approves."""
        del proposal, task, rule, cancelled
        self.text = "y = 1\n" if self.approves else self.text
        return Outcome("checkpoint" if self.approves else "")

    async def undo(self, checkpoint: str = "", *, cancelled: Cancelled | None = None) -> Outcome:
        """Change the text back."""
        del cancelled
        self.text = BEFORE
        return Outcome(checkpoint)

    async def edit(self) -> None:
        """Have the file edited, and another one created."""
        change = TextChange(self.path.as_uri(), self.path, self.text, (Edit(0, 1, "y"),))
        new = CreateFile(self.path.with_name("b.py"), "b = 1\n")
        await self.changes.propose(ProposedEdit("Edit", "why", "coder", (change, new)))


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    """Return an editor with one open file that is saved."""
    return Editor(tmp_path / "area.py")


async def test_an_approved_edit_is_saved_and_so_is_its_undo(editor: Editor) -> None:
    await editor.edit()
    assert editor.saved == [editor.path]
    editor.path.write_text(editor.text, encoding="utf-8")
    await editor.changes.undo("checkpoint")
    assert editor.saved == [editor.path, editor.path]


async def test_a_rejected_edit_saves_nothing(editor: Editor) -> None:
    editor.approves = False
    await editor.edit()
    assert editor.saved == []


async def test_a_file_with_a_persons_own_unsaved_text_is_left_to_them(editor: Editor) -> None:
    editor.text = "x = 2\n"
    await editor.edit()
    await editor.changes.undo("checkpoint")
    assert editor.saved == []


async def test_the_undo_of_an_unknown_change_saves_nothing(editor: Editor) -> None:
    await editor.changes.undo("other")
    assert editor.saved == []
