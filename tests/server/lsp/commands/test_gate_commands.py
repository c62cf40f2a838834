"""`starling.approvals`, `starling.audit`, `starling.undo` and `starling.undoable`, as an editor sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import CreateFile, ProposedEdit
from server.gate.disk.disk import DiskWorkplace
from server.gate.ports import Answer
from server.gate.question.scripted_person import ScriptedAsker
from server.state.paths import HOME_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.editor import Editor


@pytest.fixture
async def person(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedAsker:
    """Begin a session, propose two new files of which one is approved, and return the scripted person."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "workspace"
    root.mkdir()
    await editor.begin(
        clientInfo={"name": "ed", "version": "1"}, workspaceFolders=[{"uri": root.as_uri(), "name": "w"}]
    )
    gate = editor.server.session.get_gate()
    person = gate._asker = ScriptedAsker([Answer.APPROVE, Answer.REJECT, Answer.APPROVE])
    gate._workplace = DiskWorkplace(lambda: [root])
    for name in ("a.py", "b.py"):
        made = CreateFile(root / name, "x = 1\n")
        await gate.propose(ProposedEdit(f"Make {name}", "Because.", "generator", (made,)))
    return person


async def execute(editor: Editor, name: str, *arguments: object) -> dict[str, Any]:
    command = {"command": name, "arguments": list(arguments)}
    return await editor.answer(editor.ask("workspace/executeCommand", command))


async def test_approvals_are_listed_newest_first(editor: Editor, person: ScriptedAsker) -> None:
    result = (await execute(editor, "starling.approvals"))["result"]
    told = [(one["title"], one["status"], one["verdict"], one["client"]) for one in result["approvals"]]
    assert told == [("Make b.py", "rejected", "rejected", "ed 1"), ("Make a.py", "approved", "applied", "ed 1")]
    assert "+x = 1" in result["approvals"][1]["diff"]


async def test_approvals_are_filtered_by_status(editor: Editor, person: ScriptedAsker) -> None:
    result = (await execute(editor, "starling.approvals", {"status": "rejected"}))["result"]
    assert [one["title"] for one in result["approvals"]] == ["Make b.py"]
    wrong = await execute(editor, "starling.approvals", {"status": "perhaps"})
    assert "status" in wrong["error"]["message"]


async def test_the_audit_names_each_file_and_its_outcome(editor: Editor, person: ScriptedAsker) -> None:
    result = (await execute(editor, "starling.audit", {"limit": 9}))["result"]
    told = [(row["action"], row["subject"][-4:], row["written"], row["answer"]) for row in result["rows"]]
    assert told == [("create", "b.py", False, "reject"), ("create", "a.py", True, "approve")]
    (row,) = (await execute(editor, "starling.audit", {"request": result["rows"][1]["request"]}))["result"]["rows"]
    assert (row["hash_before"], len(row["hash_after"])) == ("", 64)


async def test_undo_asks_and_restores_the_file(editor: Editor, person: ScriptedAsker, tmp_path: Path) -> None:
    result = (await execute(editor, "starling.undo"))["result"]
    assert (result["outcome"], result["reason"], bool(result["checkpoint"])) == ("applied", None, True)
    assert person.questions[-1].title == "Undo: Make a.py"
    assert list((tmp_path / "workspace").iterdir()) == []


async def test_undoable_changes_are_listed_newest_first(editor: Editor, person: ScriptedAsker, tmp_path: Path) -> None:
    made = CreateFile(tmp_path / "workspace" / "c.py", "x = 1\n")
    await editor.server.session.get_gate().propose(ProposedEdit("Make c.py", "Because.", "generator", (made,)))
    result = (await execute(editor, "starling.undoable"))["result"]
    told = [(one["title"], [path[-4:] for path in one["files"]], one["client"]) for one in result["changes"]]
    assert told == [("Make c.py", ["c.py"], "ed 1"), ("Make a.py", ["a.py"], "ed 1")]
    (first,) = (await execute(editor, "starling.undoable", {"limit": 1}))["result"]["changes"]
    person._answers = [Answer.APPROVE]
    await execute(editor, "starling.undo", {"checkpoint": first["checkpoint"]})
    result = (await execute(editor, "starling.undoable"))["result"]
    assert [one["title"] for one in result["changes"]] == ["Make a.py"]


async def test_undo_of_an_unknown_checkpoint_is_refused_with_the_reason(editor: Editor, person: ScriptedAsker) -> None:
    result = (await execute(editor, "starling.undo", {"checkpoint": "none"}))["result"]
    assert (result["outcome"], "no checkpoint" in result["reason"]) == ("refused", True)


async def test_a_record_that_cannot_be_read_says_so(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file"))
    await editor.begin()
    for name, rows in (
        ("starling.approvals", "approvals"),
        ("starling.audit", "rows"),
        ("starling.undoable", "changes"),
    ):
        result = (await execute(editor, name))["result"]
        assert (result[rows], "STARLING_HOME" in result["problem"]) == ([], True)
