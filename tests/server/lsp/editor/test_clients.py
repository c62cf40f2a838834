"""Each kind of editor, of change and of answer: one question, a true record, and nothing written without approval."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from server.gate.gate import Gate
from server.gate.places import Places
from server.gate.policy import Limits
from server.gate.ports import Verdict
from server.lsp.editor import editor_workplace as editors
from server.lsp.editor.asking import EditorAsker
from server.lsp.editor.editor_workplace import EditorWorkplace
from server.state.gate_records import GateRecords
from tests.marked import parse
from tests.server.gate.bench import query_rows
from tests.server.gate.clients import ClientKind, Desk, Reply
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.edits import Change
    from server.state.database import State
    from tests.server.editor import Editor

SHOP = """
#- open.py
price = 1
tax = 2
#- closed.py
amount = 1
#- old.py
name = "old"
"""
ASKING = {
    ClientKind.VSCODE: "preview",
    ClientKind.EXTENSION: "comparison",
    ClientKind.NEOVIM: "message",
    ClientKind.MESSAGES: "message",
}
VERDICTS = {
    Reply.YES: Verdict.APPLIED,
    Reply.PART: Verdict.APPLIED,  # of the one change there is
    Reply.NO: Verdict.REJECTED,
    Reply.SILENCE: Verdict.EXPIRED,
}


@pytest.fixture(autouse=True)
def _shorten_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editors, "SETTLE_S", 0.05)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace with a few files, with a new home."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    return parse(SHOP).write(tmp_path / "shop")


def make_text_change(path: Path, old: str, new: str) -> TextChange:
    text = path.read_text(encoding="utf-8")
    return TextChange(path.as_uri(), path, text, (Edit(text.index(old), text.index(old) + len(old), new),))


def make_changes(kind: str, root: Path) -> tuple[Change, ...]:
    """Return the changes of one kind, or of all kinds except deletion for any other name."""
    table: dict[str, tuple[Change, ...]] = {
        "text": (make_text_change(root / "open.py", "price", "cost"),),
        "closed text": (make_text_change(root / "closed.py", "amount", "count"),),
        "create": (CreateFile(root / "new.py", "new = 1\n"),),
        "rename": (RenameFile(root / "old.py", root / "moved.py"),),
        "delete": (DeleteFile(root / "old.py", 'name = "old"\n'),),
    }
    return table[kind] if kind in table else tuple(one for name in table if name != "delete" for one in table[name])


def list_made_changes(desk: Desk, root: Path) -> set[str]:
    """Return the kinds of change that a person finds made."""
    texts = {name: desk.text(root / f"{name}.py") for name in ("open", "closed", "new", "old", "moved")}
    made = {
        "text": texts["open"] == "cost = 1\ntax = 2\n",
        "closed text": texts["closed"] == "count = 1\n",
        "create": texts["new"] == "new = 1\n",
        "rename": texts["old"] is None and texts["moved"] == 'name = "old"\n',
        "delete": texts["old"] is None and texts["moved"] is None,
    }
    return {name for name, is_so in made.items() if is_so}


def is_untouched(desk: Desk, root: Path) -> bool:
    """Return whether all files have their first texts, on the disk or in the editor."""
    files = {path.name: desk.text(path) for path in root.iterdir()}
    return files == parse(SHOP).files


@pytest.fixture
def record() -> Iterator[State]:
    """Give a state database in memory, and close it."""
    with closing(make_state(None)) as state:
        yield state


async def make_gate(editor: Editor, record: State, root: Path, answer_s: float = 0.3) -> Gate:
    session = editor.server.session
    asker = EditorAsker(editor.server, lambda: session.client, session.shown)
    workplace = EditorWorkplace(editor.server, lambda: session.client, session.documents, lambda: session.roots)
    places = Places([root], lambda _: "")
    return Gate(
        GateRecords(record), lambda: places, asker, workplace, client="a test", limits=Limits(answer_s=answer_s)
    )


@pytest.mark.parametrize("kind", ["text", "closed text", "create", "rename", "delete", "several"])
@pytest.mark.parametrize("client", ClientKind)
@pytest.mark.parametrize("reply", Reply)
async def test_one_question_a_true_record_and_nothing_without_a_yes(  # noqa: PLR0917 (the table)
    editor: Editor, record: State, shop: Path, client: ClientKind, kind: str, reply: Reply
) -> None:
    desk = Desk(editor, client, reply)
    await desk.begin(shop)
    desk.open(shop / "open.py")
    gate = await make_gate(editor, record, shop, 30 if VERDICTS[reply] is not Verdict.EXPIRED else 0.3)
    outcome = await gate.propose(ProposedEdit("Change it", "It is better.", "tester", make_changes(kind, shop)))
    await gate.close()

    assert desk.asked == ([] if client is ClientKind.NOTHING else [ASKING[client]])
    every = {"text", "closed text", "create", "rename"} if kind == "several" else {kind}
    made = list_made_changes(desk, shop) & every
    if client is ClientKind.NOTHING:
        assert (outcome.verdict, made) == (Verdict.REFUSED, set())
    elif reply is Reply.PART and (kind == "several" or (kind, client) == ("create", ClientKind.VSCODE)):
        assert (outcome.verdict, made < every) == (Verdict.PARTLY, True)  # of a new file: made, and not filled
    else:
        assert (outcome.verdict, made) == (VERDICTS[reply], every if VERDICTS[reply] is Verdict.APPLIED else set())
    assert outcome.checkpoint or is_untouched(desk, shop)
    assert await query_rows(gate, "SELECT verdict FROM requests") == [(str(outcome.verdict),)]
    assert bool(await query_rows(gate, "SELECT 1 FROM audit WHERE written <> 0")) is bool(outcome.checkpoint)


async def test_files_changed_only_in_the_editor_are_named(editor: Editor, record: State, shop: Path) -> None:
    desk = Desk(editor, ClientKind.NEOVIM, Reply.YES)
    await desk.begin(shop)
    desk.open(shop / "open.py")
    gate = await make_gate(editor, record, shop, 30)
    outcome = await gate.propose(ProposedEdit("Change it", "It is better.", "tester", make_changes("several", shop)))
    assert outcome.unsaved == ("open.py", "closed.py")


@pytest.mark.parametrize("client", ASKING)
async def test_a_part_that_was_applied_can_be_taken_back(
    editor: Editor, record: State, shop: Path, client: ClientKind
) -> None:
    desk = Desk(editor, client, Reply.PART)
    await desk.begin(shop)
    desk.open(shop / "open.py")
    gate = await make_gate(editor, record, shop)
    outcome = await gate.propose(ProposedEdit("Change it", "It is better.", "tester", make_changes("several", shop)))
    desk.reply = Reply.YES
    assert (await gate.undo(outcome.checkpoint)).verdict is Verdict.APPLIED
    assert is_untouched(desk, shop)


@pytest.mark.parametrize("answer", [5, {}, NotImplementedError("no such thing here")], ids=repr)
async def test_a_failed_preview_is_no_answer_of_a_person(
    editor: Editor, record: State, shop: Path, answer: object
) -> None:
    desk = Desk(editor, ClientKind.VSCODE, Reply.YES)
    await desk.begin(shop)
    desk.open(shop / "open.py")
    editor.answers["workspace/applyEdit"] = answer
    gate = await make_gate(editor, record, shop, 30)
    outcome = await gate.propose(ProposedEdit("Change it", "It is better.", "tester", make_changes("text", shop)))
    await gate.close()
    assert (outcome.verdict, outcome.checkpoint) == (Verdict.FAILED, ""), outcome.reason
    assert "The editor refused the edit" in outcome.reason
    assert is_untouched(desk, shop)
    assert await query_rows(gate, "SELECT status, answer FROM requests") == [("failed", "")]
