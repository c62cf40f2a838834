"""The record of requests: the limits counted from it, and what happens if a request cannot be recorded."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agents.edits import TextChange
from server.gate.policy import Limits
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from tests.server.gate.bench import make_proposal
from tests.states import make_state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.gate.bench import Bench

SOURCE = """
#- area.py
def area(r):
    return 3.14 * r * r
"""


async def test_after_so_many_questions_nobody_is_asked_and_undoing_still_works(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.limits = Limits(approvals=2)
    for name in ("a.py", "b.py"):
        assert (await bench.gate.propose(make_proposal(bench.create(name)))).applied
    outcome = await bench.gate.propose(make_proposal(bench.create("c.py")))
    assert (outcome.verdict, "2 questions" in outcome.reason, "60 min" in outcome.reason) == (
        Verdict.REFUSED,
        True,
        True,
    )
    assert (await bench.gate.undo()).applied


async def test_after_so_many_files_nothing_is_written(bench: Bench) -> None:
    bench.limits = Limits(file_operations=3)
    assert (await bench.gate.propose(make_proposal(bench.create("a.py"), bench.create("b.py")))).applied
    outcome = await bench.gate.propose(make_proposal(bench.create("c.py"), bench.create("d.py")))
    assert (outcome.verdict, "3 file operations" in outcome.reason) == (Verdict.REFUSED, True)
    assert len(bench.asker.questions) == 1


@pytest.mark.sqlite
async def test_what_cannot_be_recorded_is_not_done(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where a person's folder should be")
    bench.state = make_state(tmp_path / "home" / "state" / "state.sqlite3")
    bench.write(SOURCE)
    before = bench.read_all()
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert (outcome.verdict, bench.asker.questions, bench.read_all()) == (Verdict.REFUSED, [], before)
    assert "could not be recorded" in outcome.reason
    assert "STARLING_HOME" in outcome.reason


@pytest.mark.sqlite
async def test_a_disk_that_fills_up_while_a_person_thinks_leaves_the_files_alone(bench: Bench) -> None:
    class Filling(ScriptedAsker):
        async def ask(self, question: object) -> Answer:
            with bench.state.use_connection() as connection:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages}")
            return Answer.APPROVE

    bench.state = make_state(bench.base / "state.sqlite3")
    bench.asker = Filling()
    noise = "".join(f"{hash((index, 7)):x}\n" for index in range(6_000))
    path = bench.put("big.txt", noise.encode())
    outcome = await bench.gate.propose(
        make_proposal(TextChange(path.as_uri(), path, noise, bench.change("big.txt", noise[:5], "x").edits))
    )
    assert (outcome.verdict, bench.read("big.txt")) == (Verdict.REFUSED, noise.encode())
    assert "The disk is full" in outcome.reason


@pytest.mark.sqlite
async def test_a_record_that_is_taken_away_while_a_person_thinks_is_written_anew(bench: Bench) -> None:
    class Deleting(ScriptedAsker):
        async def ask(self, question: object) -> Answer:
            shutil.rmtree(bench.base / "state")
            return Answer.APPROVE

    bench.state = make_state(bench.base / "state" / "state.sqlite3")
    bench.asker = Deleting()
    bench.write(SOURCE)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert outcome.applied
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.verdict, request.answer, request.checkpoint) == ("applied", "approve", outcome.checkpoint)
    assert (await bench.gate.undo()).applied
    assert bench.read("area.py").count(b"3.14") == 1


async def test_what_was_refused_is_in_the_record_too(bench: Bench) -> None:
    outcome = await bench.gate.propose(make_proposal(bench.create(".hidden.py")))
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.id, request.status, request.reason) == (outcome.proposal, "refused", outcome.reason)
