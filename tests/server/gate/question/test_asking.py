"""Asking about an edit: without an answer the request expires, is withdrawn or fails, and no file changes."""

# ruff: noqa: ARG002 (doubles take what the real ones take)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from server.gate.policy import Limits
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from tests.server.gate.bench import make_proposal

if TYPE_CHECKING:
    from tests.server.gate.bench import Bench

SOURCE = """
#- area.py
def area(r):
    return 3.14 * r * r
"""


@pytest.mark.parametrize("answer_s", [0.0, 0.05])  # 0: the time is over before the loop has a turn
async def test_an_edit_nobody_answers_expires_and_the_question_is_taken_down(bench: Bench, answer_s: float) -> None:
    bench.write(SOURCE)
    bench.limits = Limits(answer_s=answer_s)
    before = bench.read_all()
    bench.set_answers(Answer.EXPIRE)
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert (outcome.verdict, bench.read_all(), bench.asker.taken_down) == (Verdict.EXPIRED, before, 1)
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.status, request.answer) == ("expired", "expire")


@pytest.mark.parametrize(("asker", "said"), [
    (ScriptedAsker([Answer.UNABLE]), "cannot show a question"),
    (ScriptedAsker(obstacle="It takes no edits."), "takes no edits"),
])  # fmt: skip
async def test_where_nobody_can_be_asked_the_answer_is_no(bench: Bench, asker: ScriptedAsker, said: str) -> None:
    bench.write(SOURCE)
    before = bench.read_all()
    bench.asker = asker
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert (outcome.verdict, said in outcome.reason, bench.read_all()) == (Verdict.REFUSED, True, before)


async def test_a_request_that_is_cancelled_is_withdrawn_from_the_screen(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.set_answers(Answer.EXPIRE)
    wanted = True
    asking = asyncio.ensure_future(
        bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")), cancelled=lambda: not wanted)
    )
    await bench.wait_for_question()
    wanted = False
    outcome = await asking
    assert (outcome.verdict, "cancelled" in outcome.reason, bench.asker.taken_down) == (Verdict.EXPIRED, True, 1)


async def test_a_task_that_is_cancelled_is_recorded_as_withdrawn(bench: Bench) -> None:
    bench.write(SOURCE)
    bench.set_answers(Answer.EXPIRE)
    asking = asyncio.ensure_future(bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3"))))
    await bench.wait_for_question()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.status, "cancelled" in request.reason) == ("expired", True)


async def test_an_asker_that_breaks_down_is_recorded_and_writes_nothing(bench: Bench) -> None:
    class Broken(ScriptedAsker):
        async def ask(self, question: object) -> Answer:
            raise ZeroDivisionError

    bench.write(SOURCE)
    before = bench.read_all()
    bench.asker = Broken()
    with pytest.raises(ZeroDivisionError):
        await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    (request,) = bench.gate.journal.records.list_requests(None, 9)
    assert (request.status, "ZeroDivisionError" in request.reason, bench.read_all()) == ("failed", True, before)
