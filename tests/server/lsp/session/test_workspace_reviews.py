"""`workspace/diagnostic`: files that are not open, reviewed when they change, sent in parts, and bounded."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests import marked
from tests.server.editor import finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.editor import Editor

PULLS: dict[str, Any] = {"textDocument": {"diagnostic": {}}}
FILES = """
    #- one.py
    bad
    #- pack/two.py
    good
    #- .gitignore
    ignored.py
    #- ignored.py
    bad
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a new workspace; answers without news are held back only shortly."""
    monkeypatch.setattr("server.lsp.session.workspace_reviews.HOLD_S", 0.05)
    root = tmp_path.resolve() / "workspace"
    root.mkdir()
    return marked.parse(FILES).write(root)


async def begin(editor: Editor, workspace: Path, **options: object) -> None:
    editor.reviewer.findings = {"bad": finding()}
    folders = [{"uri": workspace.as_uri(), "name": "w"}]
    await editor.begin(PULLS, workspaceFolders=folders, initializationOptions={"review": options})


async def request_reports(
    editor: Editor, previous: dict[str, str] | None = None, token: str | None = None
) -> dict[str, Any]:
    """Request the diagnostics of the workspace; return the reports by relative path."""
    known = [{"uri": uri, "value": value} for uri, value in (previous or {}).items()]
    params = {"previousResultIds": known, "partialResultToken": token}
    answer = await editor.answer(editor.ask("workspace/diagnostic", params))
    return {report["uri"].rpartition("workspace/")[2]: report for report in answer["result"]["items"]}


def list_codes(reports: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [item["code"] for item in report["items"]] for name, report in reports.items()}


async def test_every_file_that_is_not_left_out_is_reported(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    assert list_codes(await request_reports(editor)) == {"one.py": ["bad-word"], "pack/two.py": [], ".gitignore": []}


async def test_a_generated_file_is_reported_if_a_rule_includes_it(editor: Editor, workspace: Path) -> None:
    for name in ("made.py", "other.py"):
        (workspace / name).write_text("# @generated\nbad\n", encoding="utf-8")
    (workspace / ".starlingignore").write_text("!/made.py\n", encoding="utf-8")
    await begin(editor, workspace)
    codes = list_codes(await request_reports(editor))
    assert codes["made.py"] == ["bad-word"]
    assert "other.py" not in codes


async def test_reports_that_the_client_has_are_not_sent_or_computed_again(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    first = await request_reports(editor)
    looked = len(editor.reviewer.asked)
    known = {report["uri"]: report["resultId"] for report in first.values()}
    again = await request_reports(editor, known)
    assert {report["kind"] for report in again.values()} == {"unchanged"}
    assert again.keys() == first.keys()
    assert len(editor.reviewer.asked) == looked


async def test_a_changed_file_is_reported_anew_and_a_deleted_one_is_cleared(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    known = {report["uri"]: report["resultId"] for report in (await request_reports(editor)).values()}
    (workspace / "pack/two.py").write_text("bad bad")
    (workspace / "one.py").unlink()
    reports = await request_reports(editor, known)
    assert list_codes({n: r for n, r in reports.items() if r["kind"] == "full"}) == {
        "pack/two.py": ["bad-word", "bad-word"],
        "one.py": [],
    }


async def test_parts_are_sent_as_they_come_and_the_answer_is_empty(editor: Editor, workspace: Path) -> None:
    for number in range(45):
        (workspace / f"more{number}.py").write_text("bad")
    await begin(editor, workspace)
    assert await request_reports(editor, token="t") == {}
    parts = [m["params"]["value"]["items"] for m in editor.sent if m.get("method") == "$/progress"]
    assert len(parts) >= 2
    assert sum(len(part) for part in parts) == 48


async def test_open_documents_are_left_to_their_own_requests(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace)
    editor.open("bad", uri=(workspace / "one.py").as_uri())
    assert "one.py" not in await request_reports(editor)


async def test_the_settings_bound_the_number_of_files_and_turn_reviews_off(editor: Editor, workspace: Path) -> None:
    await begin(editor, workspace, workspaceFiles=1)
    assert len(await request_reports(editor)) == 1
    change = {"settings": {"review": {"workspace": False}}}
    editor.notify("workspace/didChangeConfiguration", change)
    await editor.wait_for_builds(2)
    assert await request_reports(editor) == {}


async def test_an_unreadable_file_and_a_folder_that_is_gone_are_left_out(editor: Editor, workspace: Path) -> None:
    (workspace / "blob.py").write_bytes(b"\0" * 100)
    (workspace / "loop").symlink_to(workspace)
    await begin(editor, workspace)
    assert set(await request_reports(editor)) == {"one.py", "pack/two.py", ".gitignore"}
    shutil.rmtree(workspace)
    assert await request_reports(editor) == {}


@pytest.mark.parametrize("client", ["Neovim", "Visual Studio Code"])
async def test_every_client_that_pulls_except_neovim_is_offered_the_workspace(editor: Editor, client: str) -> None:
    declared = await editor.begin(PULLS, clientInfo={"name": client})
    assert declared["diagnosticProvider"]["workspaceDiagnostics"] is (client != "Neovim")
