"""The progress of a load by the time of the last one; damaged times are ignored."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from models.local.load_times import FILE, LoadTime, estimate_percent

if TYPE_CHECKING:
    from pathlib import Path


def test_a_load_is_at_the_share_of_the_time_it_took_last() -> None:
    assert [estimate_percent(elapsed_s, 20.0) for elapsed_s in (0.0, 0.1, 8.0, 18.0)] == [0, 0, 40, 90]


def test_it_never_goes_back_and_never_reaches_the_whole_however_long_it_takes() -> None:
    shown = [estimate_percent(tenths / 10, 5.0) for tenths in range(2000)]
    assert all(before <= after for before, after in pairwise(shown))
    assert shown[50] in range(91, 99)  # where it should have been ready
    assert {estimate_percent(elapsed_s, 5.0) for elapsed_s in (60.0, 1e6, 1e300)} == {99}


def test_it_slows_down_without_a_jump() -> None:
    shown = [estimate_percent(hundredths / 100, 1.0) for hundredths in range(200)]
    assert max(after - before for before, after in pairwise(shown)) <= 2


def test_the_last_time_is_kept_for_those_weights_alone(tmp_path: Path) -> None:
    one, other = LoadTime("qwen|500|host", tmp_path / "state"), LoadTime("qwen|500|server", tmp_path / "state")
    assert one.load_expected_s() is None
    one.store(3.0)
    one.store(7.25)
    assert (one.load_expected_s(), other.load_expected_s()) == (7.25, None)
    other.store(1.0)
    assert (one.load_expected_s(), other.load_expected_s()) == (7.25, 1.0)


@pytest.mark.parametrize("damaged", ["", "[]", "{", '"long"', "-1", "0", "true", "null", "1e99", "NaN", "[3.0]"])
def test_what_is_damaged_is_not_known(tmp_path: Path, damaged: str) -> None:
    time = LoadTime("qwen", tmp_path)
    time.store(3.0)
    (key,) = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    (tmp_path / FILE).write_text(f'{{"{key}": {damaged}}}', encoding="utf-8")
    assert time.load_expected_s() is None
    time.store(4.0)
    assert time.load_expected_s() == 4.0


def test_no_time_of_a_load_is_kept_where_there_is_no_place_or_it_cannot_be_one(tmp_path: Path) -> None:
    nowhere = LoadTime("qwen", None)
    nowhere.store(3.0)
    assert nowhere.load_expected_s() is None
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    full = LoadTime("qwen", tmp_path / "state")
    full.store(3.0)
    assert full.load_expected_s() is None
    LoadTime("qwen", tmp_path).store(-2.0)
    assert not (tmp_path / FILE).exists()
