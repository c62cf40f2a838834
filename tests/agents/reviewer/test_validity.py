"""Verdicts on whether a text parses; a grammar that is older than its language gives none."""

from __future__ import annotations

import pytest

from agents.reviewer import validity
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax.syntax import Syntax
from tests.agents.reviewer.labels import make_document


def parses(text: str, language: str, *, ruff: bool = True) -> bool | None:
    record = make_document(text, language)
    policy = ReviewPolicy() if ruff else ReviewPolicy(ruff="never")
    return Reviewer(policy).check_syntax(record, Syntax.of(record)).parses


@pytest.mark.parametrize(
    "text",
    [
        "type Pair[A, B = int] = tuple[A, B]\n\n\nclass Box[T = int]:\n    x: T\n",
        "try:\n    f()\nexcept A, B:\n    pass\n",
        "x = t'{y}'\n",
    ],
)
def test_new_python_parses(text: str) -> None:
    assert parses(text, "python") is True


@pytest.mark.parametrize("text", ["x = (\n", "def f(:\n    pass\n", "x = = 1\n", "print 'a'\n"])
def test_broken_python_does_not(text: str) -> None:
    assert parses(text, "python") is False


def test_without_ruff_the_running_python_decides() -> None:
    assert parses("match = 1\nwith (open('a') as b, open('c') as d):\n    pass\n", "python", ruff=False) is True
    assert parses("x = (\n", "python", ruff=False) is False


def test_new_syntax_of_other_languages_gives_no_verdict() -> None:
    record = make_document("class Cell<in out T> {}\n", "typescript")
    verdict = validity.check_syntax(record, Syntax.of(record))
    assert verdict.parses is None
    assert verdict.places


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("typescript", "class Cell<T> {\n"),
        ("javascript", "f(a, b;\n"),
        ("go", "package a\n\nfunc f( {\n}\n"),
        ("json", '{"a": 1,, "b": 2}'),
    ],
)
def test_an_unclosed_bracket_does_not_parse(language: str, text: str) -> None:
    assert parses(text, language) is False


@pytest.mark.parametrize(
    ("language", "text"),
    [("javascript", "f(`${a}`, [b], { c: (d) });\n"), ("bash", 'if [[ -n "${A[1]}" ]]; then b; fi\n'), ("json", "[]")],
)
def test_valid_texts_parse(language: str, text: str) -> None:
    assert parses(text, language) is True


def test_a_text_without_a_grammar_has_no_verdict() -> None:
    assert parses("anything", "text") is None
