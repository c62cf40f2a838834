"""The editor as a workplace: what is read of it, what it is sent, and what of its answers is passed on."""

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
    await editor.begin(EDITING, clientInfo={"name": "Ed"}, workspaceFolders=[{"uri": tmp_path.as_uri(), "name": "w"}])
    session = editor.server.session
    return EditorWorkplace(editor.server, lambda: session.client, session.documents, lambda: session.roots)


def proposal(*changes: Change) -> ProposedEdit:
    return ProposedEdit("Change it", "It is better.", "tester", changes)


def change(path: Path, before: str) -> TextChange:
    return TextChange(path.as_uri(), path, before, (Edit(0, 1, "y"),))


def sent(editor: Editor) -> list[dict[str, Any]]:
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


async def test_what_is_neither_open_nor_on_the_disk_is_none(workplace: EditorWorkplace, tmp_path: Path) -> None:
    assert await workplace.read_text("untitled:a", None) is None
    assert await workplace.read_text((tmp_path / "a.py").as_uri(), tmp_path / "a.py") is None


async def test_a_document_too_large_to_be_kept_is_no_empty_text(
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
    assert not await workplace.apply(proposal(change(path, "x = 1\n")), confirm=False)
    [edit] = sent(editor)
    assert edit["documentChanges"][0]["textDocument"] == {"uri": path.as_uri(), "version": 7}


async def test_nothing_is_sent_for_a_document_that_moved_on(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 2\n", uri=path.as_uri())
    assert "has changed meanwhile" in await workplace.apply(proposal(change(path, "x = 1\n")), confirm=False)
    assert sent(editor) == []


async def test_nothing_is_sent_to_be_confirmed_to_who_cannot_be_trusted(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    assert "cannot be trusted" in await workplace.apply(proposal(change(path, "x = 1\n")), confirm=True)
    assert sent(editor) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"applied": False, "failureReason": "read-only"}, "read-only"),
        ({"applied": False}, "The editor did not apply the edit; its own log may say why."),
        (NotImplementedError("no edits"), "The editor refused the edit: no edits"),
        (SILENCE, "The editor did not answer in 0.05 s; look whether the change is there."),
    ],
)
async def test_why_it_failed_is_passed_on(
    editor: Editor, workplace: EditorWorkplace, monkeypatch: pytest.MonkeyPatch, answer: Any, reason: str
) -> None:
    monkeypatch.setattr(editors, "APPLY_WAIT_S", 0.05)
    path = editor.server.session.roots[0] / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    editor.answers["workspace/applyEdit"] = answer
    assert await workplace.apply(proposal(change(path, "x = 1\n")), confirm=False) == reason


async def test_a_file_is_made_on_the_disk_as_it_was_proposed(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    made = CreateFile(tmp_path / "deep" / "new.py", "x = 1\r\ny = 2")
    assert not await workplace.apply(proposal(made), confirm=False)
    assert made.path.read_bytes() == b"x = 1\r\ny = 2"
    assert sent(editor) == []


async def test_no_file_is_made_where_the_editor_failed(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    editor.open("x = 1\n", uri=path.as_uri())
    editor.answers["workspace/applyEdit"] = {"applied": False}
    both = proposal(CreateFile(tmp_path / "new.py", "x = 1\n"), change(path, "x = 1\n"))
    assert await workplace.apply(both, confirm=False)
    assert not (tmp_path / "new.py").exists()


async def test_a_change_that_can_be_seen_nowhere_says_where_to_look(
    editor: Editor, workplace: EditorWorkplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editors, "SETTLE_S", 0.0)
    path = tmp_path / "NOTES"
    path.write_text("x = 1\n", encoding="utf-8")
    editor.answers["workspace/applyEdit"] = {"applied": True}
    problem = await workplace.apply(proposal(change(path, "x = 1\n")), confirm=False)
    assert problem.startswith("The editor says it changed NOTES, but neither the disk nor an open document shows it")
