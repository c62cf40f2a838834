from __future__ import annotations

import math

import pytest

from agents.generator import confidence
from tests.agents.doubles import recalled


def test_a_longer_match_is_surer() -> None:
    assert confidence.of_recall(recalled("x", matched=20)) > confidence.of_recall(recalled("x", matched=6))


def test_agreement_is_surer_than_dispute() -> None:
    assert confidence.of_recall(recalled("x", agreement=1.0)) > confidence.of_recall(recalled("x", agreement=0.3))


def test_likelier_tokens_are_surer() -> None:
    assert confidence.of_model((-0.1, -0.1)) > confidence.of_model((-0.1, -2.0))


def test_a_model_that_agrees_with_recall_makes_it_surer_than_one_that_does_not() -> None:
    match = recalled("x", matched=10)
    assert confidence.of_draft(match, (-0.05,)) > confidence.of_draft(match, (-6.0,))


@pytest.mark.parametrize("log_probs", [(), (-math.inf,), (math.nan,), (5.0,), (-1e9, -1e9)])
def test_strange_figures_give_a_probability(log_probs: tuple[float, ...]) -> None:
    assert 0.0 <= confidence.of_model(log_probs) <= 1.0
    assert 0.0 <= confidence.of_draft(recalled("x", votes=0, matched=0), log_probs) <= 1.0
