"""Documentation in the style of the file, whatever the model writes."""

from __future__ import annotations

import pytest

from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import make_hit
from tests.agents.tasks.scenes import apply_task, find_offer, get_refusal, make_scene, run_task

SAYS = {
    '"""': "Return the sum of both numbers.",
    "a: ": "The first number.",
    "b: ": "The second number.",
    "Returns:\n        ": "Their sum.",
    "ValueError: ": "When one is negative.",
}
FUNCTION = "def add($0a, b):\n    if a < 0:\n        raise ValueError(a)\n    return a + b\n"


def build_neighbour(docstring: str) -> str:
    return f'def other(x):\n    """{docstring}"""\n\n\n'


def test_without_other_docstrings_it_is_one_sentence() -> None:
    assert apply_task("docstring", FUNCTION, SAYS).split("\n")[1] == '    """Return the sum of both numbers."""'


def test_google_style() -> None:
    google = build_neighbour("Other.\n\n    Args:\n        x: It.\n    ")
    assert apply_task("docstring", google + FUNCTION, SAYS) == google + (
        'def add(a, b):\n    """Return the sum of both numbers.\n\n    Args:\n        a: The first number.\n'
        "        b: The second number.\n\n    Returns:\n        Their sum.\n\n    Raises:\n"
        '        ValueError: When one is negative.\n    """\n'
        "    if a < 0:\n        raise ValueError(a)\n    return a + b\n"
    )


def test_numpy_style() -> None:
    numpy = build_neighbour("Other.\n\n    Parameters\n    ----------\n    x : int\n    ")
    says = {'"""': "Return a sum.", "a : int\n        ": "The first.", "b\n        ": "The second."}
    after = apply_task("docstring", numpy + "def add($0a: int, b):\n    pass\n", says)
    assert "    Parameters\n    ----------\n    a : int\n        The first.\n    b\n        The second.\n" in after


def test_sphinx_style() -> None:
    sphinx = build_neighbour("Other.\n\n    :param x: it\n    :return: all\n    ")
    says = {'"""': "Return a sum.", ":param a: ": "The first.", ":param b: ": "The second.", ":return: ": "The sum."}
    after = apply_task("docstring", sphinx + "def add($0a, b):\n    return a\n", says)
    assert (
        '"""Return a sum.\n\n    :param a: The first.\n    :param b: The second.\n    :return: The sum.\n    """'
        in after
    )


def test_the_workspaces_style_counts_where_the_file_has_none() -> None:
    scene, workplace = make_scene(FUNCTION)
    workplace.index.hits = (make_hit("other.py", 'def f(x):\n    """Do.\n\n    Args:\n        x: It.\n    """\n'),)
    assert "Args:" in str(run_task("docstring", scene, workplace, SAYS))


def test_quotes_and_the_place_of_the_first_line_follow_the_file() -> None:
    other = "def other(x):\n    '''\n    Other thing\n    '''\n\n\n"
    after = apply_task(
        "docstring", other + "def add($0a, b):\n    return a\n", {"'''\n    ": "Return the sum of both."}
    )
    assert "def add(a, b):\n    '''\n    Return the sum of both\n    '''\n    return a\n" in after


def test_a_parameter_without_words_is_left_out_and_named() -> None:
    google = build_neighbour("Other.\n\n    Args:\n        x: It.\n    ")
    scene, workplace = make_scene(google + "def add($0a, b):\n    pass\n")
    result = run_task("docstring", scene, workplace, {'"""': "Return a sum.", "a: ": "The first."})
    assert "b:" not in result.changes[0].edits[0].text  # type: ignore[union-attr]
    assert "The model found no words for: b." in result.notes  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "says",
    ["", "x = 3", "the number of the number of the number of the", "Foo", '"""', "}", "Return the sum of the"],
)
def test_words_that_are_no_sentence_are_not_written(says: str) -> None:
    assert "found no words for `add`" in get_refusal("docstring", FUNCTION, {"": says})


def test_another_functions_docstring_is_not_written_once_more() -> None:
    other = build_neighbour("Return the other thing.")
    assert "found no words" in get_refusal("docstring", other + FUNCTION, {'"""': "Returns the other thing."})


def test_it_is_written_after_the_head_and_before_comments() -> None:
    after = apply_task(
        "docstring", "@deco\nasync def add($0a,\n    b,\n) -> int:  # sum\n    # adds\n    return a\n", SAYS
    )
    assert after.startswith('@deco\nasync def add(a,\n    b,\n) -> int:  # sum\n    # adds\n    """Return the sum')


def test_line_ends_stay_as_they_are() -> None:
    after = apply_task("docstring", "def add($0a, b):\r\n    return a\r\n", SAYS)
    assert after == 'def add(a, b):\r\n    """Return the sum of both numbers."""\r\n    return a\r\n'


def test_a_function_without_a_body_gets_one_too() -> None:
    after = apply_task("docstring", "def add($0a, b):\n", SAYS)
    assert after == 'def add(a, b):\n    """Return the sum of both numbers."""\n'


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("a.js", "class A {\n  add($0a) {\n  }\n}\n", "class A {\n  /**\n   * Add one number.\n   */\n  add("),
        ("a.go", "func Add($0a int) int {\n\treturn a\n}\n", "// Add one number.\nfunc Add("),
        ("a.rs", "#[inline]\npub fn add($0a: i32) -> i32 {\n    a\n}\n", "#[inline]\n/// Add one number.\npub fn add("),
        ("a.zig", "pub fn add($0a: i32) i32 {\n    return a;\n}\n", "/// Add one number.\npub fn add("),
    ],
)
def test_other_languages_have_comments_above(name: str, before: str, after: str) -> None:
    says = {"": "Add one number."} if name != "a.go" else {"// Add ": "one number."}
    assert apply_task("docstring", before, says, name).startswith(after)


def test_tags_are_written_where_the_file_has_them() -> None:
    other = "/**\n * One.\n * @param x - it\n */\nfunction one(x) {\n  return x;\n}\n\n"
    fixture = other + "function add($0a) {\n  return a;\n}\n"
    says = {"/**\n * ": "Add one number.", "@param a - ": "the number", "@returns ": "the sum"}
    after = apply_task("docstring", fixture, says, "a.js")
    assert "/**\n * Add one number.\n *\n * @param a - The number\n * @returns The sum\n */\nfunction add(" in after


@pytest.mark.parametrize(
    ("name", "fixture"),
    [
        ("main.py", 'def f($0a):\n    """Doc."""\n'),
        ("main.py", "def f($0a): return a\n"),
        ("main.py", "x = $01\n"),
        ("a.js", "// Doc.\nfunction f($0a) {\n}\n"),
        ("a.txt", "def f($0a):\n"),
    ],
)
def test_it_is_not_offered_where_there_is_one_or_no_place(name: str, fixture: str) -> None:
    assert find_offer("docstring", fixture, name) is None


def test_the_model_is_asked_with_the_function_in_view() -> None:
    scene, workplace = make_scene("import os\n\n\n" + FUNCTION)
    model = ScriptedModel(SAYS)
    run_task("docstring", scene, workplace, model)
    assert model.requests[0].prefix.endswith('def add(a, b):\n    """')
    assert model.requests[0].suffix.startswith("\n    if a < 0:")
    assert "import os" not in model.requests[1].prefix  # once alone, so that others' words are not taken
