"""Taking back: byte by byte, as a proposal like any other, whatever happened since."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agents.edits import Edit, TextChange
from agents.tools import DELETE_FILE
from server.gate.policy import Limits
from server.gate.ports import Answer, Outcome, Verdict
from server.gate.records import Ending, Replaced
from server.state import checkpoints
from tests.server.gate.bench import Bench, make_proposal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.edits import Change, ProposedEdit

ODD = {
    "mixed.txt": b"one\r\ntwo\nthree\rfour",
    "mark.py": b"\xef\xbb\xbfx = 1\r\n",
    "two_marks.py": b"\xef\xbb\xbf\xef\xbb\xbfx = 1\n",
    "latin.txt": b"caf\xe9 \xe0 la cr\xe8me\r\n",
    "wide.txt": "\ufeffx = \U0001f600\r\n".encode("utf-16-be"),
    "empty.py": b"",
    "odd.txt": "a\u2028b\x0bc\x85d\n".encode(),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["text", "create", "rename", "delete"])
async def test_undoing_restores_the_bytes_of(bench: Bench, kind: str, name: str) -> None:
    bench.put(name, ODD[name])
    before = bench.read_all()
    kinds: dict[str, Callable[[], Change]] = {
        "text": lambda: bench.change(name, "", "z\nz"),
        "create": lambda: bench.create("new/x.py", "x = 1\n"),
        "rename": lambda: bench.rename(name, "elsewhere/else.txt"),
        "delete": lambda: bench.delete(name),
    }
    outcome = await bench.gate.propose(make_proposal(kinds[kind]()))
    assert outcome.applied, outcome.reason
    assert bench.read_all() != before
    assert (await bench.gate.undo(outcome.checkpoint)).applied
    assert bench.read_all() == before


async def test_an_executable_file_comes_back_executable(bench: Bench) -> None:
    path = bench.put("run.sh", b"#!/bin/sh\n")
    path.chmod(0o755)
    await bench.gate.propose(make_proposal(bench.delete("run.sh")))
    assert (await bench.gate.undo()).applied
    assert path.stat().st_mode & 0o100


async def test_a_change_keeps_the_mode_of_its_file(bench: Bench) -> None:
    path = bench.put("run.sh", b"#!/bin/sh\n")
    path.chmod(0o750)
    await bench.gate.propose(make_proposal(bench.change("run.sh", "#!/bin/sh\n", "#!/bin/bash\n")))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"#!/bin/bash\n", 0o750)


async def test_undoing_asks_and_is_recorded_as_the_persons_own(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    await bench.gate.propose(make_proposal(bench.create("b.py"), title="Make b"))
    bench.set_answers(Answer.REJECT)
    outcome = await bench.gate.undo()
    question = bench.asker.questions[-1]
    assert (outcome.verdict, question.title, question.tool) == (Verdict.REJECTED, "Undo: Make b", DELETE_FILE)
    assert (bench.root / "b.py").exists()
    assert bench.gate.journal.records.list_audit(1)[0].proposer == "undo"


async def test_undoing_goes_back_step_by_step(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    states = [bench.read("a.py")]
    for value in "234":
        await bench.gate.propose(make_proposal(bench.change("a.py", states[-1].decode()[4], value)))
        states.append(bench.read("a.py"))
    for state in reversed(states[:-1]):
        assert (await bench.gate.undo()).applied
        assert bench.read("a.py") == state
    last = await bench.gate.undo()
    assert (last.verdict, "left to undo" in last.reason) == (Verdict.REFUSED, True)


async def test_an_undoing_can_be_undone(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    first = await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2")))
    back = await bench.gate.undo()
    again = await bench.gate.undo(first.checkpoint)
    assert (again.verdict, "already" in again.reason) == (Verdict.REFUSED, True)
    assert (await bench.gate.undo(back.checkpoint)).applied
    assert bench.read("a.py") == b"x = 2\n"
    assert (await bench.gate.undo()).applied
    assert bench.read("a.py") == b"x = 1\n"


async def test_undoing_keeps_what_was_written_elsewhere_since(bench: Bench) -> None:
    lines = "".join(f"line {n}\n" for n in range(30))
    bench.put("a.txt", lines.encode())
    await bench.gate.propose(make_proposal(bench.change("a.txt", "line 20\n", "line twenty\nand more\n")))
    bench.put("a.txt", b"new head\n" + bench.read("a.txt"))
    assert (await bench.gate.undo()).applied
    assert bench.read("a.txt") == b"new head\n" + lines.encode()


async def test_what_was_written_over_since_is_not_undone(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2")))
    bench.put("a.py", b"x = 3\n")
    outcome = await bench.gate.undo()
    assert (outcome.verdict, bench.read("a.py")) == (Verdict.REFUSED, b"x = 3\n")


@pytest.mark.parametrize(("kind", "meanwhile"), [("create", b"y\n"), ("delete", b"y\n")])
async def test_a_file_that_somebody_wrote_since_is_neither_deleted_nor_overwritten(
    bench: Bench, kind: str, meanwhile: bytes
) -> None:
    bench.put("old.py", b"x\n")
    change, name = (bench.create("new.py", "x\n"), "new.py") if kind == "create" else (bench.delete("old.py"), "old.py")
    await bench.gate.propose(make_proposal(change))
    bench.put(name, meanwhile)
    assert ((await bench.gate.undo()).verdict, bench.read(name)) == (Verdict.REFUSED, meanwhile)


async def test_an_unknown_checkpoint_says_so(bench: Bench) -> None:
    outcome = await bench.gate.undo("nonsense")
    assert (outcome.verdict, "no checkpoint 'nonsense'" in outcome.reason) == (Verdict.REFUSED, True)


async def test_the_first_characters_of_an_id_name_a_checkpoint_if_they_fit_no_other(bench: Bench) -> None:
    made = [await bench.gate.propose(make_proposal(bench.create(f"{number}.py", "x = 1\n"))) for number in range(17)]
    first, *others = (one.checkpoint for one in made)
    enough = next(first[:end] for end in range(1, 33) if not any(one.startswith(first[:end]) for one in others))
    shared = next(one for one in "0123456789abcdef" if sum(made.checkpoint[0] == one for made in made) > 1)
    refused = await bench.gate.undo(shared)
    assert (refused.verdict, "several checkpoints" in refused.reason) == (Verdict.REFUSED, True)
    assert (await bench.gate.undo(enough)).applied
    assert [(bench.root / f"{number}.py").exists() for number in range(3)] == [False, True, True]


async def test_only_changes_of_this_workspace_are_the_last(bench: Bench) -> None:
    await bench.gate.propose(make_proposal(bench.create("a.py")))
    with bench.state.transaction() as connection:
        connection.execute("UPDATE checkpoint_files SET path = '/somewhere/else.py'")
    assert "left to undo" in (await bench.gate.undo()).reason


async def test_old_and_many_checkpoints_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await bench.gate.propose(make_proposal(bench.create("a.py", "x\n")))
    second = await bench.gate.propose(make_proposal(bench.create("b.py", "x\n")))
    with bench.state.transaction() as connection:
        connection.execute("UPDATE checkpoints SET created = 0 WHERE id = ?", (first.checkpoint,))
    third = await bench.gate.propose(make_proposal(bench.create("c.py", "x\n")))
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 1)
    fourth = await bench.gate.propose(make_proposal(bench.create("d.py", "x\n")))
    with bench.state.use_connection() as connection:
        left = {row[0] for row in connection.execute("SELECT id FROM checkpoints")}
        files = {row[0] for row in connection.execute("SELECT checkpoint FROM checkpoint_files")}
    assert left == files == {fourth.checkpoint}
    assert second.checkpoint != third.checkpoint


async def test_a_deleted_file_comes_back_with_its_mode_and_what_else_it_had(bench: Bench) -> None:
    path = bench.put("private-notes.txt", b"secret\n")
    path.chmod(0o600)
    owner = (path.stat().st_uid, path.stat().st_gid)
    try:
        os.setxattr(path, "user.starling.test", b"kept")
        marked = True
    except (AttributeError, OSError):
        marked = False
    await bench.gate.propose(make_proposal(bench.delete("private-notes.txt")))
    assert not path.exists()
    assert (await bench.gate.undo()).applied
    found = path.stat()
    assert (found.st_mode & 0o7777, (found.st_uid, found.st_gid)) == (0o600, owner)
    if marked:
        assert os.getxattr(path, "user.starling.test") == b"kept"


async def test_an_untitled_text_of_another_session_blocks_no_undoing(bench: Bench, tmp_path: Path) -> None:
    bench.put("a.py", b"x = 1\n")
    await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2"), title="Change a"))
    elsewhere = Bench(tmp_path / "elsewhere", workplace=Untitled("y = 1\n"), state=bench.state)
    elsewhere.base.mkdir()
    untitled = TextChange("untitled:Untitled-1", None, "y = 1\n", (Edit(4, 5, "2"),))
    assert (await elsewhere.gate.propose(make_proposal(untitled, title="Change the untitled"))).applied
    assert (await bench.gate.undo()).applied
    assert bench.read("a.py") == b"x = 1\n"
    assert "nothing" in (await bench.gate.undo()).reason.lower()
    assert (await elsewhere.gate.undo()).applied  # it is its own session's newest
    assert elsewhere.workplace.held == "y = 1\n"


async def test_what_can_not_be_undone_lets_older_changes_be(bench: Bench) -> None:
    for name in ("a.py", "b.py"):
        bench.put(name, b"x = 1\n")
        await bench.gate.propose(make_proposal(bench.change(name, "1", "2"), title=f"Change {name}"))
    (bench.root / "b.py").unlink()
    assert (await bench.gate.undo()).applied
    assert bench.read("a.py") == b"x = 1\n"
    assert "Change b.py" in bench.asker.questions[-1].why
    assert "no longer exists" in bench.asker.questions[-1].why


async def test_many_changes_elsewhere_hide_no_change_here(bench: Bench, tmp_path: Path) -> None:
    bench.put("a.py", b"x = 1\n")
    await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2")))
    elsewhere = Bench(tmp_path / "elsewhere", state=bench.state, limits=Limits(0, 10_000))
    elsewhere.base.mkdir()
    records = elsewhere.gate.journal.records
    for number in range(300):
        change = elsewhere.create(f"f{number}.py", "x = 1\n")
        replaced = Replaced(f"c{number}", "r", "t", (change,), (None,), "")
        records.end(Ending(Outcome("r", Verdict.APPLIED), None, None, (), replaced, ((change, None),)))
    assert (await bench.gate.undo()).applied
    assert bench.read("a.py") == b"x = 1\n"


class Untitled:
    """A workplace with one text that is in no file."""

    settle_s = 0.0

    def __init__(self, held: str) -> None:
        self.held: str | None = held

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        return self.held if path is None and uri else None

    async def apply(self, edit: ProposedEdit, *, confirm: bool, request: str) -> str:
        assert request
        (change,) = edit.changes
        assert isinstance(change, TextChange)
        assert not confirm
        self.held = change.after
        return ""
