"""An editor offered to agents of another process: which texts are given, and which changes are made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import CreateFile, Edit, ProposedEdit, TextChange
from indexing.limits import IndexLimits
from server.assembly.gates import make_disk_gate
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from server.lsp.editor import editor_pairing
from server.pairing import paired_workplace
from server.pairing.announcements import find_announcements
from server.pairing.editors import PairedEditors
from server.pairing.paired_workplace import PairedWorkplace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from agents.edits import Change
    from server.gate.gate import Gate
    from tests.server.editor import Editor

EDITING = {"workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}}}
UNSAVED, CHANGED = "x = 2\n", "y = 2\n"


class Pair:
    """An editor, and the gate of an agent's process on the same workspace.

    Attributes:
        editor: the editor.
        root: the workspace folder.
        agents: the agents' side of the pairing.
        asker: the person, who says yes to everything.
        gate: the agents' gate.
    """

    def __init__(self, editor: Editor, root: Path) -> None:
        self.editor = editor
        self.root = root
        self.agents = PairedEditors([root])
        self.asker = ScriptedAsker([Answer.APPROVE] * 9)
        self.gate: Gate = make_disk_gate(
            [root], self.asker, IndexLimits(), client="agents", surround=lambda disk: PairedWorkplace(disk, self.agents)
        )

    def open(self, name: str, text: str = UNSAVED, *, saved: str = "x = 1\n") -> Path:
        """Write a file, open it in the editor with another text, and return its path."""
        path = self.root / name
        path.write_text(saved)
        self.editor.open(text, uri=path.as_uri())
        return path

    async def propose(self, *changes: Change) -> Any:
        """Propose an edit to the agents' gate; return the outcome."""
        return await self.gate.propose(ProposedEdit("Change it", "It is better.", "coder", changes))

    async def read(self, path: Path) -> str | None:
        """Return the text that agents get of an open file."""
        found = await asyncio.to_thread(self.agents.find_open_file, path)
        return None if found is None else found.text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the workspace folder, a real path."""
    return tmp_path.resolve()


@pytest.fixture
async def pair(editor: Editor, root: Path) -> AsyncIterator[Pair]:
    """Yield an editor that is announced, and applies every edit at once."""

    def apply(params: dict[str, Any]) -> dict[str, Any]:
        for change in params["edit"]["documentChanges"]:
            document = change["textDocument"]
            edits = [{"range": one["range"], "text": one["newText"]} for one in reversed(change["edits"])]
            version = {"uri": document["uri"], "version": (document["version"] or 0) + 1}
            editor.notify("textDocument/didChange", {"textDocument": version, "contentChanges": edits})
        return {"applied": True}

    editor.answers["workspace/applyEdit"] = apply
    await editor.begin(
        EDITING, clientInfo={"name": "Ed", "version": "1"}, workspaceFolders=[{"uri": root.as_uri(), "name": "w"}]
    )
    await editor.until(lambda: bool(find_announcements([root])))
    one = Pair(editor, root)
    yield one
    await one.gate.close()


def change(path: Path, before: str = UNSAVED) -> TextChange:
    """Return a change of a file's first character."""
    return TextChange(path.as_uri(), path, before, (Edit(0, 1, "y"),))


def count_applied(editor: Editor) -> int:
    """Return how many edits were sent to the editor."""
    return sum(message.get("method") == "workspace/applyEdit" for message in editor.sent)


async def test_an_approved_change_of_an_open_file_is_made_in_the_editor(pair: Pair) -> None:
    path = pair.open("a.py")
    assert await asyncio.to_thread(pair.agents.list_names) == ("Ed 1",)
    assert await pair.read(path) == UNSAVED
    outcome = await pair.propose(change(path))
    assert (outcome.verdict, outcome.unsaved) == (Verdict.APPLIED, ("a.py",))
    assert path.read_text() == "x = 1\n"
    assert await pair.read(path) == CHANGED
    assert "-x = 2\n+y = 2" in pair.asker.questions[0].diff
    (request,) = pair.gate.journal.records.list_requests(None, 9)  # one question, one record
    assert (request.client, request.status, request.answer) == ("agents", "approved", "approve")
    undone = await pair.gate.undo()
    assert undone.applied
    assert await pair.read(path) == UNSAVED


async def test_a_file_that_is_not_open_is_changed_on_the_disk(pair: Pair) -> None:
    path = pair.root / "b.py"
    path.write_text("x = 1\n")
    new = pair.root / "new.py"
    assert (await pair.propose(change(path, "x = 1\n"), CreateFile(new, "z = 1\n"))).applied
    assert (path.read_text(), new.read_text()) == ("y = 1\n", "z = 1\n")
    assert count_applied(pair.editor) == 0


async def test_nothing_is_changed_that_is_not_recorded_as_approved(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(pair.open("a.py"))
    (announcement,) = find_announcements([pair.root])
    monkeypatch.setattr(pair.agents, "apply", lambda *_: "Not now.")
    monkeypatch.setattr(paired_workplace, "SETTLE_S", 0.1)
    waiting = await pair.propose(change(pair.root / "a.py"))  # fails, and is recorded so
    monkeypatch.undo()
    for request in ("", waiting.proposal[:4], waiting.proposal, "unknown"):
        problem = await asyncio.to_thread(pair.agents.apply, announcement, request, [path])
        assert problem == "The record holds no such approved change; nothing was changed."
    assert count_applied(pair.editor) == 0


async def test_an_approved_change_is_made_once(pair: Pair) -> None:
    path = pair.open("a.py")
    outcome = await pair.propose(change(path))
    (announcement,) = find_announcements([pair.root])
    again = await asyncio.to_thread(pair.agents.apply, announcement, outcome.proposal, [str(path)])
    assert again == "This change was already made; nothing was changed again."
    pair.editor.open(UNSAVED, uri=path.as_uri(), version=9)
    pairing = pair.editor.server.session._pairing
    assert pairing is not None
    pairing._made.clear()  # as another language server of the workspace, or this one after a restart
    again = await asyncio.to_thread(pair.agents.apply, announcement, outcome.proposal, [str(path)])
    assert again == "The record holds no such approved change; nothing was changed."
    assert count_applied(pair.editor) == 1


async def test_a_rejected_change_is_not_made_for_anybody(pair: Pair) -> None:
    path = pair.open("a.py")
    pair.asker._answers[:] = [Answer.REJECT]
    outcome = await pair.propose(change(path))
    (announcement,) = find_announcements([pair.root])
    problem = await asyncio.to_thread(pair.agents.apply, announcement, outcome.proposal, [str(path)])
    assert "no such approved change" in problem
    assert await pair.read(path) == UNSAVED


async def test_only_the_files_of_the_approved_change_are_changed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired_workplace, "SETTLE_S", 0.1)
    path, other = pair.open("a.py"), pair.open("b.py")
    asked: list[list[str]] = []
    agents_apply = pair.agents.apply

    def apply_elsewhere(editor: Any, request: str, paths: list[str]) -> str:
        asked.append(paths)
        return agents_apply(editor, request, [str(other)])

    pair.agents.apply = apply_elsewhere  # type: ignore[method-assign, assignment]
    outcome = await pair.propose(change(path))
    assert asked == [[str(path)]]
    assert outcome.verdict is Verdict.FAILED
    assert "b.py is not open, or not part of the approved change" in outcome.reason
    assert await pair.read(other) == UNSAVED


async def test_files_outside_of_the_workspace_and_excluded_ones_are_not_given(
    pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.py"
    pair.editor.open("secret = 1\n", uri=outside.as_uri())
    secret = pair.open(".env", "TOKEN=1\n")
    pair.editor.index.excluded.add(secret)
    pair.editor.open("text", uri="untitled:b")
    assert await pair.read(outside) is None
    assert await pair.read(secret) is None
    (pairing,) = [pair.editor.server.session._pairing]
    assert pairing is not None
    assert await pairing.list_open() == []
    linked = pair.root / "link.py"
    linked.symlink_to(outside)
    pair.editor.open("secret = 1\n", uri=linked.as_uri())
    assert await pair.read(linked) is None


async def test_a_text_that_is_too_long_is_neither_given_nor_read_from_the_disk(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pair.open("a.py")
    monkeypatch.setattr(editor_pairing, "LONGEST", 3)
    with pytest.raises(OSError, match="longer than 3 characters"):
        await pair.read(path)
    outcome = await pair.propose(change(path))
    assert outcome.verdict is Verdict.REFUSED


async def test_an_editor_that_refuses_is_quoted_and_the_disk_not_written(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paired_workplace, "SETTLE_S", 0.1)
    path = pair.open("a.py")
    pair.editor.answers["workspace/applyEdit"] = {"applied": False, "failureReason": "It is read-only."}
    outcome = await pair.propose(change(path))
    assert outcome.verdict is Verdict.FAILED
    assert "It is read-only." in outcome.reason
    assert path.read_text() == "x = 1\n"


async def test_an_editor_that_takes_no_edits_is_not_offered(editor: Editor, root: Path) -> None:
    await editor.begin({}, workspaceFolders=[{"uri": root.as_uri(), "name": "w"}])
    await editor.wait_for_builds(1)
    assert find_announcements([root]) == []


async def test_changed_folders_are_announced(pair: Pair) -> None:
    added = pair.root / "added"
    added.mkdir()
    event = {"added": [{"uri": added.as_uri(), "name": "added"}], "removed": []}
    pair.editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    await pair.editor.until(lambda: bool(find_announcements([added])))
    await pair.editor.server.session.close()
    assert find_announcements([added]) == []
