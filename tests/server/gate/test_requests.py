"""The record outlives its server: what nobody waits for any more is closed by the next one, and never made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from server.gate.policy import Limits
from server.gate.ports import Answer, TakenParts, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from tests.server.gate.bench import ANSWER_S, Bench, make_proposal
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agents.edits import ProposedEdit


KEPT = {
    "requests": "kept",
    "checkpoint_files": "kept_files",
    "checkpoints": "kept_points",
    "kept_proposals": "kept_edits",
}


class Killed:
    """A workplace whose server dies when it should apply, before or after it did."""

    settle_s = 0.0

    def __init__(self, bench: Bench, *, before: bool) -> None:
        self._disk = bench.gate._disk
        self._before = before
        self.down = False

    async def read_text(self, uri: str, path: Path | None) -> str | None:
        return await self._disk.read_text(uri, path)

    async def apply(self, proposal: ProposedEdit, *, confirm: bool, request: str = "") -> str:
        if not self._before:
            await self._disk.apply(proposal, confirm=confirm, request=request)
        self.down = True
        await asyncio.get_running_loop().create_future()
        return ""


async def crash_server(bench: Bench, edit: ProposedEdit, *, when: Callable[[], object]) -> Bench:
    """Propose `edit`, let the server crash once `when` returns true, and return a next one with the same record."""
    running = asyncio.ensure_future(bench.gate.propose(edit))
    async with asyncio.timeout(ANSWER_S):
        while not when():  # noqa: ASYNC110 (doubles tell nobody)
            await asyncio.sleep(0.001)
    with bench.state.transaction() as connection:  # the record as the dead process left it
        connection.execute("CREATE TABLE kept AS SELECT * FROM requests")
        connection.execute("CREATE TABLE kept_files AS SELECT * FROM checkpoint_files")
        connection.execute("CREATE TABLE kept_points AS SELECT * FROM checkpoints")
        connection.execute("CREATE TABLE kept_edits AS SELECT * FROM kept_proposals")
    running.cancel()
    await asyncio.wait((running,))
    await bench.gate.close()
    with bench.state.transaction() as connection:
        for table, kept in KEPT.items():
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
            connection.execute(f"INSERT INTO {table} SELECT * FROM {kept}")  # noqa: S608
        connection.execute("UPDATE requests SET begun = begun - 1000")  # another process has its number now
    return Bench(bench.base, state=bench.state)


async def test_a_question_that_its_server_did_not_survive_has_expired(bench: Bench) -> None:
    bench.asker = asker = ScriptedAsker([Answer.EXPIRE])
    following = await crash_server(bench, make_proposal(bench.create("a.py")), when=lambda: asker.questions)
    following.gate.journal.recover()
    (request,) = following.gate.journal.records.list_requests(None, 9)
    assert (request.status, request.verdict, "ask again" in request.reason) == ("expired", "expired", True)
    assert following.read_all() == {}


async def test_the_parts_that_were_left_out_are_known_though_the_server_did_not_survive(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\ny = 2\n")
    bench.asker._answers = [TakenParts(frozenset({"0.0"}))]
    bench.gate._workplace = killed = Killed(bench, before=False)
    edit = make_proposal(bench.change("a.py", "1", "7"), bench.create("c.py"))
    following = await crash_server(bench, edit, when=lambda: killed.down)
    following.gate.journal.recover()
    (request,) = following.gate.journal.records.list_requests(None, 9)
    assert (request.verdict, request.answer, following.read("a.py")) == ("applied", "approve-parts", b"x = 7\ny = 2\n")
    assert request.reason.startswith("1 of 2 parts were taken. Left out: the new file c.py. The server ended before")


@pytest.mark.parametrize("before", [True, False])
async def test_what_was_cut_short_after_the_yes_is_judged_by_the_files_and_can_be_undone(
    bench: Bench,
    before: bool,  # noqa: FBT001
) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.put("b.py", b"x = 1\n")
    assert (await bench.gate.propose(make_proposal(bench.change("b.py", "1", "2")))).applied
    bench.gate._workplace = killed = Killed(bench, before=before)
    edit = make_proposal(bench.change("a.py", "1", "2"), bench.create("c.py"))
    following = await crash_server(bench, edit, when=lambda: killed.down)
    following.gate.journal.recover()
    request = following.gate.journal.records.list_requests(None, 9)[0]
    assert (request.verdict, bool(request.checkpoint)) == ("failed" if before else "applied", True)
    assert request.askable == before
    rows = following.gate.journal.records.list_audit(9, request=request.id)
    assert [(one.action, one.written) for one in rows] == [("create", not before), ("text", not before)]
    assert following.read("a.py") == (b"x = 1\n" if before else b"x = 2\n")
    assert (await following.gate.undo()).applied  # what was not made is not in the way of what was made before it
    left = {"workspace/a.py": b"x = 1\n", "workspace/b.py": b"x = 1\n" if before else b"x = 2\n"}
    assert following.read_all() == left


async def test_what_was_cut_short_is_judged_by_the_next_recorded_change_before_the_files(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.gate._workplace = killed = Killed(bench, before=False)
    edit = make_proposal(bench.change("a.py", "1", "2"))
    following = await crash_server(bench, edit, when=lambda: killed.down)
    following.gate.journal._recovered = True  # it has looked before the other one ended
    assert (await following.gate.propose(make_proposal(following.change("a.py", "2", "3")))).applied
    following.gate.journal.recover()
    last, request = following.gate.journal.records.list_requests(None, 9)
    assert (last.verdict, request.verdict, request.askable) == ("applied", "applied", False)
    (row,) = following.gate.journal.records.list_audit(9, request=request.id)
    assert (row.written, following.read("a.py")) == (True, b"x = 3\n")


async def test_a_question_of_a_server_that_lives_is_left_alone(bench: Bench) -> None:
    bench.asker = ScriptedAsker([Answer.EXPIRE])
    running = asyncio.ensure_future(bench.gate.propose(make_proposal(bench.create("a.py"))))
    await bench.wait_for_question()
    other = Bench(bench.base, state=bench.state)
    other.gate.journal.recover()
    assert [one.status for one in other.gate.journal.records.list_requests(None, 9)] == ["pending"]
    running.cancel()
    await asyncio.wait((running,))


async def test_a_server_that_runs_learns_that_another_one_has_ended(bench: Bench) -> None:
    running = Bench(bench.base, state=bench.state)
    assert running.gate.journal.list_unanswered() == ()
    bench.asker = asker = ScriptedAsker([Answer.EXPIRE])
    await crash_server(bench, make_proposal(bench.create("a.py")), when=lambda: asker.questions)
    (request,) = running.gate.journal.list_unanswered()
    assert (request.status, request.askable) == ("expired", True)


async def test_requests_are_listed_by_status_newest_first(bench: Bench) -> None:
    bench.set_answers(Answer.APPROVE, Answer.REJECT, Answer.APPROVE)
    for name in "abc":
        await bench.gate.propose(make_proposal(bench.create(f"{name}.py"), title=name))
    listed = bench.gate.journal.records.list_requests
    assert [one.title for one in listed(None, 2)] == ["c", "b"]
    from server.gate.records import Status  # noqa: PLC0415

    assert [one.title for one in listed(Status.REJECTED, 9)] == ["b"]


async def test_what_models_write_beside_text_is_recorded_all_the_same(bench: Bench) -> None:
    outcome = await bench.gate.propose(make_proposal(bench.create("a.py"), title="half \ud83d"))
    assert outcome.verdict is Verdict.APPLIED
    assert bench.gate.journal.records.list_requests(None, 1)[0].title == "half \\ud83d"


async def test_two_servers_share_one_record(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one, two = (Bench(tmp_path / name, state=make_state(tmp_path / "state.sqlite3")) for name in ("one", "two"))
    for bench in (one, two):
        request.addfinalizer(bench.state.close)
        bench.base.mkdir()
    proposals = [
        bench.gate.propose(make_proposal(bench.create(f"f{number}.py"))) for number in range(10) for bench in (one, two)
    ]
    outcomes = await asyncio.gather(*proposals)
    assert [outcome.reason for outcome in outcomes if not outcome.applied] == []
    assert len(one.gate.journal.records.list_requests(None, 99)) == 20
    assert len(two.gate.journal.records.list_write_times(0)) == 20


async def test_a_change_that_was_made_in_part_before_a_crash_stays_as_failed_and_the_rest_can_be_asked(
    bench: Bench,
) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.gate._workplace = killed = Killed(bench, before=True)
    edit = make_proposal(bench.change("a.py", "1", "2"), bench.create("c.py"))
    following = await crash_server(bench, edit, when=lambda: killed.down)
    bench.put("a.py", b"x = 2\n")
    following.gate.journal.recover()
    (request,) = following.gate.journal.records.list_requests(None, 9)
    assert (request.verdict, "look at the files" in request.reason) == ("failed", True)
    assert following.gate.journal.records.list_audit(9) == ()
    assert (await following.gate.ask_again(request.id)).applied
    assert following.asker.questions[0].diff.count("+++") == 1


async def test_an_unanswered_question_is_asked_again_once_and_names_the_old_one(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.asker = asker = ScriptedAsker([Answer.EXPIRE])
    edit = make_proposal(bench.change("a.py", "1", "2"))
    following = await crash_server(bench, edit, when=lambda: asker.questions)
    (request,) = following.gate.journal.list_unanswered()
    assert request.askable
    outcome = await following.gate.ask_again(request.id[:8])
    assert (outcome.verdict, following.read("a.py")) == (Verdict.APPLIED, b"x = 2\n")
    new, old = following.gate.journal.records.list_requests(None, 9)
    assert (new.again, new.title, new.by) == (old.id, old.title, old.by)
    assert (old.status, old.askable, new.askable) == ("expired", False, False)
    again = await following.gate.ask_again(request.id)
    assert (again.verdict, "cannot be asked again" in again.reason) == (Verdict.REFUSED, True)
    assert following.read("a.py") == b"x = 2\n"


async def test_a_question_about_a_file_that_has_changed_is_refused_and_can_be_asked_when_it_fits_again(
    bench: Bench,
) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.asker = asker = ScriptedAsker([Answer.EXPIRE])
    edit = make_proposal(bench.change("a.py", "1", "2"))
    following = await crash_server(bench, edit, when=lambda: asker.questions)
    (request,) = following.gate.journal.list_unanswered()
    bench.put("a.py", b"x = 7\n")
    outcome = await following.gate.ask_again(request.id)
    assert (outcome.verdict, "a.py has changed since this was proposed" in outcome.reason) == (Verdict.REFUSED, True)
    assert (following.asker.questions, following.read("a.py")) == ([], b"x = 7\n")
    bench.put("a.py", b"x = 1\n")
    assert (await following.gate.ask_again(request.id)).applied


async def test_a_question_that_expires_once_more_can_be_asked_once_more_under_its_new_id(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.limits = Limits(answer_s=0.01)
    bench.asker = ScriptedAsker([Answer.EXPIRE, Answer.EXPIRE, Answer.APPROVE])
    assert (await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2")))).verdict is Verdict.EXPIRED
    (first,) = bench.gate.journal.list_unanswered()
    assert (await bench.gate.ask_again(first.id)).verdict is Verdict.EXPIRED
    (second,) = bench.gate.journal.list_unanswered()
    assert (second.again, second.id == first.id) == (first.id, False)
    bench.gate._limits = Limits()
    assert (await bench.gate.ask_again(second.id)).applied
    assert bench.gate.journal.list_unanswered() == ()


@pytest.mark.parametrize("answer", [Answer.APPROVE, Answer.REJECT])
async def test_an_answered_question_is_not_asked_again(bench: Bench, answer: Answer) -> None:
    bench.set_answers(answer)
    done = await bench.gate.propose(make_proposal(bench.create("a.py")))
    outcome = await bench.gate.ask_again(done.proposal)
    assert outcome.verdict is Verdict.REFUSED
    assert f"it was {done.verdict}." in outcome.reason
    unknown = await bench.gate.ask_again("zzz")
    assert "There is no request 'zzz'" in unknown.reason


async def test_an_edit_that_two_clients_ask_again_at_once_is_asked_by_one(bench: Bench) -> None:
    bench.put("a.py", b"x = 1\n")
    bench.limits = Limits(answer_s=0.01)
    bench.asker = ScriptedAsker([Answer.EXPIRE])
    await bench.gate.propose(make_proposal(bench.change("a.py", "1", "2")))
    (request,) = bench.gate.journal.list_unanswered()
    others = [Bench(bench.base, state=bench.state) for _ in range(2)]
    outcomes = await asyncio.gather(*(one.gate.ask_again(request.id) for one in others))
    assert sorted(one.verdict for one in outcomes) == [Verdict.APPLIED, Verdict.REFUSED]
    assert sum(len(one.asker.questions) for one in others) == 1
    assert bench.read("a.py") == b"x = 2\n"
