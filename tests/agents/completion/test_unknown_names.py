from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.shaping.unknown_names import find_unknown_name
from tests.agents.completion.editor import LONG_S
from tests.agents.doubles import MemoryIndex, make_recalled, parse_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agents.completion.editor import Editor


@pytest.mark.parametrize(
    ("fixture", "text", "expected"),
    [
        ("value = 1\nx = $0\n", "vale + 1", "vale"),
        ("value = 1\nx = val$0\n", "ue + 1", ""),
        ("value = 1\nx = val$0\n", "ues + 1", "values"),
        ("x = $0\nvalue = 1\n", "value", ""),
        ("x = $0\n", "len(range(3))", ""),
        ("x = $0\n", "[one for one in range(3)]", ""),
        ("x = $0\n", "a.b.c(d=1)", "a"),
        ("import a\nx = $0\n", "a.b.c(d=1)", ""),
        ("import a\nx = $0\n", "a.b(d=nowhere)", "nowhere"),
        ("import a\nx = $0\n", 'a.b("nowhere")', ""),
        ("import a\nx = $0\n", "a.b()  # nowhere", ""),
        ("$0\n", "count = 1", ""),
        ("$0\n", "count: int = 1", ""),
        ("$0\n", "first, second = range(2)", ""),
        ("$0\n", "for one in range(3):", ""),
        ("$0\n", "with open(__file__) as file:", ""),
        ("$0\n", "if (found := len(__name__)):", ""),
        ("x = $0\n", "lambda one, two: one + two", ""),
        ("$0\n", "def count(values, other=1):", ""),
        ("$0\n", "from nowhere import anything", ""),
        ("x = f'{$0\n", "nowhere}'", ""),
    ],
)
def test_a_name_is_unknown_if_nothing_in_the_document_or_in_python_defines_it(
    fixture: str, text: str, expected: str
) -> None:
    assert find_unknown_name(parse_cursor(fixture), text) == expected


def test_other_languages_are_left_alone() -> None:
    assert not find_unknown_name(parse_cursor("let x = $0;\n", "javascript"), "nowhere")


def test_while_typing_a_line_whose_names_are_known_is_shown_instead(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(
        recalled=(make_recalled("count(missing)", confidence=0.5), make_recalled("count(values)", confidence=0.4))
    )
    fixture = "def f(count, values):\n    total = $0\n"
    policy = CompletionPolicy(threshold=0.1)
    assert open_editor(index=index, policy=policy).complete(fixture) == fixture.replace("$0", "count(values)")


def test_the_beginning_before_an_unknown_name_is_shown(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("count(missing)", confidence=0.9),))
    assert open_editor(index=index).complete("def f(count):\n    total = $0\n").endswith("total = count\n")


def test_without_another_text_the_unknown_name_is_shown(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("missing", confidence=0.9),))
    assert "missing" in open_editor(index=index).complete("def f(count):\n    total = $0\n")


@pytest.mark.parametrize("before", ["for" + " " * 100_000, "x" * 100_000, "lambda " * 20_000])
def test_a_very_long_line_takes_little_time(before: str) -> None:
    started = time.thread_time()
    assert not find_unknown_name(parse_cursor(f"{before}$0\n"), "nowhere")
    assert time.thread_time() - started < LONG_S


def test_the_patterns_take_little_time_in_the_longest_line() -> None:
    started = time.thread_time()
    assert find_unknown_name(parse_cursor(f"for{' ' * 900}$0\n"), "nowhere") == "nowhere"
    assert time.thread_time() - started < LONG_S
