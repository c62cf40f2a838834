"""On a server with accounts each person's sessions and requests are their own."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, ProposedEdit
from agents.tools import WRITE_FILE
from server.gate.ports import Answer, Outcome, Question, Verdict
from server.gate.records import AuditRow, Ending, Replaced
from server.state.access.login_files import LoginFiles
from server.state.access.viewers import Viewer
from server.state.gate_records import GateRecords
from server.state.session_store import MOST_SESSIONS, SessionStore

if TYPE_CHECKING:
    from pathlib import Path

    from server.state.database import State

ADA, BOB = Viewer("1", "ada", lambda: False), Viewer("2", "bob", lambda: False)
APPROVER = Viewer("3", "eve", lambda: True)


def test_a_person_sees_their_own_sessions_alone(state: State) -> None:
    own = {one.person: SessionStore(state, one).create("w", title=one.name).id for one in (ADA, BOB, APPROVER)}
    local = SessionStore(state)
    mine = local.create("w", title="mine").id
    for viewer in (ADA, BOB, APPROVER):  # whatever the role
        store = SessionStore(state, viewer)
        assert [one.id for one in store.list_newest("w", 9)] == [own[viewer.person]]
        seen = {one for one in (*own.values(), mine) if store.get(one) is not None}
        assert seen == {own[viewer.person]}
    assert {one.id for one in local.list_newest("w", 9)} == {*own.values(), mine}


def test_one_persons_sessions_evict_no_others(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.state.session_store.MOST_SESSIONS", 3)
    assert MOST_SESSIONS > 3
    kept = SessionStore(state, BOB).create("w", title="kept").id
    store = SessionStore(state, ADA)
    for number in range(5):
        store.create("w", title=str(number))
    assert len(store.list_newest("w", 9)) == 3
    assert SessionStore(state, BOB).get(kept) is not None


def request_and_apply(state: State, viewer: Viewer, folder: Path) -> tuple[str, str]:
    """Record a request that was approved and applied; return its id and that of its checkpoint."""
    records, name, checkpoint = GateRecords(state, viewer), uuid.uuid4().hex, uuid.uuid4().hex
    change = CreateFile(folder / f"{name}.py", "x = 1\n")
    question = Question(name, WRITE_FILE, "t", "w", "b", "", proposal=ProposedEdit("t", "w", "b", (change,)))
    records.begin(question, client="c", task="", model="", subjects=["a.py"])
    records.mark_asked(name)
    replaced = Replaced(checkpoint, name, "t", (change,), (None,), "")
    records.approve(name, replaced, answered=True)
    row = AuditRow(
        time.time(), name, viewer.name or "someone",
        "c", "b", "", "write_file", "t", "create", "a.py", "", "", "x", True,
        "approve", 1.0, "applied", "", "192.0.2.1",
    )  # fmt: skip
    outcome = Outcome(name, Verdict.APPLIED, "", checkpoint)
    records.end(Ending(outcome, Answer.APPROVE, 1.0, (row,), replaced, ((change, None),)))
    return name, checkpoint


def test_a_person_sees_their_own_requests_and_changes_and_an_approver_those_of_all(
    state: State, tmp_path: Path
) -> None:
    made = {one.person: request_and_apply(state, one, tmp_path) for one in (Viewer(), ADA, BOB)}
    for viewer in (Viewer(), ADA, BOB, APPROVER):
        records = GateRecords(state, viewer)
        expected = [made[viewer.person]] if viewer in (ADA, BOB) else [*made.values()]
        requests, checkpoints = {one for one, _ in expected}, {one for _, one in expected}
        assert {one.id for one in records.list_requests(None, 9)} == requests
        assert {one for one, _ in made.values() if records.find_request(one) is not None} == requests
        assert set(records.list_undoable(lambda _: True)) == checkpoints
        assert {one.checkpoint for one in records.list_undoable_changes(lambda _: True, 9)} == checkpoints
        assert {one for _, one in made.values() if records.find_checkpoint(one) is not None} == checkpoints
        assert {one for _, one in made.values() if records.list_checkpoint_ids(one)} == checkpoints
        assert {one.request for one in records.list_audit(9)} == requests
        questions = len(made) if not viewer.person else int(viewer in (ADA, BOB))
        assert len(records.list_question_times(0)) == len(records.list_write_times(0)) == questions
    assert {one.address for one in GateRecords(state).list_audit(9)} == {"192.0.2.1"}


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"\xff", b"[" * 60_000, b'{"access": 1}' + b" " * 70_000])
def test_a_damaged_login_file_is_no_login(tmp_path: Path, content: bytes) -> None:
    files = LoginFiles("https://x.test", tmp_path)
    with files.lock():
        files.write({"access": "a", "refresh": "b"})
    assert files.read() == {"access": "a", "refresh": "b"}
    (file,) = tmp_path.glob("*.json")
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(content)
    assert files.read() == {}
    files.remove()
    files.remove()
    assert files.read() == {}
    assert LoginFiles("https://y.test", tmp_path).read() == {}
