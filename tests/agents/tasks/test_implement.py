"""Bodies for functions that have none, and blocks at the cursor."""

from __future__ import annotations

import pytest

from agents.edits import ProposedEdit
from agents.findings import Finding, Severity
from agents.tasks.filling import Cancelled
from indexing.syntax.documents import Document, Span
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.tasks.scenes import apply_task, find_offer, get_refusal, make_scene, run_task


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a):\n    $0pass\n", "def f(a):\n    return a + 1\n"),
        ("def f(a): .$0..\n\n\nx = 1\n", "def f(a):\n    return a + 1\n\n\nx = 1\n"),
        ("def f(a):\n    $0\n\nx = 1\n", "def f(a):\n    return a + 1\n\nx = 1\n"),
        ('def f(a):\n    """Add."""$0\n', 'def f(a):\n    """Add."""\n    return a + 1\n'),
        ("def f(a):$0\n    raise NotImplementedError\n", "def f(a):\n    return a + 1\n"),
        (
            "class A:\n\tdef f(a):\n\t\t$0pass\n\n\tdef g(): return 1\n",
            "class A:\n\tdef f(a):\n\t\treturn a + 1\n\n\tdef g(): return 1\n",
        ),
        ("def f(a):\r\n    pa$0ss\r\nx = 1\r\n", "def f(a):\r\n    return a + 1\r\nx = 1\r\n"),
    ],
)
def test_the_body_replaces_the_stub_and_nothing_else_changes(before: str, after: str) -> None:
    assert apply_task("implement", before, {"": "return a + 1"}) == after


@pytest.mark.parametrize(
    ("name", "before", "says", "after"),
    [
        ("a.js", "function f(a) {$0}\n", "return a + 1;", "function f(a) {\n    return a + 1;\n}\n"),
        ("a.go", "func f() int {\n\tpan$0ic(1)\n}\n", "return 1", "func f() int {\n\treturn 1\n}\n"),
        ("a.rs", "fn f(a: i32) -> i32 { to$0do!() }\n", "a + 1", "fn f(a: i32) -> i32 {\n    a + 1\n}\n"),
    ],
)  # fmt: skip
def test_braces_stay_where_they_are(name: str, before: str, says: str, after: str) -> None:
    assert apply_task("implement", before, {"": says}, name) == after


def test_only_what_parses_is_proposed() -> None:
    scene, workplace = make_scene("def f(a):\n    $0pass\n")
    model = ScriptedModel({"": "return (a +"}, alternatives={"": ("return a",)})
    result = run_task("implement", scene, workplace, model)
    assert isinstance(result, ProposedEdit)
    assert result.changes[0].after == "def f(a):\n    return a\n"  # type: ignore[union-attr]


def test_what_python_refuses_and_the_grammar_forgives_is_not_proposed() -> None:
    assert "parses" in get_refusal("implement", "def f(a):\n    $0pass\n", {"": 'print "a"'})


@pytest.mark.parametrize("says", ["", "pass", "...", "raise NotImplementedError", ")))", "\x00\x01"])
def test_a_model_without_an_answer_gives_a_reason(says: str) -> None:
    assert "The model found no body for `f` that parses; nothing was changed" in get_refusal(
        "implement", "def f(a):\n    $0pass\n", {"": says}
    )


def test_the_model_sees_all_but_the_stub() -> None:
    scene, workplace = make_scene('def f(a):\n    """Add one."""\n    $0pass\n\nx = f(1)\n')
    model = ScriptedModel({"": "return a + 1"})
    run_task("implement", scene, workplace, model)
    (request,) = model.requests
    assert (request.prefix, request.suffix) == ('def f(a):\n    """Add one."""\n    ', "\n\nx = f(1)\n")


def test_a_candidate_without_a_new_finding_goes_before_a_likelier_one_with() -> None:
    def review(document: Document) -> tuple[Finding, ...]:
        at = document.text.find("eval")
        return (Finding("eval", Severity.WARNING, Span(at, at + 4), "Runs anything."),) if at >= 0 else ()

    scene, workplace = make_scene("def f(a):\n    $0pass\n")
    workplace.review = review
    model = ScriptedModel({"": "return eval(a)"}, alternatives={"": ("return int(a)",)})
    result = run_task("implement", scene, workplace, model)
    assert isinstance(result, ProposedEdit)
    assert "int(a)" in result.changes[0].after  # type: ignore[union-attr]


def test_a_name_that_nothing_binds_is_no_code() -> None:
    def review(document: Document) -> tuple[Finding, ...]:
        at = document.text.find("nowhere")
        return (Finding("F821", Severity.WARNING, Span(at, at + 7), "Undefined."),) if at >= 0 else ()

    scene, workplace = make_scene("def f(a):\n    $0pass\n")
    workplace.review = review
    assert not isinstance(run_task("implement", scene, workplace, {"": "return nowhere"}), ProposedEdit)


def test_without_a_model_it_says_which_setting_gives_one() -> None:
    assert "model.enabled" in get_refusal("implement", "def f(a):\n    $0pass\n", None)


def test_a_secret_file_is_shown_to_no_model() -> None:
    scene, workplace = make_scene("def f(a):\n    $0pass\n")
    workplace.index.excluded["main.py"] = "secret"
    model = ScriptedModel({"": "return a"})
    assert "kept from models (secret)" in str(run_task("implement", scene, workplace, model))
    assert model.requests == []


def test_cancelled_work_ends_without_a_result() -> None:
    scene, workplace = make_scene("def f(a):\n    $0pass\n")
    workplace.cancelled = lambda: True
    with pytest.raises(Cancelled):
        run_task("implement", scene, workplace, {"": "return a"})


def test_a_function_with_a_body_is_offered_none() -> None:
    assert find_offer("implement", "def f(a):\n    $0return a\n") is None
    assert find_offer("implement", "def f(a): $0...\n") is not None
    assert find_offer("implement", "#- main.pyi\ndef f(a): $0...\n", "main.pyi") is None


def test_a_block_is_completed_at_the_end_of_a_line() -> None:
    after = apply_task("complete", "def f(items):\n    for item in items:$0\n", {"": "\n        print(item)"})
    assert after == "def f(items):\n    for item in items:\n        print(item)\n"


def test_a_block_of_the_wrong_depth_is_not_proposed() -> None:
    assert "parses" in get_refusal(
        "complete", "def f(items):\n    for item in items:\n$0\n    return 1\n", {"": "def f(items):"}
    )


@pytest.mark.parametrize("fixture", ["x = $0f(1)\n", '"""$0"""\n', "def f(a):\n    $0pass\n"])
def test_no_block_is_offered_inside_of_a_line_a_string_or_a_stub(fixture: str) -> None:
    assert find_offer("complete", fixture) is None
