"""The evidence for and against a suggestion describes the code around it and the suggestion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from agents.completion import evidence
from agents.completion.evidence import ScoredLine
from models.catalog.show_filter import EVIDENCE
from tests.agents.doubles import make_recalled, parse_cursor

if TYPE_CHECKING:
    from indexing.records import Recalled


def collect(
    fixture: str,
    line: str,
    *log_probs: float,
    raw: str = "",
    known: Recalled | None = None,
    rival: ScoredLine | None = None,
) -> dict[str, float]:
    judged = ScoredLine(line, raw or line, log_probs or (-0.1,))
    return evidence.collect_evidence(parse_cursor(fixture), judged, recalled=known, rival=rival)


def test_the_evidence_has_the_names_that_filters_may_use() -> None:
    assert tuple(collect("x = $0\n", "1")) == EVIDENCE


def test_probabilities_are_summed_up() -> None:
    found = collect("x = $0\n", "f(1)", -0.5, -2.0, -0.1)
    assert (found["total"], found["worst"], found["first"]) == (pytest.approx(-2.6), -2.0, -0.5)


@pytest.mark.parametrize(
    ("fixture", "name"),
    [
        ("x = va$0\n", "in_word"),
        ("def f():\n    $0\n", "line_start"),
        ("x = self.$0\n", "after_dot"),
        ("f(a, $0)\n", "after_open"),
        ("x = $0\n", "after_equals"),
        ("x = 'a $0\n", "in_text"),
        ("x = 1  # of $0\n", "in_text"),
        ("f($0)\n", "code_behind"),
    ],
)
def test_the_place_of_the_cursor_is_described(fixture: str, name: str) -> None:
    assert collect(fixture, "value")[name] == 1.0
    assert collect("y$0\n" if name != "in_word" else "y = $0\n", "value")[name] == 0.0


def test_a_closed_string_before_the_cursor_is_code() -> None:
    assert collect("x = 'a' + $0\n", "b")["in_text"] == 0.0


def test_names_that_are_not_near_are_new_and_a_partial_word_is_completed() -> None:
    assert collect("def total(amount): ...\nx = to$0\n", "tal(amount)")["new_names"] == 0.0
    assert collect("def total(amount): ...\nx = to$0\n", "tally(price)")["new_names"] == 2.0


def test_unbalanced_brackets_are_counted_with_the_text_after_the_cursor() -> None:
    assert collect("f($0)\n", "a[1]")["unbalanced"] == 0.0
    assert collect("f($0\n", "a[1")["unbalanced"] == 2.0
    assert collect("x = $0\n", "'('")["unbalanced"] == 0.0


def test_a_line_that_is_near_the_cursor_already_is_recognized() -> None:
    assert collect("    return None\nif x:\n    ret$0\n", "urn None")["seen_line"] == 1.0
    assert collect("    return 1\nif x:\n    ret$0\n", "urn None")["seen_line"] == 0.0


def test_shortened_and_incomplete_lines_are_recognized() -> None:
    assert collect("x = $0\n", "f(1)", raw="f(1) + 2")["shortened"] == 1.0
    assert collect("x = $0\n", "f(1,")["goes_on"] == 1.0


def test_recalled_text_is_described() -> None:
    found = collect("x = $0\n", "f(1)", known=make_recalled("f(1)", matched=7, votes=3))
    assert found["matched"] == pytest.approx(math.log(8))
    assert found["votes"] == pytest.approx(math.log(4))
    assert found["same_file"] == 1.0
    assert found["said"] > collect("x = $0\n", "f(1)")["said"]


def test_a_draft_and_the_models_own_line_confirm_or_rival_each_other() -> None:
    same = collect("x = $0\n", "f(1)", -0.5, rival=ScoredLine("f(1)", "f(1)", (-0.7,)))
    assert (same["confirmed"], same["rivalled"], same["margin"]) == (1.0, 0.0, 0.0)
    other = collect("x = $0\n", "f(1)", -0.5, rival=ScoredLine("g(2)", "g(2)", (-0.7, -1.0)))
    assert (other["confirmed"], other["rivalled"], other["margin"]) == (0.0, 1.0, pytest.approx(1.2))


def test_without_probabilities_and_recall_the_evidence_is_lowest() -> None:
    found = evidence.collect_evidence(parse_cursor("$0"), ScoredLine("x", "x", ()), recalled=None, rival=None)
    assert found["total"] < -20
    assert found["said"] == pytest.approx(-4, abs=0.01)
