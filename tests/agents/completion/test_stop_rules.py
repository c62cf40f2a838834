from __future__ import annotations

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.plan import plan
from agents.completion.stop_rules import StopRules
from agents.suggestions import Trigger
from tests.agents.doubles import parse_cursor


def check_stop(
    fixture: str, decoded: str, kept: str, language: str = "python", trigger: Trigger = Trigger.AUTOMATIC
) -> None:
    """Feed `decoded` to the rules a character at a time, and check that they keep `kept`."""
    cursor = parse_cursor(fixture, language)
    rules = StopRules(cursor, plan(cursor, None, trigger=trigger, policy=CompletionPolicy()))
    for length in range(1, len(decoded) + 1):
        keep = rules(decoded[:length])
        if keep is not None:
            assert decoded[:keep] == kept
            return
    assert decoded == kept


def test_a_suggestion_of_one_line_ends_at_the_line_end() -> None:
    check_stop("x = $0\n", "1 + 2\ny = 3\n", "1 + 2")


def test_a_body_ends_where_its_indentation_ends() -> None:
    check_stop("def f(x):\n    $0\n", "y = x + 1\n    return y\n\ndef g():\n    pass\n", "y = x + 1\n    return y\n")


def test_a_statement_at_the_top_ends_before_the_next_one() -> None:
    check_stop("import os\n\n$0\n", "def f():\n    return 1\nx = 3\n", "def f():\n    return 1")


def test_a_statement_includes_its_else() -> None:
    check_stop("import os\n\n$0\n", "if a:\n    b()\nelse:\n    c()\nd", "if a:\n    b()\nelse:\n    c()")


def test_a_statement_includes_its_closing_brace() -> None:
    check_stop(
        "const f = 1\n\n$0\n", "function f() {\n  g();\n}\nf();\n", "function f() {\n  g();\n}", language="javascript"
    )


def test_a_block_ends_before_the_line_below_the_cursor() -> None:
    check_stop(
        "def f(x):\n    $0\n    return total\n",
        "total = x\n    total += 1\n    return total\n    more",
        "total = x\n    total += 1",
        trigger=Trigger.INVOKED,
    )


@pytest.mark.parametrize("decoded", ["a, a, a, a, a, a, a, a, a", "self.self.self.self.self.self.self.", "0" * 24])
def test_a_model_in_a_loop_is_stopped(decoded: str) -> None:
    unit = decoded[: len(decoded) // 3]
    cursor = parse_cursor("x = $0\n")
    rules = StopRules(cursor, plan(cursor, None, trigger=Trigger.AUTOMATIC, policy=CompletionPolicy()))
    keep = rules(decoded)
    assert keep is not None
    assert keep < len(unit)


def test_a_line_that_is_repeated_three_times_is_kept_once() -> None:
    check_stop("def f(x):\n    $0\n", "x()\n    y()\n    y()\n    y()\n    z()\n", "x()\n    y()")


def test_a_ruler_is_not_taken_for_a_loop() -> None:
    check_stop("# $0\n", "-------------------------", "-------------------------")


def test_a_closing_bracket_without_an_opening_one_ends_the_text() -> None:
    check_stop("print($0\n", "a, b) + c) + d", "a, b) + c")


def test_only_brackets_that_follow_the_cursor_may_be_repeated() -> None:
    check_stop("print($0)\n", "a, b)) + d", "a, b)")


def test_a_block_ends_after_its_most_lines() -> None:
    decoded = "".join(f"x{number} = {number}\n    " for number in range(40))
    kept = "".join(f"x{number} = {number}\n    " for number in range(16)).rstrip()
    check_stop("def f(x):\n    $0\n", decoded, kept)
