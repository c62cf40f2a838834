"""Open files that others change on disk: not edited until the editor shows the same text."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, TextChange
from agents.ports.commands import CommandRequest, CommandResult, Isolation
from server.lsp.editor.overwritten_files import CheckedChanges, OpenFile, OverwrittenFiles, WatchedCommands
from tests.agents.team.bench import FakeGate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.ports.permissions import Cancelled

BEFORE = "x = 1\n"


@dataclass
class Runner:
    """Runs `act` in place of a command."""

    act: Callable[[], object]

    def find_isolation(self, request: CommandRequest) -> Isolation:
        """Return that nothing is confined."""
        del request
        return Isolation()

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Call `act`, and return a success."""
        del request, cancelled
        self.act()
        return CommandResult(0, "")


@dataclass
class Editor:
    """An editor with one open file, over a gate that applies to the disk."""

    path: Path
    text: str = BEFORE
    gate: FakeGate = field(default_factory=FakeGate)

    def __post_init__(self) -> None:
        self.path.write_text(BEFORE, encoding="utf-8")
        self.synced_at = time.time() + 0.1  # later than the clock of the disk, which may be coarse
        self.files = OverwrittenFiles(lambda: [OpenFile(self.path, self.text, self.synced_at)])

    def write_as_other_program(self, text: str) -> None:
        """Write the file after the editor has read it."""
        self.synced_at = time.time() - 1
        self.path.write_text(text, encoding="utf-8")

    async def run(self, act: Callable[[], object]) -> str:
        """Run a command that does `act`; return the problem that its result names."""
        result = await WatchedCommands(Runner(act), self.files).run(CommandRequest("make", self.path.parent))
        return result.problem

    async def edit(self) -> str:
        """Propose an edit of the editor's text; return why it was refused, "" if it was proposed."""
        change = TextChange(self.path.as_uri(), self.path, self.text, (Edit(0, 1, "y"),))
        return await self.propose(ProposedEdit("Edit", "why", "coder", (change,)))

    async def propose(self, proposal: ProposedEdit) -> str:
        """Propose an edit; return why it was refused, "" if it was proposed."""
        self.gate.answer = False
        outcome = await CheckedChanges(self.gate, self.files).propose(proposal)
        return outcome.reason


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    """Return an editor with one open file that is saved."""
    return Editor(tmp_path / "area.py")


async def test_an_edit_of_an_overwritten_file_is_refused_until_the_editor_has_reloaded_it(editor: Editor) -> None:
    await editor.run(lambda: editor.path.write_text("generated = 1\n", encoding="utf-8"))
    assert (await editor.edit()).startswith("area.py was changed on the disk by a command")
    delete = ProposedEdit("Delete", "why", "coder", (DeleteFile(editor.path, BEFORE),))
    assert "area.py was changed" in await editor.propose(delete)
    assert editor.gate.proposals == []
    editor.text = "generated = 1\r\n"  # the editor's own line ends
    assert not await editor.edit()
    assert len(editor.gate.proposals) == 1
    editor.text = "typed = 1\n"  # a person types on
    assert not await editor.edit()


async def test_unsaved_text_of_a_file_that_no_command_changed_is_edited(editor: Editor) -> None:
    editor.text = "unsaved = 1\n"
    assert "older text of area.py" in await editor.run(lambda: None)
    assert not await editor.edit()


async def test_a_file_that_is_saved_while_a_command_runs_is_edited(editor: Editor) -> None:
    def save() -> None:
        editor.text = "saved = 12345\n"
        editor.path.write_text(editor.text, encoding="utf-8")

    await editor.run(save)
    assert not await editor.edit()


async def test_a_command_that_saw_the_editors_text_has_no_problem(editor: Editor) -> None:
    assert not await editor.run(lambda: None)


async def test_a_file_that_a_command_deleted_is_not_edited(editor: Editor) -> None:
    await editor.run(editor.path.unlink)
    assert "area.py was changed" in await editor.edit()


async def test_other_files_are_changed(editor: Editor) -> None:
    await editor.run(lambda: editor.path.write_text("generated = 1\n", encoding="utf-8"))
    create = ProposedEdit("Create", "why", "coder", (CreateFile(editor.path.with_name("b.py"), "x = 1\n"),))
    assert not await editor.propose(create)
    assert len(editor.gate.proposals) == 1


async def test_a_file_that_another_program_changed_is_not_edited_until_the_editor_shows_its_text(
    editor: Editor,
) -> None:
    editor.write_as_other_program("pulled = 1\n")
    assert "area.py was changed on the disk by a command or another program" in await editor.edit()
    editor.text = "pulled = 1\n"  # reloaded
    assert not await editor.edit()


async def test_unsaved_text_over_a_file_that_the_editor_wrote_itself_is_edited(editor: Editor) -> None:
    editor.write_as_other_program("saved = 1\n")
    editor.synced_at = time.time() + 0.1
    editor.text = "saved = 1\ntyped = 2\n"
    assert not await editor.edit()


async def test_a_new_document_without_a_file_is_edited(editor: Editor) -> None:
    editor.synced_at = 0.0
    editor.path.unlink()
    assert not await editor.edit()
