from __future__ import annotations

import math

import pytest

from agents.completion import confidence
from tests.agents.doubles import make_recalled


def test_a_longer_match_has_more_confidence() -> None:
    assert confidence.estimate_recalled(make_recalled("x", matched=20)) > confidence.estimate_recalled(
        make_recalled("x", matched=6)
    )


def test_agreement_of_the_matches_gives_more_confidence() -> None:
    assert confidence.estimate_recalled(make_recalled("x", agreement=1.0)) > confidence.estimate_recalled(
        make_recalled("x", agreement=0.3)
    )


TINY, LARGE = 6_000_000, 7_000_000_000


@pytest.mark.parametrize("parameters", [0, TINY, LARGE])
def test_likelier_tokens_give_more_confidence(parameters: int) -> None:
    sure = confidence.estimate_generated((-0.1, -0.1), parameters)
    assert sure > confidence.estimate_generated((-0.1, -2.0), parameters)


@pytest.mark.parametrize("parameters", [0, TINY, LARGE])
def test_recalled_text_gets_more_confidence_from_a_model_that_agrees(parameters: int) -> None:
    match = make_recalled("x", matched=10)
    assert confidence.estimate_draft(match, (-0.05,), parameters) > confidence.estimate_draft(
        match, (-6.0,), parameters
    )


@pytest.mark.parametrize("parameters", [0, TINY, LARGE])
def test_a_models_line_gets_more_confidence_from_recall_that_agrees(parameters: int) -> None:
    alone = confidence.estimate_generated((-0.5,), parameters)
    assert confidence.estimate_generated((-0.5,), parameters, agreed=0.9) > alone


def test_a_tiny_model_that_disagrees_with_recall_gets_little_confidence_unlike_a_large_one() -> None:
    assert confidence.estimate_generated((-0.1,), TINY, other=0.6) < 0.25
    assert confidence.estimate_generated((-0.1,), LARGE, other=0.6) > 0.8


def test_the_probabilities_of_a_large_model_are_taken_as_they_are() -> None:
    assert confidence.estimate_generated((math.log(0.5), math.log(0.8)), LARGE) == pytest.approx(0.4)


@pytest.mark.parametrize("parameters", [0, TINY, LARGE])
@pytest.mark.parametrize("log_probs", [(), (-math.inf,), (math.nan,), (5.0,), (-1e9, -1e9)])
def test_unusual_log_probabilities_give_a_probability(log_probs: tuple[float, ...], parameters: int) -> None:
    assert 0.0 <= confidence.compute_joint_probability(log_probs) <= 1.0
    assert 0.0 <= confidence.compute_mean_probability(log_probs) <= 1.0
    assert 0.0 <= confidence.estimate_generated(log_probs, parameters) <= 1.0
    assert 0.0 <= confidence.estimate_draft(make_recalled("x", votes=0, matched=0), log_probs, parameters) <= 1.0
