"""The fit finds what matters, and its figures are what they are called."""

import random
from dataclasses import replace

import pytest

from models.catalog.show_filter import EVIDENCE, KINDS
from tests.eval.fit_show_filter import (
    Shown,
    choose_surest,
    compute_with_interval,
    fit_kinds,
    make_precision,
    make_precision_at_share,
    make_share_at_precision,
    make_shown_share,
    measure_calibration,
)
from tests.eval.show_filter_data import Key, Line


def keys(count: int, package: str = "one") -> list[Key]:
    """Return keys with one line of each kind, mostly right if its tokens are likely and it brings no new names."""
    rng = random.Random(f"{package} {count}")  # noqa: S311 - a sample that repeats
    found = []
    for number in range(count):
        lines = []
        for kind in KINDS:
            evidence = dict.fromkeys(EVIDENCE, 0.0) | {
                "one": 1.0,
                "total": -rng.random() * 6,
                "new_names": float(rng.randrange(2)),
            }
            odds = 3 + evidence["total"] - 3 * evidence["new_names"]
            lines.append(Line(kind, evidence, 0.0, rng.random() < 1 / (1 + 2.718281828**-odds)))
        found.append(Key(package, number, tuple(lines)))
    return found


def test_the_weights_are_those_that_made_the_data() -> None:
    weights = fit_kinds(keys(2000))["alone"]
    assert weights["total"] == pytest.approx(1.0, abs=0.2)
    assert weights["new_names"] == pytest.approx(-3.0, abs=0.5)
    assert weights["one"] == pytest.approx(3.0, abs=0.5)
    assert "after_dot" not in weights  # it never varied


def test_said_is_what_is_seen_in_packages_it_was_not_fitted_on() -> None:
    for row in measure_calibration([*keys(900, "one"), *keys(900, "two")]):
        assert row["said"] == pytest.approx(row["right"], abs=0.12)


def test_the_surest_line_of_a_key_is_chosen_and_recall_takes_part() -> None:
    evidence = dict.fromkeys(EVIDENCE, 0.0) | {"one": 1.0}
    key = Key("one", 3, (Line("alone", evidence, 0.0, right=False), Line("recall", {}, 0.9, right=True)))
    assert choose_surest([key, Key("one", 4, ())], {kind: {"one": 0.0} for kind in KINDS}) == [
        Shown(0.9, right=True, group=("one", 3)),
        Shown(0.0, right=False, group=("one", 4)),
    ]


SHOWN = [Shown(0.9, right=True, group=("a", 1)), Shown(0.7, right=True, group=("a", 1)),
         Shown(0.6, right=False, group=("a", 2)), Shown(0.1, right=False, group=("b", 1))]  # fmt: skip


def test_precision_and_share_are_of_what_is_shown() -> None:
    assert make_precision(0.5)(SHOWN) == pytest.approx(2 / 3)
    assert make_shown_share(0.5)(SHOWN) == 0.75
    assert make_precision_at_share(0.5)(SHOWN) == 1.0
    assert make_share_at_precision(1.0)(SHOWN) == 0.5
    assert make_share_at_precision(0.6)(SHOWN) == 0.75


def test_the_interval_holds_its_figure() -> None:
    figure, low, high = compute_with_interval(SHOWN, make_shown_share(0.5))
    assert low <= figure <= high


def test_a_difference_is_of_the_same_keys() -> None:
    fewer = [replace(one, sure=one.sure / 2) for one in SHOWN]
    assert compute_with_interval(SHOWN, make_shown_share(0.4), less=fewer)[0] == pytest.approx(0.75 - 0.25)
    assert compute_with_interval(SHOWN, make_shown_share(0.4), less=SHOWN) == [0.0, 0.0, 0.0]
