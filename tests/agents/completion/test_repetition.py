"""A suggestion that writes what is there already is recognised, whatever the language; common repetitions are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.shaping.repetition import find_repetition
from agents.suggestions import Trigger
from tests.agents.doubles import MemoryIndex, make_recalled, parse_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agents.completion.editor import Editor

REPEATED = [
    ("def f(\n    self,\n    trust: bool = True,\n    $0\n): ...\n", "trust: bool = True,", "parameter"),
    ("def f(self, name, $0): ...\n", "name", "parameter"),
    ("def f(self, na$0): ...\n", "me, name", "parameter"),
    ("def f(self, $0, name): ...\n", "name", "parameter"),
    ("x = lambda a, $0\n", "a: a", ""),
    ("f(a=1, $0)\n", "a=2", "parameter"),
    ("f(a=1, b=g(a=1), $0)\n", "b=2", "parameter"),
    ("f(\n    a=1,  # b=2\n    $0\n)\n", "a=2", "parameter"),
    ("f(a=1, b=g($0))\n", "a=2", ""),
    ("f(a == 1, $0)\n", "a == 2", ""),
    ('D = {"a": 1, $0}\n', '"a": 2', "parameter"),
    ('D = {"a": 1, $0}\n', '"b": 2', ""),
    ('D = {"a": {"b": 1}, $0}\n', '"b": 2', ""),
    ('NAMES = (\n    "first",\n    "second",\n    $0\n)\n', '"first",', "entry"),
    ("X = [0, $0]\n", "0", ""),
    ("X = [len(a), $0]\n", "len(b)", ""),
    ("x[a:b, $0]\n", "a:c", ""),
    ("f(a, $0)\n", "a", ""),
    ("class A:\n    def one(self):\n        pass\n\n    $0\n", "def one(self):", "definition"),
    ("class A:\n    def one(self):\n        pass\n\n    def o$0\n", "ne(self):", "definition"),
    ("class A:\n    $0\n\n    def one(self):\n        pass\n", "def one(self):", "definition"),
    ("class A:\n    @other\n    def one(self): ...\n\n    @other\n    $0\n", "def one(self, a: str):", ""),
    ("class A:\n    def one(self):\n        pass\n\nclass B:\n    $0\n", "def one(self):", ""),
    ("def one():\n    pass\n\n$0\n", "def one():", "definition"),
    ("if a:\n    def one(): ...\nelse:\n    $0\n", "def one(): ...", ""),
    ("def f():\n    total = count(a)\n    other = 1\n    $0\n", "total = count(a)", "statement"),
    ("def f():\n    $0\n    other = 1\n    total = count(a)\n", "total = count(a)", "statement"),
    ("def f():\n    if a is None:\n        b = 1\n    if $0\n", "a is None:", "statement"),
    ("def f():\n    if x:\n        total = count(a)\n    $0\n", "total = count(a)", ""),
    ("def f():\n    if x:\n        return None\n    if y:\n        $0\n", "return None", ""),
    ("class A:\n    @property\n    def a(self): ...\n\n    $0\n", "@property", ""),
]


@pytest.mark.parametrize(("fixture", "text", "expected"), REPEATED)
def test_what_is_written_a_second_time_is_named(fixture: str, text: str, expected: str) -> None:
    assert find_repetition(parse_cursor(fixture), text) == expected


@pytest.mark.parametrize(
    ("fixture", "text", "expected", "language"),
    [
        ("const a = {\n  name: 1,\n  $0\n};\n", "name: 2,", "parameter", "javascript"),
        ("const f = (name: string, $0) => 1;\n", "name: number", "parameter", "typescript"),
        ("a.map(x => x.one, $0);\n", "x => x.two", "", "javascript"),
        ("let a = f(b::c, $0);\n", "b::d", "", "rust"),
        (".a { color: red; $0 }\n", "color: blue;", "", "css"),
    ],
)
def test_brackets_of_other_languages_are_read_too(fixture: str, text: str, expected: str, language: str) -> None:
    assert find_repetition(parse_cursor(fixture, language), text) == expected


SIGNATURE = "def f(\n    self,\n    trust: bool = True,\n    count: int = 1,\n    $0\n) -> None: ...\n"


def make_index() -> MemoryIndex:
    return MemoryIndex(
        recalled=(
            make_recalled("trust: bool = True,", confidence=0.5),
            make_recalled("proxy: str = '',", confidence=0.4),
        )
    )


def test_while_typing_the_next_best_text_is_shown_instead(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(index=make_index(), policy=CompletionPolicy(threshold=0.1))
    assert "proxy" in editor.complete(SIGNATURE)


def test_a_person_who_asks_sees_the_repeated_text_too(open_editor: Callable[..., Editor]) -> None:
    shown = open_editor(index=make_index()).ask(SIGNATURE, trigger=Trigger.INVOKED, limit=3)
    assert [one.text.partition(":")[0] for one in shown.suggestions] == ["trust", "proxy"]


def test_without_another_text_the_answer_says_why_it_is_empty(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("trust: bool = True,", confidence=0.9),))
    assert open_editor(index=index, policy=CompletionPolicy()).ask(SIGNATURE).why_empty == "parameter"
