from __future__ import annotations

import random

import pytest

from tests.eval.metrics import (
    Outcome,
    compute_edit_similarity,
    compute_identifier_f1,
    compute_interval,
    compute_percentile,
    compute_wilson_interval,
    count_identifiers,
)


def test_the_same_line_is_exact_whatever_the_white_space_around_it() -> None:
    assert Outcome.compare("return area(r)", "  return area(r)\n") == Outcome(1.0, 1.0, 1.0)


def test_nothing_suggested_is_worth_nothing() -> None:
    assert Outcome.compare("return area(r)", "") == Outcome(0.0, 0.0, 0.0)


def test_edit_similarity_is_one_minus_levenshtein_over_the_longer() -> None:
    assert compute_edit_similarity("kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert compute_edit_similarity("", "") == 1.0
    assert compute_edit_similarity("abc", "") == 0.0
    assert compute_edit_similarity("saturday", "sunday") == pytest.approx(1 - 3 / 8)
    assert compute_edit_similarity("🦊b", "🦊") == 0.5


def test_identifiers_leave_out_keywords_strings_comments_and_numbers() -> None:
    assert count_identifiers('return area(r, "radius") if 3 else area  # note') == {"area": 2, "r": 1}


def test_identifiers_of_a_line_that_ends_inside_brackets_or_a_string_are_still_read() -> None:
    assert count_identifiers("self.run(task, [first") == {"self": 1, "run": 1, "task": 1, "first": 1}
    assert set(count_identifiers("name = join('unfinished")) >= {"name", "join"}


def test_identifier_f1_counts_repetition() -> None:
    assert compute_identifier_f1("a + a + b", "a + b + c") == pytest.approx(2 * 2 / 6)
    assert compute_identifier_f1("1 + 2", "3") == 1.0


def test_an_interval_holds_its_mean_narrows_with_n_and_repeats() -> None:
    rng = random.Random(7)  # noqa: S311 - repeats
    few = [float(rng.random() < 0.3) for _ in range(50)]
    many = few * 20
    assert compute_interval(few) == compute_interval(few)
    assert compute_interval(few).low < compute_interval(few).mean < compute_interval(few).high
    assert (
        compute_interval(many).high - compute_interval(many).low
        < compute_interval(few).high - compute_interval(few).low
    )
    assert compute_interval(many).n == 1000


def test_an_interval_of_equal_values_has_no_width() -> None:
    assert (compute_interval([1.0] * 9).low, compute_interval([1.0] * 9).high) == (1.0, 1.0)


def test_an_interval_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        compute_interval([])


def test_percentiles_interpolate() -> None:
    assert compute_percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert compute_percentile([], 95) == 0.0


def test_wilsons_interval_is_the_published_one_and_stays_between_0_and_1() -> None:
    half = compute_wilson_interval(5, 10)
    assert (half.mean, half.n) == (0.5, 10)
    assert (half.low, half.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert (compute_wilson_interval(0, 10).low, compute_wilson_interval(0, 10).high) == pytest.approx(
        (0.0, 0.2775), abs=1e-4
    )
    assert compute_wilson_interval(10, 10).high == 1.0
    with pytest.raises(ValueError, match="at least one"):
        compute_wilson_interval(0, 0)
