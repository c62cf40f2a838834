"""Questions of the gate among the team's figures: how many were asked, and what the person said."""

from __future__ import annotations

import pytest

from server.gate.policy import Limits
from server.gate.ports import Answer
from server.gate.question.scripted_person import ScriptedAsker
from server.state.watching.metrics_store import Metrics
from tests.server.gate.bench import Bench, make_proposal


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a gate in a workspace, with a scripted person."""
    return Bench(tmp_path_factory.mktemp("shop"))


async def test_each_question_to_a_person_is_counted_once_with_its_answer(bench: Bench) -> None:
    bench.write("#- a.py\nx = 1\n")
    answers = (Answer.APPROVE, Answer.REJECT, Answer.APPROVE)
    bench.set_answers(*answers)
    hasty = Bench(bench.base, ScriptedAsker([Answer.EXPIRE]), limits=Limits(answer_s=0.05), state=bench.state)
    for number, _ in enumerate(answers):
        await bench.gate.propose(make_proposal(bench.create(f"new{number}.py")))
    await hasty.gate.propose(make_proposal(hasty.create("another.py")))
    found = {one.outcome: one for one in Metrics(bench.state).list_days(1) if one.kind == "approval"}
    assert {name: (one.name, one.number) for name, one in found.items()} == {
        "yes": ("write_file", 2), "no": ("write_file", 1), "none": ("write_file", 1),
    }  # fmt: skip
    assert {one.outcome: one.number for one in Metrics(bench.state).list_hours(1)} == {"yes": 2, "no": 1, "none": 1}
    await bench.gate.close()


async def test_what_is_refused_before_anybody_is_asked_is_not_counted(bench: Bench) -> None:
    outcome = await bench.gate.propose(make_proposal(bench.create("../outside.py")))
    assert not outcome.applied
    assert Metrics(bench.state).list_days(1) == ()
    await bench.gate.close()
