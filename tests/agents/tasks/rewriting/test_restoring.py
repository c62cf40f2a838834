"""Comments and decorators that a model drops unasked are restored, unless the person mentions them."""

from __future__ import annotations

import pytest

from agents.tasks.rewriting.restoring import restore

HELD = '''@cache
@app.get(
    "/",
)
def f(a):
    """Do it.

    Well.
    """
    # first
    # second
    x = a + 1
    if x:
        # inner
        return x
    y = 1  # trailing
    # odd
    y = 1
    return y'''


def restore_text(text: str, held: str = HELD, words: str = "", language: str = "python") -> str:
    return "\n".join(restore(text.split("\n"), held.split("\n"), language, words))


def test_decorators_docstring_and_comments_come_back() -> None:
    text = "def f(a, b=2):\n    x = a + 1\n    if x:\n        return x\n    return b"
    expected = (
        '@cache\n@app.get(\n    "/",\n)\ndef f(a, b=2):\n    """Do it.\n\n    Well.\n    """\n'
        "    # first\n    # second\n    x = a + 1\n    if x:\n        # inner\n        return x\n    return b"
    )
    assert restore_text(text) == expected


def test_what_is_complete_stays_as_it_is() -> None:
    assert restore_text(HELD) == HELD


@pytest.mark.parametrize("words", ["write a docstring", "remove the comments", "describe it"])
def test_documentation_that_the_person_mentions_is_left_to_the_model(words: str) -> None:
    assert restore_text("@cache\ndef f(a):\n    x = a + 1", words=words) == "@cache\ndef f(a):\n    x = a + 1"


def test_a_docstring_or_comment_of_its_own_stays() -> None:
    text = '@cache\ndef f(a):\n    """Other."""\n    # another\n    x = a + 1'
    assert restore_text(text) == text


def test_comments_of_lines_that_are_gone_or_there_twice_are_gone() -> None:
    text = '@cache\ndef f(a):\n    """Do it."""\n    y = 1\n    y = 1'
    assert restore_text(text) == text


def test_other_languages_have_their_comments_and_attributes() -> None:
    held = "#[inline]\nfn f() -> i32 {\n    // why\n    g();\n    1\n}"
    text = "fn f() -> i32 {\n    g();\n    2\n}"
    expected = "#[inline]\nfn f() -> i32 {\n    // why\n    g();\n    2\n}"
    assert restore_text(text, held, language="rust") == expected
