"""The workflow: rounds while the score rises, of which the best is proposed; each is recorded with its cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agents.edits import CreateFile, ProposedEdit, TextChange
from agents.findings import Finding, Severity
from agents.tasks import task_registry
from agents.tasks.task import Nothing, TestRun
from agents.workflow import Workflow, WorkflowResult
from indexing.syntax.documents import Span
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.tasks.scenes import make_scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexing.syntax.documents import Document
    from tests.agents.tasks.scenes import Workplace

STUB = "def add(a, b):\n    $0pass\n"
TEST = {"def test_add():\n    ": "assert add(1, 2) == 3", "assert add(": "1, 2) == 3"}


def review(document: Document) -> tuple[Finding, ...]:
    """Report the first `eval` and the first `exec`."""
    found = []
    for word in ("eval", "exec"):
        at = document.text.find(word)
        if at >= 0:
            found.append(Finding(word, Severity.WARNING, Span(at, at + 4), f"`{word}` runs anything."))
    return tuple(found)


def run_workflow(
    says: Mapping[str, str], most: int = 3, runs: tuple[TestRun, ...] = ()
) -> tuple[WorkflowResult, Workplace]:
    scene, workplace = make_scene(STUB)
    workplace.review = review
    workplace.runs = runs
    task = task_registry.find_task("implement")
    assert task is not None
    return Workflow(scene, workplace.make_resources(ScriptedModel(says))).run(task, most), workplace


def read_code(result: WorkflowResult) -> str:
    assert isinstance(result.result, ProposedEdit), result
    change = result.result.changes[0]
    assert isinstance(change, TextChange)
    return change.after


def test_code_without_findings_takes_one_round_and_comes_with_its_test() -> None:
    result, _ = run_workflow({"    ": "return a + b", **TEST})
    assert read_code(result) == "def add(a, b):\n    return a + b\n"
    assert isinstance(result.result, ProposedEdit)
    (_, test) = result.result.changes
    assert isinstance(test, CreateFile)
    assert "assert add(1, 2) == 3" in test.text
    (only,) = result.rounds
    assert (only.number, only.step, only.findings, result.best) == (1, "generate", 0, 1)
    assert only.tokens > 0
    assert only.score is not None


def test_a_finding_is_refined_away_and_the_score_rises() -> None:
    result, _ = run_workflow({"    ": "return eval(a)", "`eval` runs anything.\n    ": "return int(a)", **TEST})
    assert "int(a)" in read_code(result)
    first, second = result.rounds
    assert (first.step, second.step, first.findings, second.findings, result.best) == ("generate", "refine", 1, 0, 2)
    assert first.score is not None
    assert second.score is not None
    assert second.score > first.score


def test_a_round_without_a_higher_score_ends_the_workflow() -> None:
    result, _ = run_workflow({"    ": "return eval(a)", **TEST})
    assert "eval(a)" in read_code(result)
    assert (len(result.rounds), result.best) == (1, 1)


def test_never_more_rounds_than_allowed() -> None:
    says = {"    ": "return eval(a)", "`eval` runs anything.\n    ": "return int(a)", **TEST}
    assert len(run_workflow(says, most=1)[0].rounds) == 1


def test_the_test_is_run_with_the_code_that_it_tests() -> None:
    result, workplace = run_workflow({"    ": "return a + b", **TEST}, runs=(TestRun(ran=True, passed=1),))
    (code, test), *_ = workplace.ran[0]
    assert isinstance(code, TextChange)
    assert isinstance(test, CreateFile)
    assert "return a + b" in code.after
    assert (result.rounds[0].passed, result.tested) == (1, "1 test passed.")


def test_a_failing_test_costs_points_and_is_told() -> None:
    good, _ = run_workflow({"    ": "return a + b", **TEST}, runs=(TestRun(ran=True, passed=1),))
    bad, _ = run_workflow({"    ": "return a + b", **TEST}, runs=(TestRun(ran=True, failed=1, output="assert 3 == 4"),))
    assert (good.rounds[0].score or 0) - (bad.rounds[0].score or 0) == 10
    assert isinstance(bad.result, ProposedEdit)
    assert any("1 test failed" in note for note in bad.result.notes)


def test_without_a_first_proposal_there_is_no_round_but_a_reason() -> None:
    result, _ = run_workflow({"": ")))"})
    assert isinstance(result.result, Nothing)
    assert (result.rounds, result.best) == ((), 0)


def test_a_file_without_tests_about_it_is_proposed_alone() -> None:
    scene, workplace = make_scene(STUB)
    document = replace(scene.document, path=None, uri="untitled:1")
    task = task_registry.find_task("implement")
    assert task is not None
    model = ScriptedModel({"": "return a + b"})
    result = Workflow(replace(scene, document=document), workplace.make_resources(model)).run(task)
    assert isinstance(result.result, ProposedEdit)
    assert len(result.result.changes) == 1


def test_the_test_is_run_again_in_each_round_with_the_code_of_that_round() -> None:
    says = {"    ": "return eval(a)", "`eval` runs anything.\n    ": "return int(a)", **TEST}
    result, workplace = run_workflow(says, runs=(TestRun(ran=True, passed=1),))
    assert [one.passed for one in result.rounds] == [1, 1]
    first, second = (candidates[0][0] for candidates in (workplace.ran[0], workplace.ran[-1]))
    assert isinstance(first, TextChange)
    assert isinstance(second, TextChange)
    assert ("eval(a)" in first.after, "int(a)" in second.after) == (True, True)


def test_a_person_who_denies_the_test_is_asked_once() -> None:
    says = {"    ": "return eval(a)", "`eval` runs anything.\n    ": "return int(a)", **TEST}
    result, workplace = run_workflow(says, runs=(TestRun(ran=False, output="It was rejected."),))
    assert (len(result.rounds), len(workplace.ran)) == (2, 1)
