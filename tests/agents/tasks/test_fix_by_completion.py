"""Findings fixed by a completion model that rewrites their lines."""

from __future__ import annotations

import re
from dataclasses import replace

from agents.edits import Edit, ProposedEdit, TextChange
from agents.findings import Finding, Fix, Severity
from agents.tasks import task_registry
from agents.tasks.task import Nothing, TestRun
from indexing.syntax.documents import Document, Span
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.tasks.scenes import make_scene, run_task

FIXTURE = "def f(a):\n    b = a\n    $0return eval(a)\n"


def review(document: Document) -> tuple[Finding, ...]:
    """Report the first `eval` and the first `exec`."""
    found = []
    for word in ("eval", "exec"):
        at = document.text.find(word)
        if at >= 0:
            found.append(Finding(word, Severity.WARNING, Span(at, at + 4), f"`{word}` runs whatever it is given."))
    return tuple(found)


def test_the_line_is_written_anew_and_the_finding_is_gone() -> None:
    scene, workplace = make_scene(FIXTURE)
    workplace.review = review
    result = run_task("fix", scene, workplace, {"": "return int(a)"})
    assert isinstance(result, ProposedEdit)
    assert result.changes[0].after == "def f(a):\n    b = a\n    return int(a)\n"  # type: ignore[union-attr]
    assert (result.title, result.why) == ("Fix eval", "`eval` runs whatever it is given.")


def test_the_model_is_told_what_is_wrong_but_the_file_is_not() -> None:
    scene, workplace = make_scene(FIXTURE)
    workplace.review = review
    model = ScriptedModel({"": "return int(a)"})
    result = run_task("fix", scene, workplace, model)
    assert "# `eval` runs whatever it is given.\n    " in model.requests[0].prefix
    assert "whatever" not in result.changes[0].after  # type: ignore[union-attr]


def test_lines_that_keep_the_finding_or_bring_another_are_dropped() -> None:
    scene, workplace = make_scene(FIXTURE)
    workplace.review = review
    for says in ("return eval(b)", "return exec(a)", "return (a", ""):
        assert isinstance(run_task("fix", scene, workplace, {"": says}), Nothing)


def test_other_findings_in_the_selected_lines_do_not_count_as_fixed() -> None:
    def review_all(document: Document) -> tuple[Finding, ...]:
        places = [found.start() for found in re.finditer("eval", document.text)]
        return tuple(Finding("eval", Severity.WARNING, Span(at, at + 4), "Runs anything.") for at in places)

    scene, workplace = make_scene("def f(a):\n    $0b = eval(a)\n    return eval(b)\n")
    scene = replace(scene, span=Span(scene.span.start, len(scene.document.text)))
    workplace.review = review_all
    assert isinstance(run_task("fix", scene, workplace, {"": "b = eval(str(a))"}), Nothing)
    result = run_task("fix", scene, workplace, {"": "b = int(a)"})
    assert isinstance(result, ProposedEdit)
    assert result.changes[0].after == "def f(a):\n    b = int(a)\n    return eval(b)\n"  # type: ignore[union-attr]


def test_a_finding_that_is_gone_by_now_is_said() -> None:
    scene, workplace = make_scene("x$0 = 1\n")
    assert "not there any more" in str(run_task("fix", scene, workplace, {"": "y"}))


def test_it_is_offered_for_findings_whose_fix_is_not_known() -> None:
    finding = Finding("eval", Severity.WARNING, Span(30, 34), "Runs anything.")
    known = Finding("eval", Severity.WARNING, Span(30, 34), "x", fix=Fix("Drop it", (Edit(30, 34, ""),)))
    task = task_registry.find_task("fix")
    assert task is not None
    offered = task.offer(make_scene(FIXTURE, findings=(finding,))[0])
    assert offered is not None
    assert (offered.finding, offered.title) == (finding, "Fix with the model: eval")
    assert task.offer(make_scene(FIXTURE, findings=(known,))[0]) is None
    assert task.offer(make_scene(FIXTURE)[0]) is None


TESTED = """
#- main.py
def f(a):
    $0return eval(a)
#- tests/test_main.py
from main import f

def test_f():
    assert f("1") == 1
"""


def test_tests_of_the_function_are_run_with_the_fix_and_the_result_is_shown() -> None:
    scene, workplace = make_scene(TESTED)
    workplace.review, workplace.runs = review, (TestRun(ran=True, passed=1),)
    result = run_task("fix", scene, workplace, {"": "return int(a)"})
    assert isinstance(result, ProposedEdit)
    assert result.notes == ("1 test passed.",)
    ((tried,), *_), *_ = workplace.ran
    assert isinstance(tried, TextChange)
    assert "return int(a)" in tried.after


def test_of_several_fixes_the_one_with_which_the_tests_pass_is_proposed() -> None:
    scene, workplace = make_scene(TESTED)
    workplace.review = review
    workplace.runs = (TestRun(ran=True, failed=1, output="no"), TestRun(ran=True, passed=1))
    says = {"runs whatever it is given.\n    ": "return float(a)", "def f(a):\n    ": "return int(a)"}
    result = run_task("fix", scene, workplace, says)
    assert isinstance(result, ProposedEdit)
    assert result.notes == ("1 test passed.",)
    second = workplace.ran[0][1][0]
    assert result.changes == (second,)


def test_a_failing_test_is_told_and_without_tests_of_the_function_nobody_is_asked() -> None:
    scene, workplace = make_scene(TESTED)
    workplace.review, workplace.runs = review, (TestRun(ran=True, failed=1, output="assert 1 == 2"),)
    result = run_task("fix", scene, workplace, {"": "return int(a)"})
    assert "1 test failed, 0 passed: assert 1 == 2" in result.notes  # type: ignore[union-attr]
    scene, workplace = make_scene(TESTED.replace("import f", "import g").replace("f(", "g(").replace("g(a)", "f(a)"))
    workplace.review = review
    assert isinstance(run_task("fix", scene, workplace, {"": "return int(a)"}), ProposedEdit)
    assert workplace.ran == []
