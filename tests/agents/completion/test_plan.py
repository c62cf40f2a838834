from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.plan import Extent, Plan, needs_syntax, plan
from agents.suggestions import Trigger
from indexing.syntax.layout import Kind, Surroundings
from tests.agents.doubles import parse_cursor


def plan_by_lines(
    fixture: str,
    language: str = "python",
    *,
    trigger: Trigger = Trigger.AUTOMATIC,
    policy: CompletionPolicy | None = None,
) -> Plan:
    """Return the plan by the lines alone, as for a language without a grammar."""
    return plan(parse_cursor(fixture, language), None, trigger=trigger, policy=policy or CompletionPolicy())


def check_extent(fixture: str, expected: Extent, language: str = "python") -> None:
    assert plan_by_lines(fixture, language).extent is expected


def test_an_expression_gets_the_rest_of_its_line() -> None:
    check_extent("def f(x):\n    return x.$0\n", Extent.LINE)


@pytest.mark.parametrize(
    ("fixture", "language"),
    [
        ("def f(x):\n    $0\n", "python"),
        ("def f(x):$0\n", "python"),
        ("class A:\n    def f(self):\n        $0\n\n    def g(self):\n        pass\n", "python"),
        ("function f(x) {\n  $0\n}\n", "javascript"),
        ("def f(x) do\n  $0\nend\n", "elixir"),
        ("case x do\n  :a ->\n    $0\nend\n", "elixir"),
        ("fn f(x: u32) void {\n    $0\n}\n", "zig"),
        ("for x in y:\n    $0\n", "text"),
    ],
)
def test_an_empty_body_gets_a_block(fixture: str, language: str) -> None:
    check_extent(fixture, Extent.BLOCK, language)


def test_a_body_with_code_gets_a_line() -> None:
    check_extent("def f(x):\n    $0\n    return x\n", Extent.LINE)


def test_the_place_after_a_docstring_gets_a_block() -> None:
    check_extent('def f(x):\n    """Say.\n\n    More.\n    """\n    $0\n\ndef g(): ...\n', Extent.BLOCK)


def test_the_place_after_any_other_long_string_gets_a_line() -> None:
    check_extent('def f(x):\n    text = """\n    More.\n    """\n    $0\n\n', Extent.LINE)


def test_a_new_statement_at_the_top_gets_one_statement() -> None:
    found = plan_by_lines("import os\n\n$0\n")
    assert (found.extent, found.one_statement, found.indentation) == (Extent.BLOCK, True, 0)


@pytest.mark.parametrize(
    ("fixture", "language"),
    [
        ("x();$0\n", "javascript"),
        ("if (x) {\n}$0\n", "javascript"),
        ("if x:$0\n    pass\n", "python"),
        ("if x do$0\n  y\nend\n", "elixir"),
        ("if x do\n  y\nend$0\n", "elixir"),
        ("x();$0\n", "zig"),
    ],
)
def test_a_finished_line_gets_nothing(fixture: str, language: str) -> None:
    check_extent(fixture, Extent.NOTHING, language)


def test_a_person_who_asks_gets_more_than_a_line() -> None:
    found = plan_by_lines("def f(x):\n    y = x.$0\n    return y\n", trigger=Trigger.INVOKED)
    assert found.one_statement, "the statement that was begun, and not the one after it"
    assert (found.extent, found.indentation) == (Extent.BLOCK, 4)


def test_before_brackets_even_a_person_who_asks_gets_one_line() -> None:
    assert plan_by_lines("f($0)\n", trigger=Trigger.INVOKED).extent is Extent.LINE


def test_blocks_can_be_turned_off() -> None:
    assert plan_by_lines("def f(x):\n    $0\n", policy=CompletionPolicy(blocks=False)).extent is Extent.LINE


EVERY_PLACE = [
    Surroundings(kind, in_empty_body=empty, after_docstring=behind, at_top_level_line=top, scope=None)
    for kind in get_args(Kind)
    for empty, behind, top in product((False, True), repeat=3)
]
PIECES = ("def f(x):", "    ", "x.", "if y", ":", "{", "}", ";", "(", "# a", '"""', "return", " ", "\n")


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["python", "rust", "yaml", "text"]))
def test_if_no_syntax_is_needed_every_place_has_the_same_plan(text: str, language: str) -> None:
    cursor = parse_cursor(f"{text}$0\n", language)
    if not needs_syntax(cursor, trigger=Trigger.AUTOMATIC):
        plans = {plan(cursor, place, trigger=Trigger.AUTOMATIC, policy=CompletionPolicy()) for place in EVERY_PLACE}
        assert plans == {plan_by_lines(f"{text}$0\n", language)}


def test_no_syntax_is_needed_while_a_line_is_typed() -> None:
    assert not needs_syntax(parse_cursor("def f(x):\n    return x.$0\n", "python"), trigger=Trigger.AUTOMATIC)
