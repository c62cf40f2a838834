"""Bodies for functions that have none, and blocks at the cursor."""

from __future__ import annotations

import pytest

from agents.edits import ProposedEdit
from agents.findings import Finding, Severity
from agents.tasks.filling import Cancelled
from agents.tasks.implement import LINES
from agents.tasks.task import Nothing
from indexing.syntax.documents import Document, Span
from models.chat import ChatError
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.tasks.scenes import (
    apply_task,
    find_offer,
    get_refusal,
    make_scene,
    read_after,
    run_chat_task,
    run_task,
)


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


HEAD = "import math\n\n\nclass Circle:\n    r = 1\n\n    def area(self):\n        "
BODY = "```python\ndef area(self):\n    return math.pi * self.r**2\n```"


def test_a_chat_model_writes_the_body_before_a_completion_model_is_asked() -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    chat, model = ScriptedChat(f"===\n{BODY}"), ScriptedModel({"": "return 0"})
    result = run_chat_task("implement", scene, workplace, chat, model=model)
    assert read_after(result) == f"{HEAD}return math.pi * self.r**2\n"
    assert isinstance(result, ProposedEdit)
    assert (result.title, result.model) == ("Implement `area`", "scripted")
    assert not model.requests
    (request,) = chat.requests
    assert (
        "Complete the function `area`. Answer with the function `area`, whole, in python" in request.messages[-1].text
    )


def test_a_chat_model_alone_is_enough() -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    assert "math.pi" in read_after(run_chat_task("implement", scene, workplace, ScriptedChat(f"===\n{BODY}")))


def test_a_function_that_comes_back_without_a_body_is_asked_for_once_more() -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    empty = "```python\ndef area(self):\n    pass\n```"
    chat = ScriptedChat(f"=== has none yet\n{BODY}\n===\n{empty}")
    assert "math.pi" in read_after(run_chat_task("implement", scene, workplace, chat))
    assert len(chat.requests) == 2


@pytest.mark.parametrize(
    "says",
    [
        "I cannot do that.",
        "```python\ndef area(self):\n    ...\n```",
        "```python\ndef area(self):\n    return (\n```",
        "```python\ndef volume(self):\n    return 1\n```",
    ],
)
def test_without_a_usable_answer_of_the_chat_model_the_completion_model_fills_in_the_body(says: str) -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    model = ScriptedModel({"": "return 3 * self.r"})
    chat = ScriptedChat(f"===\n{says}")
    result = run_chat_task("implement", scene, workplace, chat, model=model)
    assert read_after(result) == f"{HEAD}return 3 * self.r\n"


def test_a_chat_model_that_fails_is_replaced_by_the_completion_model_where_there_is_one() -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    script = "===\n@status 500"
    model = ScriptedModel({"": "return 3"})
    assert "return 3" in read_after(run_chat_task("implement", scene, workplace, ScriptedChat(script), model=model))
    with pytest.raises(ChatError):
        run_chat_task("implement", scene, workplace, ScriptedChat(script))


def test_without_any_model_the_person_is_told_what_to_set() -> None:
    scene, workplace = make_scene(f"{HEAD}$0pass\n")
    result = run_chat_task("implement", scene, workplace, None)
    assert isinstance(result, Nothing)
    assert result.unavailable


def test_a_body_that_is_cut_off_by_the_limit_is_not_proposed() -> None:
    long = "\n    ".join(f"a += {number}" for number in range(2 * LINES))
    assert "no body" in get_refusal("implement", "def f(a):\n    $0pass\n", {"": long})


def test_of_two_functions_with_one_name_the_one_at_the_cursor_is_implemented() -> None:
    text = "class A:\n    def f(self):\n        pass\n\n\nclass B:\n    def f(self):\n        $0pass\n"
    assert apply_task("implement", text, {"": "return 1"}) == text.replace("$0pass", "return 1")
