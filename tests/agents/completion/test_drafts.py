from __future__ import annotations

import math

import pytest

from agents.completion.drafts import count_accepted_characters, list_first_line_log_probs
from models.completion import Score


def make_score(*tokens: tuple[str, float]) -> Score:
    """Return a score of tokens, each given by its text and its probability."""
    ends, at = [], 0
    for text, _ in tokens:
        at += len(text)
        ends.append(at)
    log_probs = tuple(math.log(probability) if probability else -math.inf for _, probability in tokens)
    return Score("".join(text for text, _ in tokens), log_probs, tuple(ends))


@pytest.mark.parametrize(
    ("tokens", "length"),
    [
        ((("abs", 0.9), ("(x)", 0.51)), 6),
        ((("abs", 0.9), ("(x)", 0.5)), 0),
        ((("abs", 0.4), ("(x)", 0.9)), 0),
        ((("a()", 0.9), ("\n", 0.9), ("b", 0.3)), 3),
        ((("a()", 0.9), ("\n  b", 0.9), ("()", 0.6)), 9),
        ((("a()", 0.0),), 0),
        ((), 0),
    ],
)
def test_whole_lines_that_greedy_decoding_would_give_are_accepted(
    tokens: tuple[tuple[str, float], ...], length: int
) -> None:
    assert count_accepted_characters(make_score(*tokens)) == length


def test_tokens_after_the_first_line_are_left_out() -> None:
    assert list_first_line_log_probs(make_score(("a", 1.0), ("()", 1.0), ("\n", 0.5), ("b", 0.5))) == (0.0, 0.0)
