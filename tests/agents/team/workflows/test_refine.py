"""The workflow `refine` end to end: a real repository, real runs of its tests, a scripted model."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agents.team.events import TextArrived, TurnStatus
from agents.team.workflows import best_round
from agents.team.workflows.workflow_state import WorkflowState
from tests.agents.team.bench import FakeOutcome
from tests.agents.team.workflows.flows import ADD, AREA, HEAD, Died, Flow, make_repository, replace, section, write

if TYPE_CHECKING:
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the double of the runner uses /bin/sh")

TEST = f"{HEAD}        self.assertEqual(area.triple(2), 6)\n"
GENERATE = section("Write the code, and tests for it", ADD, write("test_area.py", TEST), "triple is there.")
DOCUMENT = replace("area.py", "def triple(x):\n", 'def triple(x):\n    """Return three times x."""\n')
REFINE = section("Refine the code", DOCUMENT, "It says now what it does.")
REVIEWED = "Judge these changes"
PATH = ["generate", "tests", "review", "rounds", "refine", "tests", "review", "commit"]


def judge(score: float, *problems: str, **more: Any) -> str:
    """Return a judgement, as a model answers it."""
    points = [{"where": "area.py:5", "problem": one, "proposal": "Say it."} for one in problems]
    return json.dumps({"score": score, "reasoning": "It does what was asked.", "points": points, **more})


REVIEW = section(REVIEWED, judge(60, "Nothing says what triple returns."), judge(90))
PAGE = GENERATE + REFINE + REVIEW


@pytest.fixture
def repository(bench: TeamBench) -> TeamBench:
    """Return a workspace that is a repository."""
    make_repository(bench.root, {"area.py": AREA})
    return bench


async def test_code_is_refined_until_the_score_is_enough_then_committed(
    repository: TeamBench, store: SessionStore
) -> None:
    flow = Flow(repository, store, PAGE, "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH
    assert "Review by reviewer, scores 60, 90:" in ended.text
    assert "Score: 90 of 100." in ended.text
    assert "Return three times x." in flow.git("show", "HEAD:area.py")
    refining = next(one for one in flow.bench.chat.requests if "Refine the code" in one.messages[1].text)
    assert "- area.py:5: Nothing says what triple returns. Say it." in refining.messages[1].text
    shown = "".join(one.text for one in flow.events if isinstance(one, TextArrived))
    assert "score" not in shown


async def test_a_score_that_is_enough_at_once_needs_no_round(repository: TeamBench, store: SessionStore) -> None:
    flow = Flow(repository, store, GENERATE + section(REVIEWED, judge(80)), "refine")
    assert (await flow.run()).status is TurnStatus.DONE
    assert flow.steps == ["generate", "tests", "review", "commit"]


async def test_a_round_that_does_not_raise_the_score_ends_the_workflow(
    repository: TeamBench, store: SessionStore
) -> None:
    review = section(REVIEWED, judge(60, "No docstring."), judge(60, "It is long."))
    flow = Flow(repository, store, GENERATE + REFINE + review, "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "The last round did not raise the score." in ended.text
    assert "Scores 60, 60; the judgement with the highest one:" in ended.text
    assert "The files are those of the round with the highest score (60)." in ended.text
    assert flow.steps[-2:] == ["review", "not_better"]
    assert flow.git("log", "--format=%s") == "first\n"
    assert "def triple(x):\n    return 3 * x\n" in repository.read("area.py")
    assert repository.read("test_area.py") == TEST


async def test_the_round_with_the_best_score_is_kept_though_later_ones_follow(
    repository: TeamBench, store: SessionStore
) -> None:
    wrong = replace("area.py", "return 3 * x", "return 4 * x"), write("note.md", "Four.\n")
    refine = section("Refine the code", DOCUMENT, "Documented.", wrong[0], wrong[1], "Tried four.", "I see nothing.")
    flow = Flow(repository, store, GENERATE + refine + section(REVIEWED, judge(40), judge(70, "Short.")), "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "After three rounds the tests fail" in ended.text
    assert "The files are those of the round with the highest score (70)." in ended.text
    assert "Score: 70 of 100." in ended.text
    assert "Return three times x." in repository.read("area.py")
    assert "return 3 * x" in repository.read("area.py")
    assert not (repository.root / "note.md").exists()


async def test_a_best_round_that_cannot_be_restored_is_told_with_the_reason(
    repository: TeamBench, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> FakeOutcome:
        return FakeOutcome(applied=False, reason="area.py has changed since.", checkpoint="")

    monkeypatch.setattr(repository.gate, "undo", refuse)
    review = section(REVIEWED, judge(60, "No docstring."), judge(50, "It is long."))
    ended = await Flow(repository, store, GENERATE + REFINE + review, "refine").run()
    assert "highest score (60) could not all be taken back: area.py has changed since." in ended.text
    assert "Return three times x." in repository.read("area.py")


def test_of_very_many_changes_after_the_best_score_none_is_taken_back() -> None:
    state = WorkflowState("refine", "r", "review", since_best={"review": []})
    for number in range(best_round.MOST_CHANGES + 5):
        best_round.note_change(state, str(number))
    assert len(state.since_best["review"]) == best_round.MOST_CHANGES + 1
    assert state.since_best["review"][-1] == best_round.TOO_MANY


async def test_after_three_rounds_the_workflow_ends(repository: TeamBench, store: SessionStore) -> None:
    review = section(REVIEWED, *(judge(score, "More.") for score in (40, 50, 60, 70)))
    refine = section("Refine the code", "I see nothing to change.")
    flow = Flow(repository, store, GENERATE + refine + review, "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "After three rounds the tests fail or the score is too low." in ended.text
    assert flow.steps.count("refine") == 3
    assert "Scores 40, 50, 60, 70; the judgement with the highest one:" in ended.text


async def test_failing_tests_are_refined_before_anybody_reviews(repository: TeamBench, store: SessionStore) -> None:
    wrong = ADD.replace("3 * x", "4 * x")
    generate = section("Write the code, and tests for it", wrong, write("test_area.py", TEST), "Done.")
    refine = section("Refine the code", replace("area.py", "4 * x", "3 * x"), "It was 4.")
    flow = Flow(repository, store, generate + refine + section(REVIEWED, judge(95)), "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == ["generate", "tests", "rounds", "refine", "tests", "review", "commit"]
    refining = next(one for one in flow.bench.chat.requests if "Refine the code" in one.messages[1].text)
    assert "test_triple" in refining.messages[1].text


async def test_a_reviewer_that_answers_nonsense_is_asked_once_more(repository: TeamBench, store: SessionStore) -> None:
    review = section(REVIEWED, "It is lovely.", judge(85))
    flow = Flow(repository, store, GENERATE + review, "refine")
    assert (await flow.run()).status is TurnStatus.DONE
    again = flow.bench.chat.requests[-1].messages[-1].text
    assert "that is not the JSON object that was asked for: there is no JSON object in it" in again


@pytest.mark.parametrize("nonsense", ["It is lovely.", judge(850), json.dumps({"score": "high", "reasoning": "x"})])
async def test_a_reviewer_that_gives_no_score_twice_ends_the_workflow(
    repository: TeamBench, store: SessionStore, nonsense: str
) -> None:
    flow = Flow(repository, store, GENERATE + section(REVIEWED, nonsense), "refine")
    ended = await flow.run()
    assert ended.status is TurnStatus.LIMIT
    assert "reviewer gave no score. It answered twice without the JSON object" in ended.text
    assert "triple" in repository.read("area.py")
    assert flow.git("log", "--format=%s") == "first\n"


async def test_where_no_tests_can_be_run_the_review_decides(repository: TeamBench, store: SessionStore) -> None:
    flow = Flow(repository, store, GENERATE + section(REVIEWED, judge(85)), "refine")
    object.__setattr__(flow.team.bench, "choose_tests", lambda *_: "No tests are known; set `review.testCommand`.")
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert "tests: The tests could not be run: " in ended.text
    assert flow.steps == ["generate", "tests", "review", "commit"]


async def test_the_reviewer_changes_nothing(repository: TeamBench, store: SessionStore) -> None:
    review = section(REVIEWED, write("note.md", "Good.\n"), judge(85))
    flow = Flow(repository, store, GENERATE + review, "refine")
    assert (await flow.run()).status is TurnStatus.DONE
    assert not (repository.root / "note.md").exists()


@pytest.mark.parametrize("number", range(len(PATH)))
async def test_after_a_kill_the_workflow_goes_on_at_the_open_step(
    repository: TeamBench, store: SessionStore, number: int
) -> None:
    step = PATH[number]
    flow = Flow(repository, store, PAGE, "refine", die_at=step, die_visit=PATH[:number].count(step))
    with pytest.raises(Died):
        await flow.run()
    assert flow.steps == PATH[:number]
    ended = await flow.run()
    assert ended.status is TurnStatus.DONE, ended.text
    assert flow.steps == PATH
    assert "scores 60, 90:" in ended.text
    assert flow.git("rev-list", "--count", "HEAD") == "2\n"
