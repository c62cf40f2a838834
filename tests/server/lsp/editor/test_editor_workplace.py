"""The editor as a workplace: texts read from it, edits sent to it, and its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import CreateFile, Edit, ProposedEdit, TextChange
from server.lsp.editor import editor_workplace as editors
from server.lsp.editor.editor_workplace import EditorWorkplace
from server.lsp.session import open_documents
from tests.server.editor import SILENCE, Editor

if TYPE_CHECKING:
    from pathlib import Path

    from agents.edits import Change

EDITING = {"workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}}}


@pytest.fixture
async def workplace(editor: Editor, tmp_path: Path) -> EditorWorkplace:
    """Return the workplace of an editor that can apply edits."""
    await editor.begin(EDITING, clientInfo={"name": "Ed"}, workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "w"}])
    session = editor.server.session
    return EditorWorkplace(editor.server, lambda: session.client, session.documents, lambda: session.roots)


def make_proposal(*changes: Change) -> ProposedEdit:
    return ProposedEdit("Change it", "It is better.", "tester", changes)


def make_change(path: Path, before: str) -> TextChange:
    return TextChange(path.as_uri(), path, before, (Edit(0, 1, "y"),))


def list_sent_edits(editor: Editor) -> list[dict[str, Any]]:
    return [message["params"]["edit"] for message in editor.sent if message.get("method") == "workspace/applyEdit"]


async def test_an_open_document_is_read_before_its_file(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a b.py"
    path.write_text("saved", encoding="utf-8")
    assert await workplace.read_text(path.as_uri(), path) == "saved"
    editor.open("unsaved", uri=path.as_uri().replace("%20", " "))
    assert await workplace.read_text(path.as_uri(), path) == "unsaved"


async def test_a_document_open_under_a_link_is_the_same_file(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "real" / "a.py"
    path.write_text("saved", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    editor.open("unsaved", uri=(tmp_path / "link" / "a.py").as_uri())
    assert await workplace.read_text(path.as_uri(), path) == "unsaved"


async def test_a_file_neither_open_nor_on_the_disk_has_no_text(workplace: EditorWorkplace, tmp_path: Path) -> None:
    assert await workplace.read_text("untitled:a", None) is None
    assert await workplace.read_text((tmp_path / "a.py").as_uri(), tmp_path / "a.py") is None


async def test_an_oversized_document_is_not_read_as_an_empty_text(
    editor: Editor, workplace: EditorWorkplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_documents, "MAX_CHARACTERS", 3)
    editor.open("long", uri="untitled:a")
    with pytest.raises(OSError, match="too large"):
        await workplace.read_text("untitled:a", None)


async def test_an_edit_names_the_version_it_was_made_for(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 1\n", uri=path.as_uri(), version=7)
    editor.answers["workspace/applyEdit"] = {"applied": True}
    assert not await workplace.apply(make_proposal(make_change(path, "x = 1\n")), confirm=False)
    [edit] = list_sent_edits(editor)
    assert edit["documentChanges"][0]["textDocument"] == {"uri": path.as_uri(), "version": 7}


async def test_nothing_is_sent_for_a_document_that_has_changed(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 2\n", uri=path.as_uri())
    assert "has changed meanwhile" in await workplace.apply(make_proposal(make_change(path, "x = 1\n")), confirm=False)
    assert list_sent_edits(editor) == []


async def test_no_edit_to_confirm_is_sent_to_an_untrusted_client(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    assert "cannot be trusted" in await workplace.apply(make_proposal(make_change(path, "x = 1\n")), confirm=True)
    assert list_sent_edits(editor) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"applied": False, "failureReason": "read-only"}, "read-only"),
        ({"applied": False}, "The editor did not apply the edit; its own log may say why."),
        (NotImplementedError("no edits"), "The editor refused the edit: no edits"),
        (SILENCE, "The editor did not answer in 0.05 s; look whether the change is there."),
    ],
)
async def test_the_clients_reason_for_a_failure_is_returned(
    editor: Editor, workplace: EditorWorkplace, monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str
) -> None:
    monkeypatch.setattr(editors, "APPLY_WAIT_S", 0.05)
    path = editor.server.session.roots[0] / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    editor.answers["workspace/applyEdit"] = answer
    assert await workplace.apply(make_proposal(make_change(path, "x = 1\n")), confirm=False) == reason


async def test_a_file_is_made_on_the_disk_as_it_was_proposed(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    made = CreateFile(tmp_path / "deep" / "new.py", "x = 1\r\ny = 2")
    assert not await workplace.apply(make_proposal(made), confirm=False)
    assert made.path.read_bytes() == b"x = 1\r\ny = 2"
    assert list_sent_edits(editor) == []


async def test_no_file_is_made_if_the_editor_failed(editor: Editor, workplace: EditorWorkplace, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    editor.answers["workspace/applyEdit"] = {"applied": False}
    both = make_proposal(CreateFile(tmp_path / "new.py", "x = 1\n"), make_change(path, "x = 1\n"))
    assert await workplace.apply(both, confirm=False)
    assert not (tmp_path / "new.py").exists()


async def test_a_change_that_is_visible_nowhere_is_an_error_that_says_where_to_look(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editors, "SETTLE_S", 0.0)
    path = tmp_path / "NOTES"
    path.write_text("x = 1\n", encoding="utf-8")
    editor.answers["workspace/applyEdit"] = {"applied": True}
    problem = await workplace.apply(make_proposal(make_change(path, "x = 1\n")), confirm=False)
    assert problem.startswith("The editor says it changed NOTES, but neither the disk nor an open document shows it")
