"""Type hints by evidence in the code, and by the model where the evidence is not enough."""

from __future__ import annotations

import pytest

from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import make_hit
from tests.agents.tasks.scenes import find_offer, get_refusal, make_scene, run_task


def read_hinted_head(fixture: str, says: dict[str, str] | None = None) -> str:
    """Return the head of the first function after the task."""
    scene, workplace = make_scene(fixture)
    result = run_task("type-hints", scene, workplace, says)
    text: str = result.changes[0].after  # type: ignore[union-attr]
    return next(line for line in text.splitlines() if "def " in line)


@pytest.mark.parametrize(
    ("fixture", "head"),
    [
        ("def f($0a=1, b='x', c=True): pass\n", "def f(a: int = 1, b: str = 'x', c: bool = True): pass"),
        ("def f($0a=2.5, b=[]): pass\n", "def f(a: float = 2.5, b: list = []): pass"),
        ("def f($0a):\n    return a.strip()\n\ndef g(a: str): ...\n", "def f(a: str):"),
        ("def f($0a=None):\n    return not a.items()\n", "def f(a: dict | None = None) -> bool:"),
        ("def f($0a):\n    a.append(1)\n", "def f(a: list) -> None:"),
        ("def f($0):\n    return f'{1}'\n", "def f() -> str:"),
        ("def f($0):\n    if g():\n        return 1\n", "def f() -> int | None:"),
        ("def f($0):\n    def g():\n        return 1\n    g()\n", "def f() -> None:"),
        ("class A:\n    def f(self, $0a=0):\n        self.a = a\n", "    def f(self, a: int = 0) -> None:"),
    ],
)  # fmt: skip
def test_evidence_needs_no_model(fixture: str, head: str) -> None:
    assert read_hinted_head(fixture) == head


@pytest.mark.parametrize(
    "fixture",
    [
        "def f($0a):\n    yield a\n",
        "def f($0):\n    return g() if h() else 1\n",
        "def f($0a):\n    return a\n",
        "def f($0a):\n    raise g(a)\n",
    ],
)
def test_without_evidence_nothing_is_made_up(fixture: str) -> None:
    assert "Neither the code nor the model shows" in get_refusal("type-hints", fixture, None)


def test_the_model_chooses_where_there_is_no_evidence() -> None:
    assert read_hinted_head("def f($0a):\n    return g(a)\n", {"a: ": "str"}) == "def f(a: str):"


@pytest.mark.parametrize("says", ["Unknown", "str[", "a, b", "1", "object", "lambda"])
def test_a_type_that_the_file_does_not_know_is_not_written(says: str) -> None:
    assert "Neither the code nor the model" in get_refusal(
        "type-hints", "def f($0a):\n    return g(a)\n", {"a: ": says}
    )


def test_a_type_of_the_workspace_counts_where_the_file_imports_it() -> None:
    scene, workplace = make_scene("from shapes import Box\n\ndef f($0box):\n    return g(box)\n")
    workplace.index.hits = (
        make_hit("other.py", "def h(box: Box, n: int): ...\n"),
        make_hit("x.py", "def i(box: Box): ...\n"),
    )
    result = run_task("type-hints", scene, workplace, None)
    assert "def f(box: Box)" in result.changes[0].after  # type: ignore[union-attr]


def test_what_is_annotated_stays_as_it_is() -> None:
    assert read_hinted_head("def f($0a: 'X', b=1) -> Y:\n    return a\n") == "def f(a: 'X', b: int = 1) -> Y:"


def test_starred_parameters_are_left_to_evidence() -> None:
    scene, workplace = make_scene("def f($0*args, **kw):\n    print(args, kw)\n")
    model = ScriptedModel({"": "str"})
    result = run_task("type-hints", scene, workplace, model)
    assert result.changes[0].after.startswith("def f(*args, **kw) -> None")  # type: ignore[union-attr]


def test_it_is_offered_in_python_only_and_only_where_something_is_missing() -> None:
    assert find_offer("type-hints", "function f($0a) {\n}\n", "a.js") is None
    assert find_offer("type-hints", "def f($0a: int) -> int:\n    return a\n") is None
    assert find_offer("type-hints", "def f($0a: int):\n    return a\n") is not None


def test_parameters_without_evidence_are_named() -> None:
    scene, workplace = make_scene("def f($0a, b=1):\n    return g(a)\n")
    result = run_task("type-hints", scene, workplace, None)
    assert result.notes == ("There is no evidence for the type of: a.",)  # type: ignore[union-attr]


@pytest.mark.parametrize("other", ["ab", "self.b"])
def test_a_comparison_of_another_name_with_none_makes_no_parameter_optional(other: str) -> None:
    code = f"def f(self, ab, $0b=1):\n    return b.bit_length() if {other} is None else 0\n"
    assert "b: int = 1" in read_hinted_head(code)
