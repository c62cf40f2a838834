"""The time to answer a question: it does not pass while the question waits behind another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from server.gate.policy import Limits
from server.gate.ports import Answer
from server.gate.question.answer_clock import AnswerClock
from server.gate.question.scripted_person import ScriptedAsker
from server.gate.question.waiting import wait_unless_cancelled
from tests.server.gate.bench import make_proposal

if TYPE_CHECKING:
    from server.gate.ports import Question
    from tests.server.gate.bench import Bench


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_seconds_pass_only_while_the_clock_runs() -> None:
    time = Time()
    clock = AnswerClock(time)
    time.now = 5
    assert (clock.is_running, clock.elapsed_s) == (False, 0)
    clock.start()
    time.now = 7
    clock.start()
    time.now = 8
    assert clock.elapsed_s == 3
    clock.stop()
    clock.stop()
    time.now = 100
    assert (clock.is_running, clock.elapsed_s) == (False, 3)
    clock.start()
    time.now = 101
    assert clock.elapsed_s == 4


@pytest.mark.parametrize("runs", [True, False])
async def test_a_wait_ends_at_the_limit_only_if_the_clock_runs(*, runs: bool) -> None:
    time = Time()
    clock = AnswerClock(time)
    clock.start()
    time.now = 1000
    if not runs:
        clock.stop()
    work = asyncio.get_running_loop().create_future()
    asked: list[int] = []

    def has_ended() -> bool:
        asked.append(1)
        if len(asked) > 2:
            work.set_result(None)
        return False

    assert await wait_unless_cancelled(work, 300, has_ended, clock) is not runs


@pytest.mark.parametrize("waits", [True, False])
async def test_the_time_of_a_question_behind_another_one_does_not_run_out(bench: Bench, *, waits: bool) -> None:
    class Busy(ScriptedAsker):
        """Answers after some turns of the loop, with the clock stopped meanwhile if the question waits."""

        async def ask(self, question: Question) -> Answer:
            if waits:
                question.clock.stop()
            for _ in range(5):
                await asyncio.sleep(0)
            return Answer.APPROVE

    bench.write("#- area.py\nx = 3.14\n")
    bench.limits = Limits(answer_s=0.0)  # the time is over before the loop has a turn
    bench.asker = Busy()
    outcome = await bench.gate.propose(make_proposal(bench.change("area.py", "3.14", "3")))
    assert ("Nobody answered" in outcome.reason) is not waits
